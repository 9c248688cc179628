/** The weights of a model on their way to the device: checked for size first, freed together when anything fails. */
import type { Device } from '../backend/backend.js';
import { storageBytes } from '../backend/kernels/index.js';
import { type FittingChange, formatBothBytes, formatBytes, LimitError, OptionError } from '../errors.js';
import { ranges } from '../settings/index.js';
import {
  disposeWeight,
  loadWeight,
  type Tensor,
  tensorOf,
  trainedValues,
  type Values,
  type Weight,
  type WeightFormat,
  weightBytes,
  weightFormats,
} from '../tensor/index.js';
import { fittingWords } from './memory.js';
import type { HeldParameters, ParameterSpec, ParameterSpecs } from './parts.js';

/** How the matrices of a model are held. */
export const formatOption = ranges.choice(weightFormats);

/**
 * @param advice what else to do, as the end of a sentence
 * @throws OptionError for a model of another format than f32 all of whose parameters are trained
 */
export function checkFormat(where: string, dtype: WeightFormat, trainable: boolean, advice = ''): void {
  if (trainable && dtype !== 'f32') {
    throw new OptionError(
      `${where}: a trainable model has dtype 'f32', found '${dtype}'. Leave dtype out, or set trainable to false${advice}.`,
      { option: 'dtype', found: dtype, expected: 'f32' },
    );
  }
}

/** The values of parameters, as a checkpoint or an initialiser gives them. */
export interface ParameterSource {
  /** The file, for messages. */
  readonly where: string;
  values(name: string): Values;
}

/** Where parameters come from, and how they are held. */
interface Holding {
  readonly source: ParameterSource;
  /** Of the matrices that are frozen; everything else is f32. */
  readonly format: WeightFormat;
  readonly trainable: boolean;
}

/**
 * Puts each parameter on the device, in order; frees what it made when anything fails. On a meta device no value is asked
 * for.
 * @throws LimitError before any work when they do not fit the device, and when memory runs out;
 * CheckpointError when the format cannot hold a value
 */
export async function holdParameters(device: Device, specs: ParameterSpecs, holding: Holding): Promise<HeldParameters> {
  const { source, format } = holding;
  const { where } = source;
  const total = checkFit(device, specs, holding);
  const parameters = new Map<string, Tensor>();
  const weights = new Map<string, Weight>();
  try {
    for (const [name, { shape, matrix: layout, trained }] of specs) {
      if (!layout) {
        parameters.set(name, await tensorOf(device, source.values(name), shape, name));
        continue;
      }
      const held = trained ? 'f32' : format;
      const weight = await loadWeight(device, held, { values: source.values(name), shape, layout, name, where });
      weights.set(name, weight);
      const values = trainedValues(weight);
      if (values) parameters.set(name, values);
    }
    return { parameters, weights };
  } catch (error) {
    freeParameters({ parameters, weights });
    if (!(error instanceof LimitError)) throw error;
    throw new LimitError(`${where}: the model needs ${formatBytes(total)}. ${error.message}`, {
      found: error.found,
      expected: error.expected,
      cause: error,
    });
  }
}

export function freeParameters({ parameters, weights }: HeldParameters): void {
  for (const parameter of parameters.values()) parameter.dispose();
  for (const weight of weights.values()) disposeWeight(weight);
}

/** Bytes of a parameter's storages, the largest first. */
function bytesOf({ shape, matrix, trained }: ParameterSpec, format: WeightFormat): readonly number[] {
  if (!matrix) return [storageBytes('f32', shape)];
  const [first = 0, second = 0] = shape;
  return weightBytes(trained ? 'f32' : format, matrix === 'outIn' ? [first, second] : [second, first]);
}
const totalBytes = (specs: ParameterSpecs, format: WeightFormat) =>
  [...specs.values()].flatMap((spec) => bytesOf(spec, format)).reduce((total, bytes) => total + bytes, 0);

/**
 * Bytes of all parameters.
 * @throws LimitError when one of them is beyond the device's limit for a storage, or all together are beyond what
 * WebAssembly has left. A meta device has no end
 */
function checkFit(device: Device, specs: ParameterSpecs, { source: { where }, format, trainable }: Holding): number {
  const total = totalBytes(specs, format);
  const { kind, maxStorageBytes: limit, description } = device.info;
  for (const [name, spec] of specs) {
    const [bytes = 0] = bytesOf(spec, format);
    if (bytes <= limit) continue;
    const [needed, allowed] = formatBothBytes(bytes, limit);
    throw new LimitError(
      `${where}: '${name}' needs ${needed} of ${formatBytes(total)} in all; this device (${description}) allows ` +
        `${allowed} a tensor. Take ${format === 'f32' ? "dtype 'f16', " : ''}a smaller model or another device.`,
      { found: bytes, expected: limit },
    );
  }
  const left = kind === 'wasm' && !device.isMeta ? limit - device.memory().liveBytes : Number.POSITIVE_INFINITY;
  if (total <= left) return total;
  const [needed, free] = formatBothBytes(total, left);
  const fitting = (trainable ? [] : weightFormats)
    .map((dtype): FittingChange => ({ options: { dtype }, total: totalBytes(specs, dtype) }))
    .filter((change) => change.total <= left);
  throw new LimitError(
    `${where}: the model needs ${needed} in ${format}, this device (${description}) has ${free} left. ` +
      (fitting.length > 0 ? fittingWords(fitting) : 'Take a smaller model, or a device with more memory.'),
    { found: total, expected: left, fitting },
  );
}
