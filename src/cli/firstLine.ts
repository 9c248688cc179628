/** The first line of a file of JSON lines, however long it is: that of a log or of kept options names all of a run's data. */
import { closeSync, openSync, readSync } from 'node:fs';

/** Bytes that are read at a time. */
const pieceBytes = 2 ** 16;
/** No line of options is so long. Below the longest string of an engine. */
const longestLine = 2 ** 28;

const newline = 0x0a;

/** The line without its end; undefined where it is longer than any line of options. Throws what the system throws. */
export function firstLine(path: string): string | undefined {
  const file = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (let bytes = 0; bytes <= longestLine; ) {
      const piece = Buffer.alloc(pieceBytes);
      const read = piece.subarray(0, readSync(file, piece));
      const end = read.indexOf(newline);
      pieces.push(end < 0 ? read : read.subarray(0, end));
      if (end >= 0 || read.length === 0) return Buffer.concat(pieces).toString('utf8');
      bytes += read.length;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}
