import { OptionError } from './errors.js';

/** Refuses the options of `where` in the one form that these messages have. The checker throws OptionError unless `ok`. */
export const optionChecker =
  (where: string) =>
  (option: string, found: unknown, ok: boolean, expected: string): void => {
    if (!ok) throw new OptionError(`${where}: ${option} is ${found}, expected ${expected}.`, { found, expected });
  };
