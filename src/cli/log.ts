/** The log of a run: JSON lines, one for each event as it happens, with the time. */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { writing } from './outputs.js';

/** Adds a record to the log. @throws CheckpointError when it cannot be written */
export type Log = (record: object) => void;

/**
 * Opens a log.
 * @param goesOnAfter step after which a resumed run goes on: the lines of an existing log stay, but for those of later
 * steps, which the run takes again, and for a line that a kill cut. Without it an existing log is replaced.
 */
export function openLog(path: string, { goesOnAfter }: { readonly goesOnAfter?: number | undefined } = {}): Log {
  const flag = '--log';
  writing(flag, path, () => {
    mkdirSync(dirname(path), { recursive: true });
    if (goesOnAfter === undefined) writeFileSync(path, '');
    else keepUntil(path, goesOnAfter);
  });
  return (record) =>
    writing(flag, path, () =>
      appendFileSync(path, `${JSON.stringify({ time: new Date().toISOString(), ...record })}\n`),
    );
}

const newline = 0x0a;

/** Leaves out what a killed run wrote after its last checkpoint. The new file is written aside and renamed. */
function keepUntil(path: string, step: number): void {
  let log: Buffer;
  try {
    log = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const part = `${path}.${process.pid}.part`;
  const file = openSync(part, 'w');
  try {
    for (let at = 0; at < log.length; ) {
      const end = log.indexOf(newline, at) + 1 || log.length;
      const line = log.subarray(at, end);
      if (line.at(-1) === newline && isBefore(line.toString(), step)) writeSync(file, line);
      at = end;
    }
  } finally {
    closeSync(file);
  }
  renameSync(part, path);
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
