/** Models from checkpoints: names and shapes are matched before any tensor is read. */
import * as z from 'zod';
import { type Device, deviceOption } from '../backend/backend.js';
import {
  type Checkpoint,
  type CheckpointSource,
  checkpointOption,
  inheritedOf,
  openCheckpoint,
} from '../checkpoints/index.js';
import { CheckpointError, OptionError } from '../errors.js';
import { requireFinite, requireFiniteScales } from '../io/finite.js';
import { readStoredBlocks } from '../io/gguf/storedBlocks.js';
import { type OnProgress, progressOption } from '../io/httpStore.js';
import { type HubOptions, hubOption } from '../io/hub/hubOptions.js';
import { readElements, readFloatPieces, readFloats, type TensorSource } from '../io/tensorSource.js';
import { checkOption, checkOptions, type Fields, ranges, signalOption } from '../settings/index.js';
import type { Values, WeightFormat } from '../tensor/index.js';
import { type ConfiguredFamily, configure } from './config.js';
import { openModel } from './family.js';
import { type KeptLayers, keepLayers, keptLayersOption } from './keptLayers.js';
import { type AppliedAdapter, newAdapter, storedAdapter } from './lora/index.js';
import { type CheckedLora, type LoraOptions, loraOptions } from './lora/options.js';
import { baseNameOf, readPeftConfig } from './lora/peftConfig.js';
import { readStoredAdapter, type StoredAdapter, trainsOwnHead } from './lora/peftFile.js';
import { headPart, isNamed } from './lora/targets.js';
import type { LanguageModel } from './model.js';
import { checkFormat, formatOption } from './parameters.js';
import { type ParameterSpecs, specsOf } from './parts.js';
import { findFamily } from './registry.js';
import { hasOtherHead, headName, isCopy, warnOfOtherHead } from './tiedHead.js';

/** Where a model is loaded to, and how it is held. */
export interface LoadOptions {
  /** Holds the model. */
  readonly device: Device;
  /**
   * Whether the weights get gradients; false by default: a teacher. With `lora`, and of a folder that holds an adapter,
   * those of the adapter do.
   */
  readonly trainable?: boolean;
  /**
   * How the matrices are held: 'f32' by default; 'f16' takes half the memory, 'int8' a quarter, 'int4' a seventh, for models
   * that are not trained, and for what is frozen beside an adapter. See `WeightFormat`.
   */
  readonly dtype?: WeightFormat;
  /**
   * A student made from a teacher: so many of its layers, evenly spaced, or the layers of a list, with its embeddings, last
   * norm and head. All by default.
   */
  readonly layers?: KeptLayers | undefined;
  /** Trains a new low-rank adapter in place of the weights, which are frozen. `{}` takes the paper's. */
  readonly lora?: LoraOptions | undefined;
  /** For a folder that holds an adapter: the model that it was trained on, see `openCheckpoint`. */
  readonly base?: CheckpointSource | undefined;
  /** Told of each part of a file that comes from a web server; see `openCheckpoint`. */
  readonly onProgress?: OnProgress | undefined;
  /** Stops loading: what was made is freed. */
  readonly signal?: AbortSignal | undefined;
  /** How Hugging Face is asked, for names on it; see `openCheckpoint`. */
  readonly hub?: HubOptions | undefined;
}

const loadOptions = z.strictObject({
  device: deviceOption,
  trainable: ranges.switched.optional(),
  dtype: formatOption.default('f32'),
  layers: keptLayersOption.optional(),
  lora: loraOptions.optional(),
  base: checkpointOption.optional(),
  onProgress: progressOption.optional(),
  signal: signalOption.optional(),
  hub: hubOption.optional(),
} satisfies Fields<LoadOptions>);

