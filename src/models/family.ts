import type { Device } from '../backend/backend.js';
import { disposeWeight, type LayerCache, Tensor, type Weight, type WeightLayout } from '../tensor/index.js';
import type { KVCache, LanguageModel } from './model.js';

/** How a weight starts in a new model. */
export type Initial = { readonly normal: number } | 'zeros' | 'ones';

export interface ParameterSpec {
  readonly shape: readonly number[];
  readonly initial: Initial;
  /** A large matrix that products read, which may be stored in f16 or int8, and how it lies in a checkpoint. */
  readonly matrix?: WeightLayout;
}
/** Every parameter of a model, by the name that Hugging Face's checkpoints give it. */
export type ParameterSpecs = ReadonlyMap<string, ParameterSpec>;

/** What a model family's file exports as `family`. `Config` is its checked config.json. */
export interface Family<Config = unknown> {
  /**
   * Checks the fields of config.json and fills in their defaults.
   * @param where the file's name for messages
   * @throws CheckpointError naming the field
   */
  parseConfig(fields: Readonly<Record<string, unknown>>, where: string): Config;
  /** What config.json calls the number of positions. */
  readonly positionsField: string;
  parameters(config: Config): ParameterSpecs;
  /** Our name of a tensor in a checkpoint; undefined for buffers that are no parameters. */
  parameterName(checkpointName: string, config: Config): string | undefined;
  /** What config.json of a saved model holds beside the fields it was made from. */
  savedConfig(config: Config): Readonly<Record<string, unknown>>;
  build(config: Config, parts: ModelParts): LanguageModel;
}

/** A family as the registry sees it: its own config type stays inside. */
// biome-ignore lint/suspicious/noExplicitAny: each family takes back only the config that it made itself
export type AnyFamily = Family<any>;

export interface ModelParts {
  readonly device: Device;
  /** config.json as it was read or given. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Everything that is held as f32 tensors, and every matrix: an f32 matrix is in both. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly weights: ReadonlyMap<string, Weight>;
}

/** The members that every family shares. */
export function modelBase({ device, parameters, weights }: ModelParts) {
  const dispose = () => {
    for (const parameter of parameters.values()) parameter.dispose();
    for (const weight of weights.values()) disposeWeight(weight);
  };
  return {
    setTrainable(trainable: boolean): void {
      for (const parameter of new Set([...parameters.values(), ...[...weights.values()].map(({ values }) => values)])) {
        parameter.requiresGrad = trainable;
        if (trainable) continue;
        parameter.grad?.dispose();
        parameter.grad = undefined;
      }
    },
    dispose,
    [Symbol.dispose]: dispose,
    device,
    parameters,
    weights,
  };
}

/** @throws LimitError when the device cannot hold it */
export function createKVCache(
  device: Device,
  {
    batch,
    capacity,
    numLayers,
    numKvHeads,
    headDim,
  }: {
    readonly batch: number;
    readonly capacity: number;
    readonly numLayers: number;
    readonly numKvHeads: number;
    readonly headDim: number;
  },
): KVCache {
  const made: Tensor[] = [];
  const heads = (label: string) => {
    const tensor = Tensor.zeros(device, [batch, numKvHeads, capacity, headDim], 'f32', label);
    made.push(tensor);
    return tensor;
  };
  const dispose = () => {
    for (const tensor of made) tensor.dispose();
  };
  const layers: LayerCache[] = [];
  try {
    for (let layer = 0; layer < numLayers; layer++) {
      layers.push({ keys: heads(`cache.${layer}.keys`), values: heads(`cache.${layer}.values`) });
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { layers, capacity, past: 0, dispose };
}
