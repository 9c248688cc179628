/** Sequences of several lengths as one batch. Padding has the id 0, which `keyRange` hides. */
import type { TokenBatch } from '../data/batch.js';

/** Lengths are rounded up to a multiple of this where sequences are trained on, so that few different shapes occur. */
const STEP = 8;

/** Padded on the right, to a length of a multiple of 8. */
export function padRight(sequences: readonly Int32Array[]): TokenBatch {
  const seq = Math.ceil(longestOf(sequences) / STEP) * STEP;
  const ids = new Int32Array(sequences.length * seq);
  sequences.forEach((sequence, row) => {
    ids.set(sequence, row * seq);
  });
  const keyRange = Int32Array.from(sequences.flatMap(({ length }) => [0, length]));
  return { batch: sequences.length, seq, ids, keyRange };
}

/** Padded on the left: the newest token of each is in the last column. */
export function padLeft(sequences: readonly Int32Array[]): TokenBatch {
  const seq = longestOf(sequences);
  const ids = new Int32Array(sequences.length * seq);
  sequences.forEach((sequence, row) => {
    ids.set(sequence, (row + 1) * seq - sequence.length);
  });
  const keyRange = Int32Array.from(sequences.flatMap(({ length }) => [seq - length, seq]));
  return { batch: sequences.length, seq, ids, keyRange };
}

const longestOf = (sequences: readonly Int32Array[]) =>
  sequences.reduce((longest, { length }) => Math.max(longest, length), 0);
