import { DataError, OptionError } from '../errors.js';
import type { LabelledBatch, Sample } from './batch.js';

export interface CollateOptions {
  /** Any valid id: padding is masked. Default 0. */
  readonly padTokenId?: number;
  /** The length is rounded up to a multiple of this, so that few different shapes occur. Default 8. */
  readonly padToMultipleOf?: number;
  /** Checks the ids: all must be below it. */
  readonly vocabSize?: number;
}

/**
 * Pads samples on the right to one batch. labels[t] = ids[t + 1] where token t + 1 belongs to the response (EOS
 * included), else -100: shifted here once, for data samples and student outputs alike.
 * @throws DataError for an empty sample or an id outside the vocabulary, with the sample's index.
 */
export function collate(
  samples: readonly Sample[],
  { padTokenId = 0, padToMultipleOf = 8, vocabSize = Number.POSITIVE_INFINITY }: CollateOptions = {},
): LabelledBatch {
  if (samples.length === 0) throw new OptionError('collate: no samples.');
  const longest = Math.max(...samples.map(({ ids }) => ids.length));
  const seq = Math.ceil(longest / padToMultipleOf) * padToMultipleOf;
  const batch = samples.length;
  const ids = new Int32Array(batch * seq).fill(padTokenId);
  const labels = new Int32Array(batch * seq).fill(-100);
  const keyRange = new Int32Array(2 * batch);
  samples.forEach((sample, row) => {
    const { length } = sample.ids;
    if (length === 0) throw new DataError(`collate: sample ${row} has no tokens.`, { found: 0 });
    const outside = sample.ids.findIndex((id) => id < 0 || id >= vocabSize);
    if (outside >= 0) {
      const found = sample.ids[outside];
      throw new DataError(
        `collate: token ${outside} of sample ${row} has id ${found}, the vocabulary ${vocabSize}: was another tokenizer used?`,
        { found, expected: vocabSize },
      );
    }
    ids.set(sample.ids, row * seq);
    const firstResponse = Math.max(1, sample.promptLength);
    labels.set(sample.ids.subarray(firstResponse), row * seq + firstResponse - 1);
    keyRange[2 * row + 1] = length;
  });
  return { batch, seq, ids, keyRange, labels };
}
