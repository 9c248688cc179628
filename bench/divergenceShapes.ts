import type { Size } from './benchmarks/benchmark.ts';
import { noise } from './measure.ts';

/** Rows and words of the logits that the divergence benchmarks take. */
export const divergenceShapes = {
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
