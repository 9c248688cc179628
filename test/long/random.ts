/** A small generator of random numbers: every mutation and every kill can be had again by its seed and its number. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer from 0 to `below` - 1. */
  int(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Mulberry32 on a hash (FNV-1a) of the text: neighbouring seeds share nothing. */
export function randomOf(...seed: readonly (string | number)[]): Random {
  let state = 0x811c9dc5;
  for (const char of seed.join(' ')) state = Math.imul(state ^ (char.codePointAt(0) as number), 0x01000193);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number) => Math.floor(next() * below);
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (list) => list[int(list.length)] as (typeof list)[number],
  };
}
