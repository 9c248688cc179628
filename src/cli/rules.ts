/**
 * Which options contradict each other or need another one. A command lists its rules, and they are looked at before any
 * file is: nobody waits for a model to load to be told that two flags exclude each other.
 */
import { OptionError } from '../index.js';
import { flagOf } from './options.js';
import { shellWord } from './terminal.js';

/** Options that have a value other than a default: as it was typed, or as a file has it. A switch that is off is absent. */
export type Given = Readonly<Record<string, unknown>>;

/** What is wrong, and what to do; undefined where nothing is. */
export type Rule = (given: Given, words: readonly string[]) => string | undefined;

/** An option as it is typed: "--steps 3", "--greedy". */
export function asTyped(name: string, value: unknown): string {
  if (value === true) return flagOf(name);
  const text = Array.isArray(value) ? value.join(',') : String(value);
  return typeof value === 'object' && !Array.isArray(value) ? flagOf(name) : `${flagOf(name)} ${shellWord(text)}`;
}

/** @param because goes on after "and": 'each is the length of the run' */
export const exclusive =
  (one: string, other: string, because: string): Rule =>
  (given) =>
    given[one] === undefined || given[other] === undefined
      ? undefined
      : `${asTyped(one, given[one])} and ${asTyped(other, given[other])} are both given, and ${because}. Leave one of them out.`;

/** @throws OptionError for the first rule that does not hold */
export function checkRules(rules: readonly Rule[], given: Given, words: readonly string[]): void {
  for (const rule of rules) {
    const wrong = rule(given, words);
    if (wrong !== undefined) throw new OptionError(wrong);
  }
}
