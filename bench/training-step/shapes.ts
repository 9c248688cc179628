import type { Size } from '../frame/benchmark.ts';

export interface TrainingShape {
  readonly batchSize: number;
  readonly length: number;
  readonly steps: number;
  readonly vocab: number;
  /** Widths are divided by it. */
  readonly shrink: number;
}
export const trainingShapes: Readonly<Record<Size, TrainingShape>> = {
  full: { batchSize: 8, length: 128, steps: 24, vocab: 4096, shrink: 1 },
  small: { batchSize: 8, length: 128, steps: 12, vocab: 4096, shrink: 1 },
  tiny: { batchSize: 2, length: 128, steps: 8, vocab: 512, shrink: 8 },
};
export const trainedModels = {
  teacher: { layers: 8, width: 512 },
  student: { layers: 4, width: 256 },
} as const;
export const positions = 256;
/** Heads are 64 wide where nothing is shrunk. */
export const headsOf = ({ width }: { readonly width: number }): number => width / 64;
