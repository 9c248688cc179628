/** Models from checkpoints: names and shapes are matched before any tensor is read. */
import { z } from 'zod';
import { type Device, deviceOption } from '../backend/backend.js';
import {
  type CheckpointAdapter,
  type CheckpointSource,
  checkpointOption,
  openCheckpoint,
} from '../checkpoints/index.js';
import { CheckpointError } from '../errors.js';
import { readElements, readFloatPieces, readFloats, type TensorSource } from '../io/tensorSource.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import type { Values, WeightFormat } from '../tensor/index.js';
import { configure, openModel } from './family.js';
import type { LanguageModel } from './model.js';
import { checkFormat, formatOption } from './parameters.js';
import { type ParameterSpecs, specsOf } from './parts.js';
import { findFamily } from './registry.js';

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
}

const loadOptions = z.strictObject({
  device: deviceOption,
  trainable: ranges.switched.default(false),
  dtype: formatOption.default('f32'),
} satisfies Fields<LoadOptions>);

/**
 * Loads the model of a checkpoint, a Hugging Face folder with tensors in F32, F16 or BF16. Tensors are read one at a
 * time and held as f32 on the device, the matrices as `dtype` says. F16 files reach 'f16' without a rounding.
 * @param source a folder's path, a URL, a FileStore or an opened checkpoint; see `openCheckpoint`
 * @example
 * const teacher = await loadModel('./gpt2-dolly', { device, dtype: 'f16' });
 * @throws OptionError for unknown and wrong options, and for a trainable model of another dtype than f32;
 * CheckpointError when files are missing,
 * malformed, do not fit config.json, hold an adapter, or hold values that the dtype cannot; LimitError when the device cannot hold the
 * model
 */
export async function loadModel(source: CheckpointSource, options: LoadOptions): Promise<LanguageModel> {
  checkOption('loadModel', 'source', source, checkpointOption);
  const { device, trainable, dtype } = checkOptions('loadModel', loadOptions, options);
  checkFormat('loadModel', dtype, trainable);
  const checkpoint = await openCheckpoint(source);
  refuseAdapter(await checkpoint.adapter());
  const { name: where, fields } = await checkpoint.config();
  const family = await findFamily(fields.model_type, where);
  const configured = configure(family, fields, where);
  const { config } = configured;
  const weights = await checkpoint.tensors();
  const names = matchNames(weights, specsOf(family.tree(config)), (name) => family.parameterName(name, config));
  const buffer = new Uint8Array(pieceBytes);
  const values = (name: string) => valuesOf(weights, names.get(name) as string, buffer);
  return openModel(configured, { device, source: { where: weights.name, values }, format: dtype, trainable });
}

/** Without it a model would be another than was trained. @throws CheckpointError */
function refuseAdapter(adapter: CheckpointAdapter | undefined): void {
  if (!adapter) return;
  const { peft_type: type, base_model_name_or_path: base } = adapter.fields;
  throw new CheckpointError(
    `${adapter.name}: the folder holds an adapter (${type}) of ${JSON.stringify(base)}, which loadModel does not apply. ` +
      'Merge the two with PEFT (merge_and_unload), and load what it saves.',
    { found: adapter.fields },
  );
}

/** Bytes that are read at a time where a tensor comes in pieces: they stay in a processor's cache. */
const pieceBytes = 4 * 1024 * 1024;

/** The values of a tensor of a checkpoint: those in F16 stay as they are stored where all are asked for. */
const valuesOf = (source: TensorSource, name: string, buffer: Uint8Array<ArrayBuffer>): Values => ({
  all: () => (source.entries.get(name)?.dtype === 'F16' ? readElements(source, name, 'F16') : readFloats(source, name)),
  pieces: () => readFloatPieces(source, name, buffer),
});

/** Our name -> the checkpoint's. Every parameter must be there in the right shape, and no tensor may be unused. */
function matchNames(
  { name: where, entries }: TensorSource,
  specs: ParameterSpecs,
  parameterName: (checkpointName: string) => string | undefined,
): Map<string, string> {
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
    const other = names.get(name);
    if (other !== undefined) {
      throw new CheckpointError(`${where}: '${other}' and '${checkpointName}' are the same parameter. Remove one.`);
    }
    if (shape.join() !== spec.shape.join()) {
      throw new CheckpointError(
        `${where}: '${checkpointName}' is [${shape.join(', ')}], expected [${spec.shape.join(', ')}] from config.json. ` +
          'Check that both files belong to the same model.',
        { found: shape, expected: spec.shape },
      );
    }
    names.set(name, checkpointName);
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
