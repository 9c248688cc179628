/** How well a model predicts answers that others have written. */
import * as z from 'zod';
import type { LabelledBatch, Sample } from '../data/batch.js';
import { CompatibilityError, counted, DataError, LimitError, whole } from '../errors.js';
import { checkSample, idOutside } from '../models/checkSample.js';
import { type LanguageModel, modelOption } from '../models/model.js';
import { requireOption } from '../requireOption.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import { validationLoss } from './trainer/validation.js';

/** How a perplexity is measured. */
export interface PerplexityOptions {
  /** Samples that are read side by side. Default 8. */
  readonly batchSize?: number | undefined;
  /**
   * Only ids below it have a probability: the tokenizer's `vocabSize`, where the model's vocabulary is padded beyond the
   * tokenizer's. Default: the model's.
   */
  readonly vocabSize?: number | undefined;
}

/** How well a model predicts. */
export interface Perplexity {
  /** e to the power of the loss: among how many tokens, all as likely, the model would be as unsure. */
  readonly perplexity: number;
  /** Cross-entropy in nats per token, the mean over all tokens of all answers. */
  readonly loss: number;
  /** Tokens of the answers, EOS included. */
  readonly tokens: number;
}

const perplexityOptions = z.strictObject({
  batchSize: ranges.count.default(8),
  vocabSize: ranges.count.optional(),
} satisfies Fields<PerplexityOptions>);

/**
 * The perplexity of answers under a model: of the tokens that count in the loss of each sample, given all before them. It
 * depends on the tokenizer, so models with different ones cannot be compared by it.
 * @param samples as `readInstructions` gives them, no longer than the model has room for
 * @example
 * const { perplexity: unsure } = await perplexity(student, data.train, { vocabSize: tokenizer.vocabSize });
 * @throws OptionError for what is no list of samples, and for unknown and wrong options; DataError for what is no sample, and
 * where no token counts; CompatibilityError for an id outside the vocabulary; LimitError for a sample that is too long
 */
export async function perplexity(
  model: LanguageModel,
  samples: readonly Sample[],
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  const where = 'perplexity';
  checkOption(where, 'model', model, modelOption);
  const { batchSize, vocabSize = model.vocabSize } = checkOptions(where, perplexityOptions, options);
  const most = ranges.integer(1, model.vocabSize);
  checkOption(where, 'vocabSize', vocabSize, most);
  requireOption(where, 'samples', samples, Array.isArray(samples), 'a list of samples, { ids, promptLength }');
  // Samples of like length share a batch: less of it is padding.
  const sorted = Array.from(samples, (sample, index) => checked(model, vocabSize, sample, `samples[${index}]`)).sort(
    (a, b) => a.ids.length - b.ids.length,
  );
  const batches: LabelledBatch[] = [];
  for (let at = 0; at < sorted.length; at += batchSize) batches.push(model.collate(sorted.slice(at, at + batchSize)));
  const tokens = batches.reduce((sum, { labels }) => sum + labels.filter((label) => label >= 0).length, 0);
  const loss = tokens === 0 ? undefined : await validationLoss({ student: model, vocabSize }, batches);
  if (loss !== undefined) return { perplexity: Math.exp(loss), loss, tokens };
  throw new DataError(
    `${where}: of ${counted(samples.length, 'sample')} none has a token of an answer, so there is nothing to predict.`,
    { found: 0 },
  );
}

function checked(model: LanguageModel, vocabSize: number, given: unknown, place: string): Sample {
  const where = `perplexity: ${place}`;
  const sample = checkSample(where, given);
  const { ids, promptLength } = sample;
  const outside = idOutside(ids, vocabSize);
  if (outside !== undefined) {
    throw new CompatibilityError(
      `${where}: token id ${ids[outside]} at position ${outside} is outside the vocabulary of ${whole(vocabSize)} tokens. ` +
        "Tokenize the data with the model's tokenizer.",
      { found: ids[outside], expected: vocabSize },
    );
  }
  const most = promptLength + model.room(promptLength);
  if (ids.length <= most) return sample;
  throw new LimitError(
    `${where}: ${counted(ids.length, 'token')}, the model takes ${whole(most)}. Read the data with a maxLength of at most ${whole(most)}.`,
    { found: ids.length, expected: most },
  );
}
