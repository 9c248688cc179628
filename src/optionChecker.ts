import { OptionError } from './errors.js';

type OptionCheck = (option: string, found: unknown, ok: boolean, expected: string) => void;

/** Refuses the options of `where` in the one form that these messages have. The checker throws OptionError unless `ok`. */
export const optionChecker =
  (where: string): OptionCheck =>
  (option, found, ok, expected) => {
    if (!ok) throw new OptionError(`${where}: ${option} is ${found}, expected ${expected}.`, { found, expected });
  };

/** @throws OptionError unless `found` is an integer in [low, high]. */
export function checkInteger(check: OptionCheck, option: string, found: number, low: number, high = Infinity): void {
  const upTo = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`;
  check(option, found, Number.isInteger(found) && found >= low && found <= high, `an integer ${upTo}`);
}

/** What seeds a generator. @throws OptionError unless it is an integer from 0 to 2^53 - 1. */
export function checkSeed(check: OptionCheck, option: string, found: number): void {
  checkInteger(check, option, found, 0, Number.MAX_SAFE_INTEGER);
}
