import { DataError, OptionError } from '../errors.js';
import type { LabelledBatch, Sample } from './batch.js';

/** Lengths are rounded up to a multiple of this, so that few different shapes occur. */
const STEP = 8;

/**
 * Pads samples on the right to one batch, with the id 0 to a length of a multiple of 8. labels[t] = ids[t + 1] where
 * token t + 1 belongs to the response (EOS included), else -100: shifted here once, for data samples and student outputs
 * alike.
 * @throws OptionError without samples; DataError for an empty one, with its index
 */
export function collate(samples: readonly Sample[]): LabelledBatch {
  if (samples.length === 0) throw new OptionError('collate: no samples.');
  const longest = Math.max(...samples.map(({ ids }) => ids.length));
  const seq = Math.ceil(longest / STEP) * STEP;
  const batch = samples.length;
  const ids = new Int32Array(batch * seq);
  const labels = new Int32Array(batch * seq).fill(-100);
  const keyRange = new Int32Array(2 * batch);
  samples.forEach((sample, row) => {
    const { length } = sample.ids;
    if (length === 0) throw new DataError(`collate: sample ${row} has no tokens.`, { found: 0 });
    ids.set(sample.ids, row * seq);
    const firstResponse = Math.max(1, sample.promptLength);
    labels.set(sample.ids.subarray(firstResponse), row * seq + firstResponse - 1);
    keyRange[2 * row + 1] = length;
  });
  return { batch, seq, ids, keyRange, labels };
}
