/** The public ways to get answers: all at once, batch by batch, or token by token. */
import type { LanguageModel } from '../models/model.js';
import { decode, type Partner } from './decode.js';
import { checkGenerate, checkStream, type GenerateOptions, type StreamOptions } from './options.js';

/**
 * Continues each prompt; `batchSize` of them side by side, with a KV cache. The temperature is 1 by default.
 * The answer to a prompt depends on its seed, not on the prompts beside it.
 * @param prompts token ids, of any lengths
 * @returns the new ids of each prompt, in order. One that ended has (one) eosTokenId last, one that was cut by maxNewTokens
 * has not. No prompts give [].
 * @example
 * const prompt = encodePrompt({ instruction: 'Name three colours.' }, { tokenizer });
 * const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
 * const [answer] = await generate(student, [prompt], { maxNewTokens: 20, eosTokenId, vocabSize });
 * @throws OptionError for an unknown or wrong option, an empty prompt, or an id outside the vocabulary, those of EOS
 * and of bannedTokens included; LimitError when a prompt and maxNewTokens
 * exceed the model's positions or the cache does not fit; TrainingError when the model gives NaN
 */
export async function generate(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
): Promise<Int32Array[]> {
  const answers: Int32Array[] = [];
  for await (const batch of generateBatches(model, prompts, options)) answers.push(...batch);
  return answers;
}

/**
 * The answers of `generate`, batch after batch as they are done. Leaving the loop frees the memory.
 * @example
 * for await (const answers of generateBatches(student, prompts, { maxNewTokens: 100, batchSize: 32 })) show(answers);
 */
export const generateBatches = (
  model: LanguageModel,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
): AsyncGenerator<Int32Array[], void, undefined> => answerBatches(model, prompts, options);

async function* answerBatches(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
  partner?: Partner,
): AsyncGenerator<Int32Array[], void, undefined> {
  const { batchSize, seeds, ...rest } = checkGenerate(model, prompts, options);
  for (let start = 0; start < prompts.length; start += batchSize) {
    const batch = prompts.slice(start, start + batchSize);
    const answers = batch.map((): number[] => []);
    const drawn = { ...rest, seeds: seeds.slice(start, start + batchSize) };
    for await (const tokens of decode(model, batch, drawn, { ...(partner && { partner }) })) {
      for (const { prompt, id } of tokens) answers[prompt]?.push(id);
    }
    yield answers.map((answer) => Int32Array.from(answer));
  }
}

/**
 * The answers of `generate` drawn from the mixture of two models, (1 - share) of the first and `share` of the partner: with
 * that probability a token is the partner's. topK and topP cut each model's distribution by itself.
 */
export async function generateMixed(
  model: LanguageModel,
  partner: Partner,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
): Promise<Int32Array[]> {
  const answers: Int32Array[] = [];
  for await (const batch of answerBatches(model, prompts, options, partner)) answers.push(...batch);
  return answers;
}

/**
 * The continuation of one prompt, id by id, as it is drawn. Leaving the loop frees the memory. See `generate`.
 * @example
 * for await (const id of streamTokens(student, prompt, { maxNewTokens: 100, eosTokenId })) write(decoder.push(id));
 */
export async function* streamTokens(
  model: LanguageModel,
  prompt: Int32Array,
  options: StreamOptions,
): AsyncGenerator<number, void, undefined> {
  const checked = checkStream(model, prompt, options);
  for await (const [token] of decode(model, [prompt], checked)) if (token) yield token.id;
}
