import type { Device } from '../backend/backend.js';
import { sizeOf, type WeightFormat } from '../tensor/index.js';
import type { AnyFamily, Initial } from './family.js';
import { makeParameters } from './memory.js';
import type { LanguageModel } from './model.js';
import { normalGenerator } from './random.js';
import { findFamily } from './registry.js';
import { checkDType } from './storedWeights.js';

export interface CreateOptions {
  readonly device: Device;
  /** Weights are a function of config and seed, the same bits on every machine. 0 by default. */
  readonly seed?: number;
  /** Whether the weights get gradients; true by default. */
  readonly trainable?: boolean;
  /** How the matrices are held, as in `loadModel`; 'f32' by default, and for trainable models. */
  readonly dtype?: WeightFormat;
  /** Stands in for fields that config leaves out, whatever the family calls them. */
  readonly defaults?: ConfigDefaults;
}

export interface ConfigDefaults {
  readonly vocabSize?: number | undefined;
  readonly maxPositions?: number | undefined;
  readonly bosTokenId?: number | undefined;
  readonly eosTokenId?: number | undefined;
}

/**
 * A model with random weights, distributed as Hugging Face initialises its family: normal with standard deviation
 * initializer_range or init_std (0.02), in GPT-2 divided by sqrt(2 n_layer) for the projections into the residual; biases
 * 0, norms 1.
 * @param given the fields of config.json. GPT-2 needs model_type, vocab_size, n_positions, n_embd, n_layer, n_head; OPT
 * model_type, vocab_size, max_position_embeddings, hidden_size, num_hidden_layers, num_attention_heads, ffn_dim
 * @example
 * const student = await createModel(
 *   { model_type: 'gpt2', vocab_size: 4096, n_positions: 512, n_embd: 256, n_layer: 4, n_head: 4 },
 *   { device, seed: 1 },
 * );
 * @throws OptionError for a trainable model of another dtype than f32; CheckpointError when a field is missing or wrong;
 * LimitError when the device cannot hold it
 */
export async function createModel(
  given: Readonly<Record<string, unknown>>,
  { device, seed = 0, trainable = true, dtype = 'f32', defaults = {} }: CreateOptions,
): Promise<LanguageModel> {
  checkDType('createModel', dtype, trainable);
  const where = 'createModel: config';
  const family = await findFamily(given.model_type, where);
  const config = { ...defaultFields(family, defaults), ...given };
  const parsed = family.parseConfig(config, where);
  const specs = family.parameters(parsed);
  const normal = normalGenerator(seed);
  const draw = async (name: string) => {
    const { shape, initial } = specs.get(name) as { shape: readonly number[]; initial: Initial };
    const values = new Float32Array(sizeOf(shape));
    if (initial === 'ones') values.fill(1);
    else if (initial !== 'zeros') for (let i = 0; i < values.length; i++) values[i] = initial.normal * normal();
    return values;
  };
  const held = await makeParameters(device, specs, where, draw, dtype);
  const fields = { ...family.savedConfig(parsed), ...config };
  const model = family.build(parsed, { device, fields, ...held });
  model.setTrainable(trainable);
  return model;
}

/** The defaults that are known, under the names of config.json. */
function defaultFields(
  family: AnyFamily,
  { vocabSize, maxPositions, bosTokenId, eosTokenId }: ConfigDefaults,
): Readonly<Record<string, unknown>> {
  const fields = {
    vocab_size: vocabSize,
    [family.positionsField]: maxPositions,
    bos_token_id: bosTokenId,
    eos_token_id: eosTokenId,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
