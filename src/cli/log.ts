/**
 * The log of a run: JSON lines, one for each event as it happens, with the time. A run is worth more than its log:
 * where the log cannot be written, people are warned, and the run goes on.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { counted } from './format.js';
import { unwritable } from './outputs.js';
import { type OwnFile, openOwnFile } from './ownFile.js';

/** Adds a record to the log. */
export type Log = (record: object) => void;

/**
 * Opens a log.
 * @param goesOnAfter step after which a resumed run goes on: the lines of an existing log stay, but for those of later
 * steps, which the run takes again, and for a line that a kill cut. Without it an existing log is replaced.
 * @param warn gets a line for people where the log cannot be written, and one where it can again
 */
export function openLog(
  path: string,
  { goesOnAfter, warn }: { readonly goesOnAfter?: number | undefined; readonly warn: (line: string) => void },
): Log {
  let file: OwnFile | undefined;
  let isBegun = false;
  let lost = 0;
  const write = (record: object) => {
    file ??= openOwnFile(path);
    if (!isBegun) {
      if (goesOnAfter === undefined) file.clear();
      else keepUntil(file, goesOnAfter);
      isBegun = true;
    }
    // Its folder may have been made anew.
    if (!existsSync(file.path)) file.clear();
    file.append(`${JSON.stringify({ time: new Date().toISOString(), ...record })}\n`);
  };
  return (record) => {
    try {
      write(record);
    } catch (cause) {
      if (lost++ === 0) warn(`--log ${path} ${unwritable(cause)} The run goes on without it.`);
      return;
    }
    if (lost > 0) warn(`--log ${path} can be written again, with a gap of ${counted(lost, 'line')}.`);
    lost = 0;
  };
}

/** Leaves out what a killed run wrote after its last checkpoint. */
function keepUntil(file: OwnFile, step: number): void {
  if (existsSync(file.path)) file.replace(linesUntil(file.path, step));
}

const newline = 0x0a;
/** Bytes that are looked at at a time: the log of many days may be larger than an array. */
const pieceBytes = 2 ** 22;

/** The lines of a log that belong to no step after `step`, without the last one where a kill cut it. */
function* linesUntil(path: string, step: number): Generator<Buffer> {
  const file = openSync(path, 'r');
  try {
    let rest = Buffer.alloc(0);
    for (;;) {
      const piece = Buffer.alloc(pieceBytes);
      const bytes = readSync(file, piece);
      if (bytes === 0) return;
      const found = Buffer.concat([rest, piece.subarray(0, bytes)]);
      const kept: Buffer[] = [];
      let begin = 0;
      for (let end = found.indexOf(newline); end >= 0; end = found.indexOf(newline, begin)) {
        const line = found.subarray(begin, end + 1);
        if (isBefore(line.toString(), step)) kept.push(line);
        begin = end + 1;
      }
      yield Buffer.concat(kept);
      rest = found.subarray(begin);
    }
  } finally {
    closeSync(file);
  }
}

/** Whether a line is a whole record that belongs to no step after `step`. */
function isBefore(line: string, step: number): boolean {
  try {
    const record = JSON.parse(line) as { readonly step?: number } | null;
    return typeof record === 'object' && !((record?.step ?? 0) > step);
  } catch {
    return false;
  }
}