/**
 * Loads the model of a checkpoint, a Hugging Face folder with tensors in F32, F16 or BF16. Tensors are read one at a
 * time and held as f32 on the device, the matrices as `dtype` says. F16 files reach 'f16' without a rounding, and
 * matrices of GGUF files in Q4_0 and Q4_1 'int4'; there a matrix in Q8_0 beside others in four bits stays in eight, as it is
 * stored. Where config.json ties the head to the token embedding and the file has another head, both are kept, with a warning.
 *
 * A folder that holds an adapter (PEFT's LoRA) is loaded with its base: merged into it, or, where it is `trainable`, beside
 * it, to be trained further. `saveModel` stores it as it came.
 * @param source a folder's path, a URL, a FileStore or an opened checkpoint; see `openCheckpoint`
 * @example
 * const teacher = await loadModel('./gpt2-dolly', { device, dtype: 'f16' });
 * const student = await loadModel('./gpt2-dolly', { device, trainable: true, layers: 6 });
 * const adapted = await loadModel('hf:HuggingFaceTB/SmolLM2-135M', { device, dtype: 'int8', lora: { rank: 16, alpha: 64 } });
 * @throws OptionError for unknown and wrong options, for more layers than there are, for names of parts that the model does
 * not have, and for another dtype than f32 of a model that is trained as a whole; CheckpointError when files are missing,
 * malformed, do not fit config.json or each other, hold an adapter of another kind, NaN or infinity, or values that the dtype
 * cannot; LimitError when the device cannot hold the model
 */
export async function loadModel(source: CheckpointSource, options: LoadOptions): Promise<LanguageModel> {
  checkOption('loadModel', 'source', source, checkpointOption);
  const checked = checkOptions('loadModel', loadOptions, options);
  const { device, dtype, layers, lora, base, trainable: asked, ...opening } = checked;
  const trainable = asked ?? lora !== undefined;
  if (lora && !trainable) throw unused('lora', 'trainable is false', 'Leave one of them out.');
  const checkpoint = await openCheckpoint(source, { base, ...opening });
  const adapter = await checkpoint.adapter();
  if (base !== undefined && !adapter) throw unused('base', `${checkpoint.name} holds no adapter`, 'Leave base out.');
  if (adapter && lora) {
    const advice = 'Leave lora out to go on with that, or merge it into its base first.';
    throw unused('lora', `${checkpoint.name} holds an adapter already`, advice);
  }
  if ((lora || (adapter && trainable)) && layers !== undefined) {
    const advice = 'Save the student of these layers first (saveModel), and train an adapter of that.';
    throw unused('layers', 'an adapter is trained, which is stored without its base', advice);
  }
  if (!lora && !adapter) checkFormat('loadModel', dtype, trainable, ', or train an adapter (lora)');
  // Before its base is looked for.
  if (adapter) readPeftConfig(adapter.fields, adapter.name);
  const { name: where, fields } = await checkpoint.config();
  const family = findFamily(fields.model_type, where);
  const asRead = configure(family, fields, where);
  const weights = await checkpoint.tensors();
  requireLayers(asRead, weights, where);
  const asStored = await tieAsStored(asRead, { checkpoint, weights, where });
  const names = await matchNames(weights, asStored);
  const stored = adapter && (await readStoredAdapter(adapter, asStored));
  const configured = untied(asStored, { lora, stored, where });
  // Whoever only answers by a model of a web server has no use for a 404 in the console of a page.
  const companions = await checkpoint.companionFiles(trainable);
  const files = layers === undefined ? companions : inheritedOf(companions);
  const promptTemplate = await checkpoint.promptTemplate();
  const largest = [...weights.entries.values()].reduce((most, { byteLength }) => Math.max(most, byteLength), 0);
  const buffer = new Uint8Array(Math.min(pieceBytes, largest));
  const nameOf = (parameter: string) =>
    names.get(parameter) ?? (parameter === headName ? names.get(family.tiedTable) : undefined);
  const kept =
    layers === undefined
      ? { configured, sourceOf: (name: string) => name }
      : keepLayers(configured, layers, where, (name) => nameOf(name) !== undefined);
  const read = (from: TensorSource, name: string) => {
    opening.signal?.throwIfAborted();
    return valuesOf(from, name, buffer);
  };
  const applied = await applyAdapter(configured, { checkpoint, device, trainable, lora, stored, read });
  const values = (name: string) => {
    const whole = kept.sourceOf(name);
    const ofBase = () => read(weights, nameOf(whole) as string);
    return applied ? applied.values(whole, ofBase) : ofBase();
  };
  const model = await openModel(kept.configured, {
    ...{ device, format: dtype, trainable, files, adapter: applied?.declared },
    source: { where: weights.name, values },
  });
  model.promptTemplate = promptTemplate;
  return model;
}

