import type { Size } from '../frame/benchmark.ts';
import { noise } from '../frame/measure.ts';

/** Rows and words of the logits that the divergence benchmarks take. */
export const divergenceShapes = {
  large: [2048, 50257],
  full: [512, 50257],
  small: [128, 50257],
  tiny: [7, 1031],
} as const satisfies Readonly<Record<Size, readonly [number, number]>>;
export const skewAlpha = 0.1;
export const divergenceName = (size: Size): string => `skewKL [${divergenceShapes[size].join(', ')}]`;

/** Logits of the teacher and of the student, from -5 to 5. */
export function divergenceLogits(size: Size): { teacher: Float32Array; student: Float32Array } {
  const [rows, vocab] = divergenceShapes[size];
  const logits = (seed: number) => noise(rows * vocab, seed).map((x) => 5 * x);
  return { teacher: logits(2), student: logits(1) };
}

/** @throws Error when the loss of the first or of the last row is not that of float64 */
export function checkRowLosses(losses: Float32Array, logits: ReturnType<typeof divergenceLogits>): void {
  const vocab = logits.student.length / losses.length;
  const probabilities = (row: Float32Array) => {
    const weights = Float64Array.from(row, Math.exp);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };
  for (const row of [0, losses.length - 1]) {
    const [p, q] = [logits.teacher, logits.student].map((all) =>
      probabilities(all.subarray(row * vocab, (row + 1) * vocab)),
    ) as [Float64Array, Float64Array];
    const mixed = (word: number) => skewAlpha * (p[word] as number) + (1 - skewAlpha) * (q[word] as number);
    const want = p.reduce((sum, value, word) => sum + value * Math.log(value / mixed(word)), 0);
    const got = losses[row] as number;
    if (!(Math.abs(got - want) < 1e-4 * want)) throw new Error(`the loss of row ${row} is ${got}, not ${want}`);
  }
}
