/** The weights of a model on their way to the device: checked for size first, freed together when anything fails. */
import type { Device } from '../backend/backend.js';
import { storageBytes } from '../backend/kernels/index.js';
import { formatBothBytes, formatBytes, LimitError, OptionError } from '../errors.js';
import { ranges } from '../settings/index.js';
import {
  disposeWeight,
  loadWeight,
  sizeOf,
  type Tensor,
  tensorOf,
  trainedValues,
  type Values,
  type Weight,
  type WeightFormat,
  weightBytes,
  weightFormats,
} from '../tensor/index.js';
import type { HeldParameters, ParameterSpec, ParameterSpecs } from './parts.js';

/** How the matrices of a model are held. */
export const formatOption = ranges.choice(weightFormats);

/** @throws OptionError for a trainable model of another format than f32 */
export function checkFormat(where: string, dtype: WeightFormat, trainable: boolean): void {
  if (trainable && dtype !== 'f32') {
    throw new OptionError(
      `${where}: a trainable model has dtype 'f32', found '${dtype}'. Leave dtype out, or set trainable to false.`,
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

/**
 * Puts each parameter on the device, in order; frees what it made when anything fails.
 * @param format of the matrices; everything else is f32
 * @throws LimitError before any work when the largest does not fit the device, and when memory runs out;
 * CheckpointError when the format cannot hold a value
 */
export async function holdParameters(
  device: Device,
  specs: ParameterSpecs,
  { where, values }: ParameterSource,
  format: WeightFormat,
): Promise<HeldParameters> {
  const total = checkFit(device, specs, where, format);
  const parameters = new Map<string, Tensor>();
  const weights = new Map<string, Weight>();
  try {
    for (const [name, { shape, matrix: layout }] of specs) {
      if (!layout) {
        parameters.set(name, await tensorOf(device, values(name), shape, name));
        continue;
      }
      const weight = await loadWeight(device, format, { values: values(name), shape, layout, name, where });
      weights.set(name, weight);
      const trained = trainedValues(weight);
      if (trained) parameters.set(name, trained);
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

/** Bytes of all parameters. @throws LimitError when one of them is beyond the device's limit for a storage */
function checkFit(device: Device, specs: ParameterSpecs, where: string, format: WeightFormat): number {
  const bytesOf = ({ shape, matrix }: ParameterSpec) =>
    matrix ? weightBytes(format, shape) : storageBytes('f32', sizeOf(shape));
  const total = [...specs.values()].reduce((bytes, spec) => bytes + bytesOf(spec), 0);
  const { maxStorageBytes: limit, description } = device.info;
  for (const [name, spec] of specs) {
    const bytes = bytesOf(spec);
    if (bytes <= limit) continue;
    const [needed, allowed] = formatBothBytes(bytes, limit);
    throw new LimitError(
      `${where}: '${name}' needs ${needed} of ${formatBytes(total)} in all; this device (${description}) allows ` +
        `${allowed} a tensor. Take ${format === 'f32' ? "dtype 'f16', " : ''}a smaller model or another device.`,
      { found: bytes, expected: limit },
    );
  }
  return total;
}
