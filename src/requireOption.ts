import { OptionError } from './errors.js';

/**
 * The one form that the refusal of an option has: where, which option, what was found, what was expected.
 * @throws OptionError unless `ok`
 */
export function requireOption(where: string, option: string, found: unknown, ok: boolean, expected: string): void {
  if (!ok) throw refusedOption(where, option, found, expected);
}

export const refusedOption = (where: string, option: string, found: unknown, expected: string): OptionError =>
  new OptionError(`${where}: ${option} is ${inWords(found)}, expected ${expected}.`, { found, expected });

/** A function or an object tells nothing by its text. */
function inWords(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
