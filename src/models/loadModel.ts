/** Models from checkpoints: names and shapes are matched before any tensor is read. */
import * as z from 'zod';
import { type Device, deviceOption } from '../backend/backend.js';
import {
  type CheckpointAdapter,
  type CheckpointSource,
  checkpointOption,
  openCheckpoint,
} from '../checkpoints/index.js';
import { CheckpointError } from '../errors.js';
import { inWords, quoted } from '../inWords.js';
import { requireFinite } from '../io/finite.js';
import { type OnProgress, progressOption } from '../io/httpStore.js';
import { type HubOptions, hubOption } from '../io/hub/hubOptions.js';
import { readElements, readFloatPieces, readFloats, type TensorSource } from '../io/tensorSource.js';
import { checkOption, checkOptions, type Fields, ranges, signalOption } from '../settings/index.js';
import type { Values, WeightFormat } from '../tensor/index.js';
import { type ConfiguredFamily, configure, openModel } from './family.js';
import { type KeptLayers, keepLayers, keptLayersOption } from './keptLayers.js';
import type { LanguageModel } from './model.js';
import { checkFormat, formatOption } from './parameters.js';
import { type ParameterSpecs, specsOf } from './parts.js';
import { findFamily } from './registry.js';
import { hasOtherHead, headName, isCopy, warnOfOtherHead } from './tiedHead.js';

/** Where a model is loaded to, and how it is held. */
export interface LoadOptions {
  /** Holds the model. */
  readonly device: Device;
  /** Whether the weights get gradients; false by default: a teacher. */
  readonly trainable?: boolean;
  /**
   * How the matrices are held: 'f32' by default; 'f16' takes half the memory, 'int8' a quarter, for models that are not
   * trained. See `WeightFormat`.
   */
  readonly dtype?: WeightFormat;
  /**
   * A student made from a teacher: so many of its layers, evenly spaced, or the layers of a list, with its embeddings, last
   * norm and head. All by default.
   */
  readonly layers?: KeptLayers | undefined;
  /** Told of each part of a file that comes from a web server; see `openCheckpoint`. */
  readonly onProgress?: OnProgress | undefined;
  /** Stops loading: what was made is freed. */
  readonly signal?: AbortSignal | undefined;
  /** How Hugging Face is asked, for names on it; see `openCheckpoint`. */
  readonly hub?: HubOptions | undefined;
}

const loadOptions = z.strictObject({
  device: deviceOption,
  trainable: ranges.switched.default(false),
  dtype: formatOption.default('f32'),
  layers: keptLayersOption.optional(),
  onProgress: progressOption.optional(),
  signal: signalOption.optional(),
  hub: hubOption.optional(),
} satisfies Fields<LoadOptions>);

/**
 * Loads the model of a checkpoint, a Hugging Face folder with tensors in F32, F16 or BF16. Tensors are read one at a
 * time and held as f32 on the device, the matrices as `dtype` says. F16 files reach 'f16' without a rounding. Where
 * config.json ties the head to the token embedding and the file has another head, both are kept, with a warning.
 * @param source a folder's path, a URL, a FileStore or an opened checkpoint; see `openCheckpoint`
 * @example
 * const teacher = await loadModel('./gpt2-dolly', { device, dtype: 'f16' });
 * const student = await loadModel('./gpt2-dolly', { device, trainable: true, layers: 6 });
 * @throws OptionError for unknown and wrong options, for more layers than there are, and for a trainable model of another
 * dtype than f32; CheckpointError when files are missing, malformed, do not fit config.json, hold an adapter, NaN or infinity, or values
 * that the dtype cannot; LimitError when the device cannot hold the model
 */
export async function loadModel(source: CheckpointSource, options: LoadOptions): Promise<LanguageModel> {
  checkOption('loadModel', 'source', source, checkpointOption);
  const { device, trainable, dtype, layers, ...opening } = checkOptions('loadModel', loadOptions, options);
  checkFormat('loadModel', dtype, trainable);
  const checkpoint = await openCheckpoint(source, opening);
  refuseAdapter(await checkpoint.adapter());
  const { name: where, fields } = await checkpoint.config();
  const family = findFamily(fields.model_type, where);
  const asRead = configure(family, fields, where);
  const weights = await checkpoint.tensors();
  requireLayers(asRead, weights, where);
  const configured = await tieAsStored(asRead, { checkpoint, weights, where });
  const names = await matchNames(weights, configured);
  const files = await checkpoint.companionFiles();
  const promptTemplate = await checkpoint.promptTemplate();
  const buffer = new Uint8Array(pieceBytes);
  const kept =
    layers === undefined
      ? { configured, sourceOf: (name: string) => name }
      : keepLayers(configured, layers, where, (name) => names.has(name));
  const values = (name: string) => {
    opening.signal?.throwIfAborted();
    return valuesOf(weights, names.get(kept.sourceOf(name)) as string, buffer);
  };
  const stored = { where: weights.name, values };
  const model = await openModel(kept.configured, { device, source: stored, format: dtype, trainable, files });
  model.promptTemplate = promptTemplate;
  return model;
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

/** Without it a model would be another than was trained. @throws CheckpointError */
function refuseAdapter(adapter: CheckpointAdapter | undefined): void {
  if (!adapter) return;
  const { peft_type: type, base_model_name_or_path: base } = adapter.fields;
  throw new CheckpointError(
    `${adapter.name}: the folder holds an adapter (${inWords(type)}) of ${quoted(base)}, which loadModel does not apply. ` +
      'Merge the two with PEFT (merge_and_unload), and load what it saves.',
    { found: adapter.fields },
  );
}

/** Bytes that are read at a time where a tensor comes in pieces: they stay in a processor's cache. */
const pieceBytes = 4 * 1024 * 1024;

/** The values of a tensor of a checkpoint: those in F16 stay as they are stored where all are asked for. */
const valuesOf = (source: TensorSource, name: string, buffer: Uint8Array<ArrayBuffer>): Values => ({
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
