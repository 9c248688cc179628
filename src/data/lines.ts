/**
 * The lines of a text, read piece by piece. A line that cannot be text is told with its number, and the next ones are
 * read all the same: one bad byte must not hide what else a file holds.
 */
import { formatBytes } from '../errors.js';
import { concatenate } from '../io/concatenate.js';
import { mistaken } from '../io/likeness.js';
import { firstInvalid } from '../io/utf8.js';
import { readBytes, type TextSource } from './source.js';

/** A line: its text, or why it has none. */
export type Line = {
  /** From 1. */
  readonly number: number;
} & ({ readonly text: string } | { readonly problem: string });

/** Bytes of a line. A longer one is no record, and would have to be held whole. */
export const longestLine = 2 ** 24;
const newline = 0x0a;

/**
 * The lines of a source that hold more than white space, a piece of the file at a time. A byte order mark is left out.
 * @throws DataError as `readBytes`
 */
export const readLines = (source: TextSource, expected: string): AsyncGenerator<Line[]> =>
  linesOf(readBytes(source, (name, beginning) => mistaken(name, beginning, expected)));

/** The same of bytes. */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  /** What has been read of a line whose end has not. */
  let begun: Uint8Array[] = [];
  let bytes = 0;
  let number = 1;
  for await (const piece of pieces) {
    const end = piece.lastIndexOf(newline) + 1;
    if (end > 0) {
      const first = piece.indexOf(newline) + 1;
      const lines: Line[] = [];
      const add = (block: Uint8Array) => {
        for (const line of decodeLines(block, number)) lines.push(line);
        for (let i = 0; i < block.length; i++) if (block[i] === newline) number++;
      };
      if (bytes + first > longestLine) {
        lines.push({ number, problem: tooLong(bytes + first) });
        number++;
      } else add(joined([...begun, piece.subarray(0, first)]));
      add(piece.subarray(first, end));
      begun = [];
      bytes = 0;
      if (lines.length > 0) yield lines;
    }
    // Of a line that is too long already only its length is of interest.
    if (bytes <= longestLine) begun.push(piece.slice(end));
    else begun = [];
    bytes += piece.length - end;
  }
  if (bytes > longestLine) yield [{ number, problem: tooLong(bytes) }];
  else {
    const lines = decodeLines(joined(begun), number);
    if (lines.length > 0) yield lines;
  }
}

const tooLong = (bytes: number) =>
  `the line has ${formatBytes(bytes)}, expected at most ${formatBytes(longestLine)}: one record a line`;

const joined = (parts: readonly Uint8Array[]): Uint8Array =>
  parts.length === 1 ? (parts[0] as Uint8Array) : concatenate(parts);

/** The lines of whole lines' bytes: together where all are UTF-8, one by one where some are not. */
function decodeLines(block: Uint8Array, first: number): Line[] {
  let texts: string[];
  try {
    texts = strict().decode(block).split('\n');
  } catch {
    return decodeOneByOne(block, first);
  }
  return texts.flatMap((text, index) => lineOf(first + index, text));
}

function decodeOneByOne(block: Uint8Array, first: number): Line[] {
  const lines: Line[] = [];
  for (let at = 0, number = first; at < block.length; number++) {
    const next = block.indexOf(newline, at);
    const end = next < 0 ? block.length : next;
    const line = lineIn(block.subarray(at, end), number);
    if (line) lines.push(line);
    at = end + 1;
  }
  return lines;
}

/** The line that these bytes are; undefined for white space. */
export function lineIn(bytes: Uint8Array, number: number): Line | undefined {
  const invalid = firstInvalid(bytes);
  if (invalid === bytes.length) return lineOf(number, strict().decode(bytes))[0];
  const byte = (bytes[invalid] as number).toString(16).toUpperCase();
  return { number, problem: `byte ${invalid + 1} of the line (0x${byte}) is not UTF-8: convert the file to UTF-8` };
}

const strict = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function lineOf(number: number, text: string): Line[] {
  const line = number === 1 ? text.replace(/^\ufeff/, '') : text;
  return line.trim() === '' ? [] : [{ number, text: line }];
}
