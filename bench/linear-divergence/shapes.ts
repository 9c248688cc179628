import type { Size } from '../frame/benchmark.ts';
import { noise } from '../frame/measure.ts';

export interface LinearDivergenceShape {
  readonly tokens: number;
  readonly vocab: number;
  readonly studentWidth: number;
  readonly teacherWidth: number;
}
export const linearDivergenceShapes: Readonly<Record<Size, LinearDivergenceShape>> = {
  large: { tokens: 2048, vocab: 50257, studentWidth: 768, teacherWidth: 768 },
  full: { tokens: 2048, vocab: 50257, studentWidth: 768, teacherWidth: 1600 },
  small: { tokens: 512, vocab: 50257, studentWidth: 256, teacherWidth: 512 },
  tiny: { tokens: 67, vocab: 1031, studentWidth: 48, teacherWidth: 80 },
};
export const linearDivergenceName = ({ tokens, vocab, studentWidth, teacherWidth }: LinearDivergenceShape): string =>
  `${tokens} tokens, ${vocab} words, ${studentWidth} and ${teacherWidth} wide`;

/** Rows that are checked against float64 on the host; more than 8, so that they take the same path as all the others. */
export const CHECKED_ROWS = 12;

/** A matrix of noise without memory: element i is `scale * block[(i + shift) % block.length]`. */
export interface Source {
  readonly scale: number;
  readonly shift: number;
}
/** A prime, so that no two rows are the same. */
const block = noise(1_000_003);

/** Logits get a standard deviation of about 2. */
export const operands = ({ studentWidth, teacherWidth }: LinearDivergenceShape) => ({
  studentHidden: { scale: 1, shift: 1 },
  teacherHidden: { scale: 1, shift: 2 },
  studentHead: { scale: 6 / Math.sqrt(studentWidth), shift: 3 },
  teacherHead: { scale: 6 / Math.sqrt(teacherWidth), shift: 4 },
});

export const element = ({ scale, shift }: Source, index: number): number =>
  Math.fround(scale * (block[(index + shift) % block.length] as number));

/** `length` elements from `start` on. */
export const elements = (source: Source, length: number, start = 0): Float32Array =>
  Float32Array.from({ length }, (_, i) => element(source, start + i));

/**
 * @param loss the sum over the checked rows
 * @param allowed relative error
 * @throws Error when it is not that of float64
 */
export function checkLoss(loss: number, shape: LinearDivergenceShape, alpha: number, allowed = 1e-4): void {
  const want = expectedLoss(shape, alpha);
  if (!(Math.abs(loss - want) < allowed * want))
    throw new Error(`the loss of ${CHECKED_ROWS} rows is ${loss}, not ${want}`);
}

/** Sum over the checked rows of KL(p || alpha p + (1 - alpha) q), p teacher, q student, in float64. */
function expectedLoss(shape: LinearDivergenceShape, alpha: number): number {
  const { vocab, studentWidth, teacherWidth } = shape;
  const weights = operands(shape);
  const probabilities = (hidden: Source, head: Source, row: number, width: number) => {
    const x = Float64Array.from({ length: width }, (_, i) => element(hidden, row * width + i));
    const logits = Float64Array.from({ length: vocab }, (_, word) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += (x[i] as number) * element(head, word * width + i);
      return sum;
    });
    const largest = logits.reduce((a, b) => Math.max(a, b));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    return logits.map((logit) => Math.exp(logit - largest) / total);
  };
  let loss = 0;
  for (let row = 0; row < CHECKED_ROWS; row++) {
    const p = probabilities(weights.teacherHidden, weights.teacherHead, row, teacherWidth);
    const q = probabilities(weights.studentHidden, weights.studentHead, row, studentWidth);
    p.forEach((value, word) => {
      loss += value * Math.log(value / (alpha * value + (1 - alpha) * (q[word] as number)));
    });
  }
  return loss;
}
