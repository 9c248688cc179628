import type { Size } from '../frame/benchmark.ts';

export interface Depth {
  readonly layers: number;
  readonly width: number;
}
export interface TrainingShape {
  readonly family: 'gpt2' | 'llama' | 't5';
  readonly teacher: Depth;
  readonly student: Depth;
  readonly batchSize: number;
  readonly length: number;
  readonly steps: number;
  readonly vocab: number;
  readonly positions: number;
  /** Widths are divided by it. */
  readonly shrink: number;
}

const models = {
  family: 'gpt2',
  teacher: { layers: 8, width: 512 },
  student: { layers: 4, width: 256 },
  positions: 256,
} as const;
const gpt2Small = { layers: 12, width: 768 } as const;
export const trainingShapes: Readonly<Record<Size, TrainingShape>> = {
  large: {
    family: 'gpt2',
    ...{ teacher: gpt2Small, student: gpt2Small, positions: 1024 },
    ...{ batchSize: 8, length: 512, steps: 16, vocab: 50257, shrink: 1 },
  },
  full: { ...models, batchSize: 8, length: 128, steps: 24, vocab: 4096, shrink: 1 },
  small: { ...models, batchSize: 8, length: 128, steps: 12, vocab: 4096, shrink: 1 },
  tiny: { ...models, batchSize: 2, length: 128, steps: 8, vocab: 512, shrink: 8 },
};
/** The course of models of 10 million weights. */
const tenMillion = (
  models: Pick<TrainingShape, 'family' | 'teacher' | 'student' | 'positions'>,
): Readonly<Record<Size, TrainingShape>> => ({
  large: { ...models, batchSize: 8, length: 256, steps: 16, vocab: 4096, shrink: 1 },
  full: { ...models, batchSize: 8, length: 128, steps: 16, vocab: 4096, shrink: 1 },
  small: { ...models, batchSize: 8, length: 128, steps: 8, vocab: 4096, shrink: 1 },
  tiny: { ...models, batchSize: 2, length: 128, steps: 8, vocab: 512, shrink: 8 },
});
/**
 * LLaMA models of 10 million weights, teacher and student: 64 dims a head, a third as many key heads, an MLP of 7/3 the
 * width, a tied head.
 */
const llama = {
  family: 'llama',
  teacher: { layers: 6, width: 384 },
  student: { layers: 6, width: 384 },
  positions: 256,
} as const;
export const llamaShapes = tenMillion(llama);
/**
 * T5 models of 10 million weights, teacher and student: as many blocks in the encoder as in the decoder, heads of 64 dims,
 * a gated MLP of 11/4 the width, a tied head. Half of a sequence is the prompt.
 */
const t5 = {
  family: 't5',
  teacher: { layers: 5, width: 256 },
  student: { layers: 5, width: 256 },
  positions: 256,
} as const;
export const t5Shapes = tenMillion(t5);
/** All layers, and so little arithmetic that an adapter in software hardly takes time from JavaScript. */
export const recordingShape: TrainingShape = {
  ...models,
  ...{ batchSize: 2, length: 16, steps: 104, vocab: 512, shrink: 16 },
};

/** Heads are 64 wide where nothing is shrunk. */
export const headsOf = ({ width }: { readonly width: number }): number => width / 64;
