import { basename, dirname } from 'node:path';
import {
  type Backend,
  createModel,
  type LanguageModel,
  loadModel,
  loadTokenizer,
  OptionError,
  openFolder,
  readJson,
  type Tokenizer,
} from '../index.js';

/** A tokenizer from the first folder that holds one. @throws OptionError when none does. */
export async function findTokenizer(folders: readonly (string | undefined)[]): Promise<Tokenizer> {
  const given = folders.filter((folder) => folder !== undefined);
  for (const folder of given) if (await hasTokenizer(folder)) return loadTokenizer(folder);
  throw new OptionError(
    `no tokenizer in ${given.join(', ') || 'any folder'}, expected tokenizer.json or vocab.json. Name a folder by ` +
      "--tokenizer, or train one: 'distillm tokenizer --help'.",
  );
}

export async function hasTokenizer(folder: string): Promise<boolean> {
  const store = openFolder(folder);
  return (await store.exists('tokenizer.json')) || (await store.exists('vocab.json'));
}

/**
 * A trainable model: that of a folder, or one with random weights from a config.json, whose vocabulary, special tokens
 * and positions are filled in where it leaves them out.
 * @throws OptionError unless exactly one of `student` and `initConfig` is given
 */
export async function openStudent(
  { student, initConfig, seed }: { student: string | undefined; initConfig: string | undefined; seed: number },
  { device, tokenizer, positions }: { device: Backend; tokenizer: Tokenizer; positions: number },
): Promise<LanguageModel> {
  if ((student === undefined) === (initConfig === undefined)) {
    throw new OptionError(
      'give the model to train: --student for a folder, or --init-config for random weights, not both.',
    );
  }
  if (student !== undefined) return loadModel(student, { device, trainable: true });
  const path = initConfig as string;
  const { vocabSize, bosTokenId, eosTokenId } = tokenizer;
  const filledIn = {
    vocab_size: vocabSize,
    n_positions: positions,
    ...(eosTokenId !== undefined && { bos_token_id: bosTokenId ?? eosTokenId, eos_token_id: eosTokenId }),
  };
  const config = { ...filledIn, ...(await readJson(openFolder(dirname(path)), basename(path))) };
  return createModel(config, { device, seed });
}

/** Tokens of a prompt and of a whole sequence: the paper's 256 and 512, or what the models have room for. */
export function lengthLimits(
  { maxPromptLength, maxLength }: { maxPromptLength: number | undefined; maxLength: number | undefined },
  models: readonly LanguageModel[],
): { maxPromptLength: number; maxLength: number } {
  const length = maxLength ?? Math.min(512, ...models.map(({ maxPositions }) => maxPositions));
  return { maxLength: length, maxPromptLength: maxPromptLength ?? Math.min(256, Math.floor(length / 2)) };
}
