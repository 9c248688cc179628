/** Sets of code points, as sorted ranges that do not touch: [first, last, first, last, ...], last included. */
export type CharacterSet = readonly number[];

export const LAST_CODE_POINT = 0x10ffff;
export const anything: CharacterSet = [0, LAST_CODE_POINT];

/** The set of ranges in any order. */
export function setOf(...ranges: readonly (readonly [first: number, last: number])[]): CharacterSet {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const set: number[] = [];
  for (const [first, last] of sorted) {
    const end = set.at(-1);
    if (end === undefined || first > end + 1) set.push(first, last);
    else if (last > end) set[set.length - 1] = last;
  }
  return set;
}

const rangesOf = (set: CharacterSet) =>
  Array.from({ length: set.length / 2 }, (_, i) => [set[2 * i] as number, set[2 * i + 1] as number] as const);

export const union = (...sets: readonly CharacterSet[]): CharacterSet => setOf(...sets.flatMap(rangesOf));

export function complement(set: CharacterSet): CharacterSet {
  const rest: number[] = [];
  let next = 0;
  for (const [first, last] of rangesOf(set)) {
    if (first > next) rest.push(next, first - 1);
    next = last + 1;
  }
  if (next <= LAST_CODE_POINT) rest.push(next, LAST_CODE_POINT);
  return rest;
}

export const intersection = (one: CharacterSet, other: CharacterSet): CharacterSet =>
  complement(union(complement(one), complement(other)));
