/**
 * The ranges that options of this package have, each with the words by which messages and `--help` call it. The words
 * are the zod message of every way to miss the range, so that "expected ..." reads the same everywhere.
 */
import * as z from 'zod';

/** An integer in [least, most]. */
export function integer(least: number, most?: number, words = inWords(least, most)) {
  return z
    .int(words)
    .min(least, words)
    .max(most ?? Number.MAX_SAFE_INTEGER, words);
}
const inWords = (least: number, most?: number) =>
  most === undefined ? `an integer of at least ${least}` : `an integer from ${least} to ${most}`;

/** All of these are finite: zod's number takes neither NaN nor infinity. */
const number = z.number;

export const count = integer(1);
export const countOrZero = integer(0);
/** What a kernel or a WebAssembly module takes as i32. */
export const word = integer(0, 2 ** 31 - 1, 'an integer from 0 to 2^31 - 1');
/** What seeds a generator. */
export const seed = integer(0, Number.MAX_SAFE_INTEGER, 'an integer from 0 to 2^53 - 1');
/** The word, or an integer of at least 1. */
export function countOr<const Word extends string>(literal: Word) {
  const words = `'${literal}' or ${inWords(1)}`;
  // The words on both sides: zod refuses a number by the message of the side that takes numbers.
  return z.union([z.literal(literal), integer(1, undefined, words)], words);
}

/** How often something is done that steps and clocks can count. */
const often = "'validation', an integer of at least 1, or minutes as in '30min'";
export const stepsOrMinutes = z.union(
  [
    z.literal('validation'),
    integer(1, undefined, often),
    z.string(often).regex(/^(?!0+(?:\.0*)?min$)\d+(?:\.\d+)?min$/, often),
  ],
  often,
);

const span = "'forever', or minutes as in '30min'";
/** How long something may last. */
export const minutesOrForever = z.string(span).regex(/^(?:forever|\d+(?:\.\d+)?min)$/, span);

const above0 = 'a number above 0';
export const positive = number(above0).gt(0, above0);
/**
 * What a kernel takes as f32 and compares with 0 or divides by. A GPU may read a number below 2^-126 as 0 where other
 * processors do not, and nobody reads one beyond the largest as a number.
 */
const [leastF32, mostF32] = [2 ** -126, (2 - 2 ** -23) * 2 ** 127];
const isF32 = (value: number) => value >= leastF32 && value <= mostF32;
const f32Words = 'as f32 holds it (1.2e-38 to 3.4e38)';
const aboveF32 = `a number above 0 ${f32Words}`;
/** What f32 holds is of interest to who gave a number beyond it; to others, that a number is wanted. */
const wordsOf = (plain: string, precise: string) => ({
  error: ({ input }: { readonly input?: unknown }) => (typeof input === 'number' && input > 0 ? precise : plain),
});
export const positiveF32 = number(wordsOf(above0, aboveF32)).gt(0, above0).refine(isF32, aboveF32);
const from0 = 'a number of at least 0';
const zeroOr = `0 or a number ${f32Words}`;
export const zeroOrF32 = number(wordsOf(from0, zeroOr))
  .min(0, from0)
  .refine((value) => value === 0 || isF32(value), zeroOr);
export const notNegative = number(from0).min(0, from0);
/** A number in [least, most]. */
export function between(least: number, most: number) {
  const words = `a number from ${least} to ${most}`;
  return number(words).min(least, words).max(most, words);
}
export const share = between(0, 1);
const below1 = 'a number of at least 0 and below 1';
export const shareBelow1 = number(below1).min(0, below1).lt(1, below1);
const inside = 'a number above 0 and below 1';
export const openShare = number(inside).gt(0, inside).lt(1, inside);
const some = 'a number above 0 and at most 1';
export const someShare = number(some).gt(0, some).max(1, some);

export const switched = z.boolean('true or false');
export const text = z.string('some text').min(1, 'some text');
export const choice = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, `one of ${names.join(', ')}`);
