/**
 * The sequences of a decoding that still run, and their rows in the caches. A sequence that ends leaves its row behind:
 * copying caches costs more than a few idle rows, so they shrink when at most half of their rows run.
 */
import { rows, run, Tensor } from '../tensor/index.js';

export interface RunningRows {
  /** The newest ids of the running sequences, each in its row; 0 in the others. */
  spread(newest: Int32Array): Int32Array;
  /** hidden [rows, seq, width] -> the last position of each running sequence, [running, width] */
  newestOf(hidden: Tensor): Tensor;
  /**
   * Keeps the running sequences at these indices.
   * @param select makes the caches smaller: called with the rows to keep, in order
   */
  keep(indices: readonly number[], select: (kept: readonly number[]) => void): void;
}

export function runningRows(sequences: number): RunningRows {
  let held = sequences;
  /** The row of each sequence that runs. */
  let running = Array.from({ length: sequences }, (_, row) => row);
  return {
    spread(newest) {
      const ids = new Int32Array(held);
      running.forEach((row, i) => {
        ids[row] = newest[i] as number;
      });
      return ids;
    },
    newestOf(hidden) {
      const [, seq = 0] = hidden.shape;
      const last = Int32Array.from(running, (row) => (row + 1) * seq - 1);
      const ids = Tensor.from(hidden.device, last, [last.length], 'decoding.newest');
      return run(hidden.device, 'embedding', { table: rows(hidden), ids }, {}).y;
    },
    keep(indices, select) {
      running = indices.map((index) => running[index] as number);
      if (2 * running.length > held) return;
      select(running);
      held = running.length;
      running = [...running.keys()];
    },
  };
}
