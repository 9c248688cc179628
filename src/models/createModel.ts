/** Models with random weights. */
import * as z from 'zod';
import { type Device, deviceOption } from '../backend/backend.js';
import { OptionError } from '../errors.js';
import { isPlainObject } from '../inWords.js';
import { normalGenerator, uniformGenerator } from '../random.js';
import { editDistance, requireOption } from '../requireOption.js';
import { checkOptions, type Fields, ranges } from '../settings/index.js';
import { madeValues, type WeightFormat } from '../tensor/index.js';
import { configure } from './config.js';
import { type AnyFamily, openModel } from './family.js';
import { initialValues } from './initial.js';
import type { LanguageModel } from './model.js';
import { checkFormat, formatOption } from './parameters.js';
import { type ParameterSpec, specsOf } from './parts.js';
import { findFamily } from './registry.js';

/** Where a model with random weights is made, and how it is held. */
export interface CreateOptions {
  /** Holds the model. */
  readonly device: Device;
  /** Weights are a function of config and seed, the same bits on every machine. 0 by default. */
  readonly seed?: number;
  /** Whether the weights get gradients; true by default. */
  readonly trainable?: boolean;
  /** How the matrices are held, as in `loadModel`; 'f32' by default, and for trainable models. */
  readonly dtype?: WeightFormat;
  /** Values for fields that are absent from config, whatever the family calls them. */
  readonly defaults?: ConfigDefaults;
}

/** Fields of config.json under one name for every family. They count where config.json has no such field. */
export interface ConfigDefaults {
  /** Tokens of the vocabulary. */
  readonly vocabSize?: number | undefined;
  /** Longest sequence in tokens; nothing to a family with relative positions. */
  readonly maxPositions?: number | undefined;
  /** Id of the token that begins a text. */
  readonly bosTokenId?: number | undefined;
  /** Id of the token that ends a text. */
  readonly eosTokenId?: number | undefined;
}

const createOptions = z.strictObject({
  device: deviceOption,
  seed: ranges.seed.default(0),
  trainable: ranges.switched.default(true),
  dtype: formatOption.default('f32'),
  defaults: z
    .strictObject({
      vocabSize: ranges.count.optional(),
      maxPositions: ranges.count.optional(),
      bosTokenId: ranges.word.optional(),
      eosTokenId: ranges.word.optional(),
    } satisfies Fields<ConfigDefaults>)
    .default({}),
} satisfies Fields<CreateOptions>);

/**
 * A model with random weights, distributed as Hugging Face initialises its family: normal with standard deviation
 * initializer_range or init_std (0.02), in GPT-2 divided by sqrt(2 n_layer) for the projections into the residual, in T5
 * and mT5 initializer_factor (1) times a deviation that follows from the widths; biases 0, norms 1.
 * @param given the fields of config.json, `model_type` among them. `exampleConfig` shows which ones a family needs
 * @example
 * const student = await createModel(
 *   { model_type: 'gpt2', vocab_size: 4096, n_positions: 512, n_embd: 256, n_layer: 4, n_head: 4 },
 *   { device, seed: 1 },
 * );
 * @throws OptionError for unknown and wrong options, for a field that is one letter away from a size of the family
 * (`n_embed` for `n_embd`; others that the family does not know are left alone, as files have many), and for a trainable
 * model of another dtype than f32;
 * CheckpointError when a field is missing or wrong; LimitError when the device cannot hold it
 */
export async function createModel(
  given: Readonly<Record<string, unknown>>,
  options: CreateOptions,
): Promise<LanguageModel> {
  requireOption('createModel', 'config', given, isPlainObject(given), 'an object with the fields of a config.json');
  const { device, seed, trainable, dtype, defaults } = checkOptions('createModel', createOptions, options);
  checkFormat('createModel', dtype, trainable);
  const where = 'createModel: config';
  const family = findFamily(given.model_type, where);
  refuseSlips(family, given);
  const fields = { ...defaultFields(family, defaults), ...given };
  const configured = configure(family, fields, where);
  const specs = specsOf(family.tree(configured.config));
  const draws = { normal: normalGenerator(seed), uniform: uniformGenerator(seed) };
  const values = (name: string) => madeValues(() => initialValues(specs.get(name) as ParameterSpec, draws));
  const saved = { ...family.savedFields, ...(configured.config as object), ...fields };
  return openModel({ ...configured, fields: saved }, { device, source: { where, values }, format: dtype, trainable });
}

/**
 * The config.json of a small model of a family: the fields that `createModel` needs, with values to begin with.
 * @example
 * const config = { ...(await exampleConfig('opt')), vocab_size: tokenizer.vocabSize };
 * const model = await createModel(config, { device, defaults: { eosTokenId: tokenizer.eosTokenId } });
 * @throws CheckpointError when there is no such family
 */
export const exampleConfig = async (modelType: string): Promise<Readonly<Record<string, unknown>>> =>
  findFamily(modelType, 'exampleConfig').example;

/** @throws OptionError for a misspelt size, which would be left at what the family has without it */
function refuseSlips({ example }: AnyFamily, given: Readonly<Record<string, unknown>>): void {
  const sizes = Object.keys(example).filter((name) => typeof example[name] === 'number');
  const plain = (name: string) => name.toLowerCase().replaceAll('_', '');
  for (const field of Object.keys(given)) {
    const size = sizes.find((each) => editDistance(plain(field), plain(each)) <= 1);
    if (size === undefined || field in example) continue;
    throw new OptionError(
      `createModel: config has a field ${field}, which ${String(example.model_type)} does not know. Did you mean ${size}?`,
      { option: `config.${field}`, found: field, expected: size },
    );
  }
}

/** The defaults that are known, under the names of config.json. */
function defaultFields(
  family: AnyFamily,
  { vocabSize, maxPositions, bosTokenId, eosTokenId }: ConfigDefaults,
): Readonly<Record<string, unknown>> {
  const fields = {
    vocab_size: vocabSize,
    ...(family.positionsField !== undefined && { [family.positionsField]: maxPositions }),
    bos_token_id: bosTokenId,
    eos_token_id: eosTokenId,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
