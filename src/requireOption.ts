import { OptionError } from './errors.js';
import { inWords } from './inWords.js';

/**
 * The one form that the refusal of an option has: where, which option, what was found, what was expected.
 * @throws OptionError unless `ok`
 */
export function requireOption(where: string, option: string, found: unknown, ok: boolean, expected: string): void {
  if (!ok) throw refusedOption(where, option, found, expected);
}

export const refusedOption = (where: string, option: string, found: unknown, expected: string): OptionError =>
  new OptionError(`${where}: ${option} is ${inWords(found)}, expected ${expected}.`, { found, expected });
