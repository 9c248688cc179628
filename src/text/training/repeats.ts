/**
 * The texts that occur more than once in a list of words: the inner nodes of the words' suffix tree, found by sorting all
 * suffixes. Of several texts that occur at the same places, only the longest is a node.
 */
import type { Pausable } from '../../pausable.js';

/** A text that occurs at the places `order[first]` to `order[last]`. */
export interface Repeat {
  readonly length: number;
  readonly first: number;
  readonly last: number;
}

/** Rounds of a loop over places between two pauses: a few milliseconds. */
const pauseMask = 0xffff;

/** The suffixes of a list of symbols in their order, by their first symbols: as many as any text has, and one more. */
export function* sortSuffixes(symbols: Int32Array, longest: number): Pausable<Int32Array<ArrayBuffer>> {
  const { length } = symbols;
  let rank = new Int32Array(length);
  let ranks = 0;
  for (let place = 0; place < length; place++) {
    rank[place] = (symbols[place] as number) + 1;
    ranks = Math.max(ranks, rank[place] as number);
  }
  ranks++;
  /** Sorts what `from` has by keys below `ranks`; equal ones stay in their order. */
  function* byKey(from: Int32Array, key: (place: number) => number): Pausable<Int32Array<ArrayBuffer>> {
    const starts = new Int32Array(ranks + 1);
    for (let i = 0; i < length; i++) {
      if ((i & pauseMask) === pauseMask) yield;
      const slot = key(from[i] as number) + 1;
      starts[slot] = (starts[slot] as number) + 1;
    }
    for (let i = 0; i < ranks; i++) starts[i + 1] = (starts[i + 1] as number) + (starts[i] as number);
    const sorted = new Int32Array(length);
    for (let i = 0; i < length; i++) {
      if ((i & pauseMask) === pauseMask) yield;
      const place = from[i] as number;
      const slot = key(place);
      sorted[starts[slot] as number] = place;
      starts[slot] = (starts[slot] as number) + 1;
    }
    return sorted;
  }
  const inPlace = new Int32Array(length);
  for (let place = 0; place < length; place++) inPlace[place] = place;
  let order = yield* byKey(inPlace, (place) => rank[place] as number);
  // Ranks by the first `known` symbols give those by twice as many.
  for (let known = 1; known <= longest; known *= 2) {
    const behind = (place: number) => (place + known < length ? (rank[place + known] as number) : 0);
    order = yield* byKey(yield* byKey(inPlace, behind), (place) => rank[place] as number);
    const next = new Int32Array(length);
    let count = 0;
    for (let i = 0; i < length; i++) {
      if ((i & pauseMask) === pauseMask) yield;
      const [before, place] = [order[i - 1], order[i] as number];
      if (before === undefined || rank[before] !== rank[place] || behind(before) !== behind(place)) count++;
      next[place] = count;
    }
    rank = next;
    ranks = count + 1;
  }
  return order;
}

/**
 * Texts of at least 2 symbols and at most `longest` that occur twice or more, none with the symbol 0, which parts words;
 * undefined is a pause.
 * @param order the suffixes, as `sortSuffixes` gives them for the same `longest`
 */
export function* repeatsOf(
  symbols: Int32Array,
  order: Int32Array,
  longest: number,
): Generator<Repeat | undefined, void, void> {
  const most = longest + 1;
  const common = (a: number, b: number) => {
    let length = 0;
    while (length < most && b + length < symbols.length && a + length < symbols.length) {
      if (symbols[a + length] !== symbols[b + length]) break;
      length++;
    }
    return length;
  };
  /** Repeats that may go on, each longer than the one before. */
  const open: { length: number; first: number }[] = [{ length: 0, first: 0 }];
  for (let i = 1; i <= order.length; i++) {
    if ((i & pauseMask) === 0) yield undefined;
    const length = i < order.length ? common(order[i - 1] as number, order[i] as number) : 0;
    let first = i - 1;
    while ((open.at(-1) as { length: number }).length > length) {
      const ended = open.pop() as { length: number; first: number };
      first = ended.first;
      const at = order[first] as number;
      const isText = ended.length >= 2 && ended.length <= longest;
      if (isText && !symbols.subarray(at, at + ended.length).includes(0)) {
        yield { length: ended.length, first, last: i - 1 };
      }
    }
    if ((open.at(-1) as { length: number }).length < length) open.push({ length, first });
  }
}
