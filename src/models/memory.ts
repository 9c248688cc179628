import type { Backend } from '../backend/backend.js';
import { formatBytes, LimitError } from '../errors.js';
import { sizeOf, Tensor } from '../tensor/index.js';
import type { ParameterSpecs } from './family.js';

/**
 * Makes a tensor a parameter, in order, from `values`; frees what it made when anything fails.
 * @throws LimitError before any work when the largest does not fit the device, and when memory runs out
 */
export async function makeParameters(
  device: Backend,
  specs: ParameterSpecs,
  where: string,
  values: (name: string) => Promise<Float32Array>,
): Promise<Map<string, Tensor>> {
  const total = [...specs.values()].reduce((bytes, { shape }) => bytes + 4 * sizeOf(shape), 0);
  for (const [name, { shape }] of specs) {
    const bytes = 4 * sizeOf(shape);
    const limit = device.info.maxStorageBytes;
    if (bytes > limit) {
      throw new LimitError(
        `${where}: '${name}' needs ${formatBytes(bytes)} of ${formatBytes(total)} in all; this device ` +
          `(${device.info.description}) allows ${formatBytes(limit)} a tensor. Take a smaller model or another device.`,
        { found: bytes, expected: limit },
      );
    }
  }
  const parameters = new Map<string, Tensor>();
  try {
    for (const [name, { shape }] of specs) parameters.set(name, Tensor.from(device, await values(name), shape, name));
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
