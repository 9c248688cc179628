/**
 * What a file of a model family exports, and how a model comes of it: the checked config.json gives the tree of parts,
 * the tree gives the parameters, and `build` makes a language model of the filled tree.
 */
import type * as z from 'zod';
import type { Device } from '../backend/backend.js';
import { settleWeight, type WeightFormat } from '../tensor/index.js';
import type { ConfiguredFamily } from './config.js';
import { guarded } from './guard.js';
import { keepLayers } from './keptLayers.js';
import type { LanguageModel, LoraAdapter } from './model.js';
import { freeParameters, holdParameters, type ParameterSource } from './parameters.js';
import { type Filled, fill, type HeldParameters, type PartTree, specsOf } from './parts.js';

/** What a family says of itself. `Config` is its checked config.json, `Tree` the declaration of its parts. */
export interface Family<Config = unknown, Tree extends PartTree = PartTree> {
  /** The fields of config.json that matter, with their defaults. */
  readonly schema: z.ZodType<Config>;
  /** The config.json of a small model: the fields that `createModel` needs. */
  readonly example: Readonly<Record<string, unknown>>;
  /** What config.json calls the number of positions; left out where positions are relative. */
  readonly positionsField?: string;
  /** What config.json calls the number of layers. */
  readonly layersField: string;
  /**
   * For families of several stacks of layers: the fields of the further ones, and how the names of their parameters
   * begin.
   */
  readonly otherStacks?: Readonly<Record<string, string>>;
  /** The field by which a layer computes otherwise in another place, if it is set: see keptLayers.ts. */
  readonly placeField?: string;
  /** Which kind each layer is, where there are several kinds: what config.json calls `layer_types`. */
  readonly layerTypes?: (config: Config) => readonly string[] | undefined;
  /** Our name of the token embedding, which is the head where config.json ties the two. */
  readonly tiedTable: string;
  /**
   * For families whose files say whether the head is tied, by having one of their own or not, whatever config.json says:
   * the fields that would otherwise follow from its `tie_word_embeddings`.
   */
  readonly tiedByFile?: (config: Config) => Readonly<Record<string, unknown>>;
  /**
   * What config.json of a saved model says unless it was read or given: transformers has other defaults for these
   * fields.
   */
  readonly savedFields: Readonly<Record<string, unknown>>;
  tree(config: Config): Tree;
  /** Our name of a tensor in a checkpoint; undefined for buffers that are no parameters. */
  parameterName(checkpointName: string, config: Config): string | undefined;
  /** What the model is called with has been checked: see guard.ts. */
  build(config: Config, parts: Filled<Tree>, base: ModelBase): LanguageModel;
}

/** A family of any config and tree: it takes back only those that it made itself. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyFamily = Family<any, any>;

/** Checks the members of a family against each other, and forgets its types for the registry. */
export const defineFamily = <Config, Tree extends PartTree>(family: Family<Config, Tree>): AnyFamily => family;

/** The members that every language model has, whatever its family. */
export type ModelBase = Pick<
  LanguageModel,
  | 'family'
  | 'config'
  | 'companionFiles'
  | 'device'
  | 'parameters'
  | 'weights'
  | 'adapter'
  | 'setTrainable'
  | 'onMeta'
  | 'dispose'
> &
  Disposable;

/** An adapter that a model is made with. */
export interface DeclaredAdapter {
  /** See `LoraAdapter.config`. */
  readonly config: LoraAdapter['config'];
  /** See `LoraAdapter`. */
  readonly isNew: boolean;
  /** The parts of a model with those that the adapter puts into their places. */
  around(tree: PartTree): PartTree;
}

/** @throws CheckpointError, LimitError: see `holdParameters` */
export async function openModel(
  configured: ConfiguredFamily,
  {
    device,
    source,
    format,
    trainable,
    adapter,
    files = new Map(),
  }: {
    readonly device: Device;
    readonly source: ParameterSource;
    readonly format: WeightFormat;
    /** Whether the parameters get gradients; of a model with an adapter those of the adapter alone. */
    readonly trainable: boolean;
    readonly adapter?: DeclaredAdapter | undefined;
    /** See `LanguageModel.companionFiles`. */
    readonly files?: ReadonlyMap<string, Uint8Array>;
  },
): Promise<LanguageModel> {
  const { family, fields, config } = configured;
  const tree: PartTree = adapter ? adapter.around(family.tree(config)) : family.tree(config);
  const specs = specsOf(tree);
  const isWhole = trainable && !adapter;
  const held = await holdParameters(device, specs, { source, format, trainable: isWhole });
  const onMeta: LanguageModel['onMeta'] = async (meta, { dtype = format, layers } = {}) => {
    const parameters = [...held.parameters];
    const trained = parameters.some(([, { requiresGrad }]) => requiresGrad);
    const first = layers === undefined ? undefined : Array.from({ length: layers }, (_, layer) => layer);
    const kept = first ? keepLayers(configured, first, 'onMeta', () => true).configured : configured;
    const model = await openModel(kept, { device: meta, source, format: dtype, trainable: trained, adapter });
    for (const [name, { requiresGrad }] of parameters) {
      const same = model.parameters.get(name);
      if (same) same.requiresGrad = requiresGrad;
    }
    return model;
  };
  const own = [...specs].flatMap(([name, spec]) => (spec.trained ? [name] : []));
  const stated = adapter && { config: adapter.config, isNew: adapter.isNew, parameters: own };
  const base: ModelBase = { ...modelBase({ device, fields, files, held, adapter: stated }), onMeta };
  const model = guarded(family.build(config, fill(tree, held), base));
  model.setTrainable(trainable);
  return model;
}

function modelBase({
  device,
  fields,
  files,
  held,
  adapter,
}: {
  readonly device: Device;
  readonly fields: ConfiguredFamily['fields'];
  readonly files: LanguageModel['companionFiles'];
  readonly held: HeldParameters;
  readonly adapter: LoraAdapter | undefined;
}): Omit<ModelBase, 'onMeta'> {
  const isTrained = adapter ? new Set(adapter.parameters) : undefined;
  const dispose = () => freeParameters(held);
  return {
    family: fields.model_type as string,
    config: fields,
    companionFiles: files,
    device,
    ...held,
    ...(adapter && { adapter }),
    setTrainable(trainable) {
      const matrices = [...held.weights].map(([name, { values }]) => [name, values] as const);
      for (const [name, parameter] of new Map([...held.parameters, ...matrices])) {
        const wanted = trainable && (isTrained?.has(name) ?? true);
        parameter.requiresGrad = wanted;
        if (wanted) continue;
        parameter.grad?.dispose();
        parameter.grad = undefined;
      }
      if (!trainable) for (const weight of held.weights.values()) settleWeight(weight);
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}
