/**
 * The log of a run: JSON lines, one for each event as it happens, with the time. A run is worth more than its log:
 * where the log cannot be written, people are warned, and the run goes on.
 */
import { existsSync, readFileSync } from 'node:fs';
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

const newline = 0x0a;

/** Leaves out what a killed run wrote after its last checkpoint. */
function keepUntil(file: OwnFile, step: number): void {
  if (!existsSync(file.path)) return;
  const log = readFileSync(file.path);
  const kept: Buffer[] = [];
  for (let at = 0; at < log.length; ) {
    const end = log.indexOf(newline, at) + 1 || log.length;
    const line = log.subarray(at, end);
    if (line.at(-1) === newline && isBefore(line.toString(), step)) kept.push(line);
    at = end;
  }
  file.replace(Buffer.concat(kept));
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
