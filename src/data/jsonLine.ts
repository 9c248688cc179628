import { escaped } from '../inWords.js';

/** Why a record cannot be used, as the end of a sentence that begins with its line: " is not JSON (...)". */
export class Problem {
  constructor(readonly text: string) {}
}

/** The value of one line of JSONL. */
export function parseJsonLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    // To the engine each line is line 1.
    const reason = (cause as Error).message.replace(/\bline 1 (?=column \d)/, '');
    return new Problem(` is not JSON (${escaped(reason)}). Each line must hold one whole object`);
  }
}
