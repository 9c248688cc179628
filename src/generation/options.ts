/** What `generate` and its siblings take, and the checks before any work. */
import * as z from 'zod';
import { counted, OptionError } from '../errors.js';
import { checkPrompts } from '../models/guard.js';
import { type LanguageModel, modelOption } from '../models/model.js';
import { refusedOption } from '../requireOption.js';
import { advising, checkOption, checkOptions, type Fields, ranges, signalOption } from '../settings/index.js';
import { type SamplerOptions, samplerOptions } from '../text/sampler.js';

/** How answers are drawn, and how long they may be. */
export interface GenerateOptions extends SamplerOptions {
  /** At most so many tokens a prompt; the model must have room for them, see `LanguageModel.room`. */
  readonly maxNewTokens: number;
  /**
   * Ends a sequence, and is its last id: an id of the vocabulary, or several, as `Tokenizer.eosTokenIds` has them.
   * Without it every sequence gets maxNewTokens.
   */
  readonly eosTokenId?: number | readonly number[] | undefined;
  /**
   * Only ids below it are drawn: the tokenizer's `vocabSize`, where the model's vocabulary is padded beyond the
   * tokenizer's. Default: the model's.
   */
  readonly vocabSize?: number | undefined;
  /**
   * One a prompt, integers from 0 to 2^53 - 1; 0, 1, 2 ... by default. Unused at temperature 0. The same seed draws the
   * same tokens on every device, unless two tokens are so close that the roundings of their logits decide between them.
   */
  readonly seeds?: readonly number[];
  /** At most so many prompts side by side, batch after batch in the order given. Default: all of them. */
  readonly batchSize?: number;
  /** Stops between two tokens: the call throws the signal's reason and frees its memory. */
  readonly signal?: AbortSignal;
}

/** The same for one prompt. */
export interface StreamOptions extends Omit<GenerateOptions, 'seeds' | 'batchSize'> {
  /** An integer from 0 to 2^53 - 1; 0 by default. See `GenerateOptions.seeds`. */
  readonly seed?: number;
}

const shared = {
  ...samplerOptions.shape,
  maxNewTokens: ranges.count,
  eosTokenId: z.union([ranges.word, z.array(ranges.word).readonly()], 'an id, or a list of ids').optional(),
  vocabSize: ranges.count.optional(),
  signal: signalOption.optional(),
};
/** What code does where the command line has an option. */
export const inCode = {
  greedy: 'Set temperature: 0.',
  samples: 'Give the prompt so often: each answer is drawn by a seed of its own (seeds).',
};
const raw = 'Prompts are token ids: those of tokenizer.encode(text) have no template, those of encodePrompt have one.';
export const generateOptions = advising(
  z.strictObject({
    ...shared,
    seeds: z.array(ranges.seed, 'a list of integers').readonly().optional(),
    batchSize: ranges.count.optional(),
  } satisfies Fields<GenerateOptions>),
  { ...inCode, raw, seed: 'Give seeds, one a prompt.' },
);
const streamOptions = advising(
  z.strictObject({ ...shared, seed: ranges.seed.default(0) } satisfies Fields<StreamOptions>),
  { ...inCode, raw, samples: 'Call it so often, each time with another seed.' },
);

/** What has been checked. */
export type DecodeOptions = Omit<ReturnType<typeof checkGenerate>, 'batchSize'>;

/** The options with their defaults. @throws OptionError, LimitError naming the prompt that cannot be continued */
export function checkGenerate(model: LanguageModel, prompts: readonly Int32Array[], given: GenerateOptions) {
  const options = checkOptions('generate', generateOptions, given);
  checkRequest('generate', model, prompts, options);
  return { ...options, ...inBatches('generate', prompts, options) };
}

/** A seed for each prompt, and how many prompts are answered side by side. @throws OptionError for too few seeds or too many */
export function inBatches(
  where: string,
  prompts: readonly Int32Array[],
  {
    seeds = [...prompts.keys()],
    batchSize = Math.max(1, prompts.length),
  }: { readonly seeds?: readonly number[] | undefined; readonly batchSize?: number | undefined },
) {
  if (seeds.length === prompts.length) return { seeds, batchSize };
  throw new OptionError(
    `${where}: ${counted(seeds.length, 'seed')} for ${counted(prompts.length, 'prompt')}, expected one a prompt.`,
    {
      option: 'seeds',
      found: seeds.length,
      expected: prompts.length,
    },
  );
}

/** The same for one prompt. */
export function checkStream(model: LanguageModel, prompt: Int32Array, given: StreamOptions): DecodeOptions {
  const { seed, ...options } = checkOptions('streamTokens', streamOptions, given);
  checkRequest('streamTokens', model, [prompt], options);
  return { ...options, seeds: [seed] };
}

/** The ids that end a sequence. */
export const endsOf = (eosTokenId: GenerateOptions['eosTokenId']): readonly number[] =>
  eosTokenId === undefined ? [] : [eosTokenId].flat();

/** @throws OptionError, LimitError naming the prompt that cannot be continued */
export function checkRequest(
  where: string,
  model: LanguageModel,
  prompts: readonly Int32Array[],
  options: Pick<GenerateOptions, 'maxNewTokens' | 'eosTokenId' | 'vocabSize' | 'bannedTokens'>,
): void {
  const { maxNewTokens, eosTokenId, vocabSize, bannedTokens = [] } = options;
  const { vocabSize: width, device } = checkOption(where, 'model', model, modelOption);
  if (device.isMeta) {
    throw new OptionError(
      `${where}: the model is on a meta device, which holds no weights. Load it on the device itself; planGeneration plans it.`,
      { option: 'model' },
    );
  }
  checkPrompts(where, model, prompts, { maxNewTokens });
  if (vocabSize !== undefined && vocabSize > width) {
    const expected = `an integer from 1 to ${width}, the model's vocabulary`;
    throw refusedOption(where, 'vocabSize', vocabSize, expected, "Check that the tokenizer is the model's.");
  }
  for (const [option, ids] of Object.entries({ eosTokenId: endsOf(eosTokenId), bannedTokens })) {
    const outside = ids.find((id) => id >= width);
    if (outside === undefined) continue;
    const expected = `an id of the model's vocabulary, from 0 to ${width - 1}`;
    throw refusedOption(where, option, outside, expected, "Check that the tokenizer is the model's.");
  }
}
