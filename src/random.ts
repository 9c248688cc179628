/**
 * Random numbers, and which generator serves what. All of them give the same bits on every machine and engine.
 *
 * - `mixSeed` makes one seed of another and an index, and `randomSeed` one of (seed, purpose, index). Whatever a run
 *   draws is a function of these, so a run keeps no generator's state: a resumed run computes the numbers of any step
 *   anew, and those of one purpose do not move when another draws more. `namedSeed` serves the places of dropout and the
 *   matrices of adapters.
 * - `normalGenerator` and `uniformGenerator` (sfc32) draw the initial weights of a model and the resamples of a bootstrap: long
 *   sequences that are needed once, in order.
 * - `shuffled` is xoshiro256** of src/text/rng.ts, the AssemblyScript generator that `createRng` gives to users and
 *   that the replay buffer and the host's sampler (repetition penalty, n-gram and token bans) draw from.
 * - Kernels have counter-based ones, since threads draw in no order. Dropout hashes (seed, element) with lowbias32
 *   (kernels/shared/hash.wgsl), the cheapest that passes for a mask; sampling uses threefry2x32-13 on (seed, token, step)
 *   (kernels/rows/sample.wgsl), good enough for the tests on the distribution of tokens.
 */
import { createRng } from './text/rng.js';

/** A well-mixed u32 for each (seed, index). The seed is an integer from 0 to 2^53 - 1. */
export function mixSeed(seed: number, index: number): number {
  const mixed = finalise((seed | 0) + Math.imul(index, 0x9e3779b1));
  // Both words of the seed count. Most seeds have no high one.
  const high = Math.floor(seed / 2 ** 32);
  return (high === 0 ? mixed : finalise(mixed ^ finalise(high))) >>> 0;
}

/** MurmurHash3's finaliser of a 32-bit word. */
function finalise(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** A seed of its own for each name. */
export const namedSeed = (seed: number, name: string): number =>
  Array.from(name).reduce((mixed, character) => mixSeed(mixed, character.codePointAt(0) as number), seed);

/** What a number of a run is for. Numbers of different purposes are independent. */
const purposes = {
  order: 1,
  textOrder: 2,
  decision: 3,
  generation: 4,
  dropout: 5,
  replay: 6,
  validation: 7,
  batchOrder: 8,
  heldOut: 9,
  teacherAnswers: 10,
  partner: 11,
  update: 12,
} as const;
export type Purpose = keyof typeof purposes;

/** A u32 that is a function of a run's seed, a purpose and an index (a step, an epoch, a sample). */
export const randomSeed = (seed: number, purpose: Purpose, index: number): number =>
  mixSeed(mixSeed(seed, purposes[purpose]), index);

/** Uniform in [0, 1), a multiple of 2^-32: a function of seed, purpose and index. */
export const randomUniform = (seed: number, purpose: Purpose, index: number): number =>
  randomSeed(seed, purpose, index) / 2 ** 32;

/** 0 .. size - 1 in random order: a function of seed, purpose and `index` (the epoch). */
export const randomOrder = (seed: number, purpose: Purpose, index: number, size: number): Int32Array =>
  shuffled(size, randomSeed(seed, purpose, index));

/** The order in which so many records are drawn to be held out, the same for every run on them, whatever its seed. */
export const heldOutOrder = (records: number): Int32Array => randomOrder(10, 'heldOut', 0, records);

/** 0 .. size - 1 in an order that is a function of the seed, each order as likely as any other. */
export function shuffled(size: number, seed: number): Int32Array {
  const order = Int32Array.from({ length: size }, (_, i) => i);
  createRng(seed).shuffle(order);
  return order;
}

/**
 * Standard normal numbers that are the same bits on every machine and engine: only integer operations, + - * / and
 * Math.sqrt, which hardware rounds correctly. Math.log, cos and the like differ between engines, so the logarithm is
 * our own.
 */
export function normalGenerator(seed: number): () => number {
  const uniform = uniformGenerator(seed);
  let spare: number | undefined;
  // Marsaglia's polar method: a point of the unit disc gives two independent normals.
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const s = x * x + y * y;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((-2 * log(s)) / s);
      spare = y * scale;
      return x * scale;
    }
  };
}

/** Numbers in (0, 1), 32 random bits each: sfc32 (Chris Doty-Humphrey's PractRand), seeded through its own mixing. */
export function uniformGenerator(seed: number): () => number {
  let [a, b, c, counter] = [0, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return () => (next() + 0.5) * 2 ** -32;
}

/** Natural logarithm of x in (0, 1), to about 1e-15 relative. */
export function log(x: number): number {
  let exponent = 0;
  let m = x;
  while (m < Math.SQRT1_2) {
    m *= 2;
    exponent--;
  }
  // ln m = 2 atanh(t), t = (m - 1) / (m + 1), |t| < 0.172: the terms fall by 34 each.
  const t = (m - 1) / (m + 1);
  const square = t * t;
  let sum = 0;
  for (let power = 23; power >= 1; power -= 2) sum = sum * square + 1 / power;
  return 2 * t * sum + exponent * Math.LN2;
}
