import { mixSeed, shuffled } from '../../random.js';

/** What a random number is for. Numbers of different purposes are independent. */
const purposes = {
  order: 1,
  textOrder: 2,
  decision: 3,
  generation: 4,
  dropout: 5,
  replay: 6,
  validation: 7,
  batchOrder: 8,
} as const;
export type Purpose = keyof typeof purposes;

/** A u32 that is a function of the run's seed, a purpose and an index (a step, an epoch, a sample): see src/random.ts. */
export const randomSeed = (seed: number, purpose: Purpose, index: number): number =>
  mixSeed(mixSeed(seed, purposes[purpose]), index);

/** Uniform in [0, 1), a multiple of 2^-32. */
export const randomUniform = (seed: number, purpose: Purpose, index: number): number =>
  randomSeed(seed, purpose, index) / 2 ** 32;

/** 0 .. size - 1 in random order, a function of seed, purpose and `index` (the epoch). */
export const randomOrder = (seed: number, purpose: Purpose, index: number, size: number): Int32Array =>
  shuffled(size, randomSeed(seed, purpose, index));
