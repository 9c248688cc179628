import { DataError } from '../errors.js';

/** The value of one line of JSONL. `where` names the line. @throws DataError */
export function parseJsonLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    // To the engine each line is line 1.
    const reason = (cause as Error).message.replace(/\bline 1 (?=column \d)/, '');
    throw new DataError(`${where} is not JSON (${reason}). Each line must hold one whole object.`, {
      found: line.slice(0, 80),
      cause,
    });
  }
}
