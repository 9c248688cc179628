import type { Device } from '../backend/backend.js';
import { formatBothBytes, formatBytes, LimitError } from '../errors.js';
import type { Tensor } from '../tensor/index.js';
import type { ParameterSpecs } from './family.js';
import { loadWeight, type WeightDType, type WeightSource, weightBytes } from './storedWeights.js';

/**
 * Makes a tensor a parameter, in order, from `source`; frees what it made when anything fails.
 * @throws LimitError before any work when the largest does not fit the device, and when memory runs out
 */
export async function makeParameters(
  device: Device,
  specs: ParameterSpecs,
  where: string,
  source: WeightSource,
  dtype: WeightDType,
): Promise<Map<string, Tensor>> {
  const total = [...specs.values()].reduce((bytes, spec) => bytes + weightBytes(spec, dtype), 0);
  for (const [name, spec] of specs) {
    const bytes = weightBytes(spec, dtype);
    const limit = device.info.maxStorageBytes;
    if (bytes > limit) {
      const [needed, allowed] = formatBothBytes(bytes, limit);
      throw new LimitError(
        `${where}: '${name}' needs ${needed} of ${formatBytes(total)} in all; this device ` +
          `(${device.info.description}) allows ${allowed} a tensor. Take ${dtype === 'f32' ? "dtype 'f16', " : ''}a smaller model or another device.`,
        { found: bytes, expected: limit },
      );
    }
  }
  const parameters = new Map<string, Tensor>();
  try {
    for (const [name, spec] of specs) {
      parameters.set(name, await loadWeight(device, name, spec, dtype, source, where));
    }
    return parameters;
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose();
    if (!(error instanceof LimitError)) throw error;
    throw new LimitError(`${where}: the model needs ${formatBytes(total)}. ${error.message}`, {
      found: error.found,
      expected: error.expected,
      cause: error,
    });
  }
}