const unused = (option: string, why: string, advice: string): OptionError =>
  new OptionError(`loadModel: ${option} is given, and ${why}. ${advice}`, { option });

/** The adapter that is trained, or merged; undefined where there is none. */
async function applyAdapter(
  configured: ConfiguredFamily,
  {
    checkpoint,
    device,
    trainable,
    lora,
    stored,
    read,
  }: {
    readonly checkpoint: Checkpoint;
    readonly device: Device;
    readonly trainable: boolean;
    readonly lora: CheckedLora | undefined;
    readonly stored: StoredAdapter | undefined;
    readonly read: (source: TensorSource, name: string) => Values;
  },
): Promise<AppliedAdapter | undefined> {
  if (lora) return newAdapter(configured, lora, baseNameOf(checkpoint.location));
  if (!stored) return undefined;
  const base = await (await checkpoint.adapter())?.base();
  return storedAdapter(configured, stored, {
    ...{ device, trainable, valuesOf: read },
    base: baseNameOf(base?.location),
  });
}

/**
 * The same with a head of its own where an adapter trains the head, or the embedding to which it is tied, as a whole. As in
 * PEFT the other of the two stays as it was.
 * @throws OptionError for an embedding that several stacks read
 */
function untied(
  configured: ConfiguredFamily,
  {
    lora,
    stored,
    where,
  }: { readonly lora: CheckedLora | undefined; readonly stored: StoredAdapter | undefined; readonly where: string },
): ConfiguredFamily {
  const { family, fields, config } = configured;
  const table = family.tiedTable.replace(/\.weight$/, '');
  const named = lora?.modulesToSave ?? [];
  if (isNamed(table, named) && family.otherStacks) {
    throw new OptionError(
      `loadModel: lora.modulesToSave names ${table}, which the encoder and the decoder share: PEFT has no name for it. ` +
        'Leave it out.',
      { option: 'lora.modulesToSave', found: named },
    );
  }
  const isTrained =
    isNamed(headPart, named) || isNamed(table, named) || trainsOwnHead(stored?.whole.keys() ?? [], family.tiedTable);
  const isTied = family.parameterName(headName, config) === undefined;
  if (!isTrained || !isTied) return configured;
  return configure(family, { ...fields, ...family.tiedByFile?.(config), tie_word_embeddings: false }, where);
}

/**
 * A config is held against the file's header before anything is made of it: a number of layers makes as many parts.
 * @throws CheckpointError when the file cannot have so many
 */
function requireLayers({ family, config }: ConfiguredFamily, { entries, name }: TensorSource, where: string): void {
  for (const field of [family.layersField, ...Object.keys(family.otherStacks ?? {})]) {
    const layers = (config as Readonly<Record<string, number>>)[field] as number;
    if (layers <= entries.size) continue;
    throw new CheckpointError(
      `${where}: ${field} is ${layers}, but ${name} has ${entries.size} tensors in all. ` +
        'Check that both files belong to the same model.',
      { found: layers, expected: entries.size },
    );
  }
}

/**
 * The same with a head of its own where the file has one beside a config that ties it to the embedding; and tied where
 * the file has none, in families that leave it to the file.
 */
async function tieAsStored(
  configured: ConfiguredFamily,
  { checkpoint, weights, where }: { checkpoint: object; weights: TensorSource; where: string },
): Promise<ConfiguredFamily> {
  const { family, fields, config } = configured;
  const isTied = family.parameterName(headName, config) === undefined;
  if (!isTied && !family.tiedByFile) return configured;
  const table = [...weights.entries.keys()].find((name) => family.parameterName(name, config) === family.tiedTable);
  const ties = !(await hasOtherHead(weights, table));
  if (ties === isTied) return configured;
  if (!family.tiedByFile) warnOfOtherHead(checkpoint, weights.name, where);
  return configure(family, { ...fields, ...family.tiedByFile?.(config), tie_word_embeddings: ties }, where);
}

