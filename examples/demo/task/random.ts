import type { Rng } from 'distillm';

export const pick = <T>(rng: Rng, from: readonly T[]): T => from[rng.int(from.length)] as T;

/** `count` different elements in random order. */
export function pickSome<T>(rng: Rng, from: readonly T[], count: number): T[] {
  const order = Int32Array.from(from.keys());
  rng.shuffle(order);
  return Array.from(order.subarray(0, count), (index) => from[index] as T);
}

export const chance = (rng: Rng, probability: number): boolean => rng.uniform() < probability;
