/** Shapes and fillings that the cases of several chapters use. */
import type { Random } from '../random.js';

/** 1, primes, around the tiles (4x16, 64, 96, 256), two vector steps and a tail, one larger. */
export const sizes = [1, 2, 3, 7, 16, 19, 64, 97, 257, 1031, 70_001];

export const poison = (operand: Float64Array) => operand.fill(Number.NaN);
/** With accumulate 0 the destination is undefined memory. */
export const poisonUnless = (accumulate: number, ...operands: Float64Array[]) => {
  if (!accumulate) operands.forEach(poison);
};

/** The largest halves, the smallest normal one, subnormals, zeros of both signs. */
export const hardHalves = [65504, -65504, 2 ** -14, -(2 ** -24), 1023 * 2 ** -24, 3 * 2 ** -20, 0, -0];
/** Powers of two from 2^-64 to 1, in turn. */
export const halfScale = (index: number) => [1, 2 ** -9, 2 ** -64][index % 3]!;
export const matrices = [
  [1, 1],
  [3, 7],
  [7, 1],
  [1, 257],
  [5, 64],
  [97, 19],
  [67, 131],
] as const;
export const fillLabels = (labels: Float64Array, vocab: number, random: Random) =>
  labels.forEach((_, r) => {
    labels[r] = random.integer(vocab);
  });

export function scaleBy(x: Float64Array, factor: number): void {
  x.forEach((v, i) => {
    x[i] = v * factor;
  });
}

export const sized = (size: number) => ({ dims: { size }, params: {} });
export const shaped = ([rows, cols]: readonly [number, number]) => ({ dims: { rows, cols }, params: {} });