/** Bytes that are read at a time where a tensor comes in pieces, at most: they stay in a processor's cache. */
const pieceBytes = 4 * 1024 * 1024;

/** A matrix whose blocks are what int4 or int8 holds, their scales checked. */
function storedOf(source: TensorSource, name: string): Pick<Values, 'int4' | 'int8'> {
  const { dtype } = source.entries.get(name) ?? {};
  if (dtype !== 'Q4_0' && dtype !== 'Q4_1' && dtype !== 'Q8_0') return {};
  const read = async () => {
    const blocks = readStoredBlocks(dtype, await source.read(name));
    requireFiniteScales(blocks.scales, { source, name });
    return blocks;
  };
  if (dtype !== 'Q8_0') return { int4: { hasLeast: dtype === 'Q4_1', read } };
  const isMixed = [...source.entries.values()].some((other) => other.dtype.startsWith('Q4_'));
  return { int8: { isMixed, read } };
}

/** The values of a tensor of a checkpoint: those in F16 stay as they are stored where all are asked for. */
const valuesOf = (source: TensorSource, name: string, buffer: Uint8Array<ArrayBuffer>): Values => ({
  ...storedOf(source, name),
  async all() {
    const isHalf = source.entries.get(name)?.dtype === 'F16';
    const values = isHalf ? await readElements(source, name, 'F16') : await readFloats(source, name);
    requireFinite(values, { source, name });
    return values;
  },
  async *pieces() {
    let first = 0;
    for await (const piece of readFloatPieces(source, name, buffer)) {
      requireFinite(piece, { source, name, first });
      first += piece.length;
      yield piece;
    }
  },
});

/**
 * Our name -> the checkpoint's. Every parameter must be there in the right shape, and no tensor may be unused but a copy
 * of another: PyTorch stores what is tied under each of its names.
 */
async function matchNames(weights: TensorSource, { family, config }: ConfiguredFamily): Promise<Map<string, string>> {
  const { name: where, entries } = weights;
  const specs: ParameterSpecs = specsOf(family.tree(config));
  const tables = [...entries.keys()].filter((name) => family.parameterName(name, config) === family.tiedTable);
  const parameterName = (name: string) =>
    // A tied head may be stored under its own name alone.
    family.parameterName(name, config) ?? (name === headName && tables.length === 0 ? family.tiedTable : undefined);
  const names = new Map<string, string>();
  const unexpected: string[] = [];
  for (const [checkpointName, { shape }] of entries) {
    const name = parameterName(checkpointName);
    if (name === undefined) continue;
    const spec = specs.get(name);
    if (!spec) {
      unexpected.push(checkpointName);
      continue;
    }
    if (shape.join() !== spec.shape.join()) {
      throw new CheckpointError(
        `${where}: '${checkpointName}' is [${shape.join(', ')}], expected [${spec.shape.join(', ')}] from config.json. ` +
          'Check that both files belong to the same model.',
        { found: shape, expected: spec.shape },
      );
    }
    const other = names.get(name);
    if (other === undefined) names.set(name, checkpointName);
    else if (!(await isCopy(weights, other, checkpointName))) {
      throw new CheckpointError(
        `${where}: '${other}' and '${checkpointName}' are the same parameter, with different values. Remove one.`,
      );
    }
  }
  const missing = [...specs.keys()].filter((name) => !names.has(name));
  if (missing.length > 0 || unexpected.length > 0) {
    const parts = [
      ...(missing.length > 0 ? [`${missing.length} missing: ${some(missing)}`] : []),
      ...(unexpected.length > 0 ? [`${unexpected.length} unexpected: ${some(unexpected)}`] : []),
    ];
    throw new CheckpointError(
      `${where}: the tensors do not fit config.json; ${parts.join('; ')}. Check that both files belong to the same model.`,
      { found: unexpected, expected: missing },
    );
  }
  return names;
}

const some = (names: readonly string[], most = 8): string =>
  names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');
