import type { Device } from '../backend/backend.js';
import { formatBothBytes, formatBytes, LimitError } from '../errors.js';
import { disposeWeight, type Tensor, trainedValues, type Weight, type WeightFormat } from '../tensor/index.js';
import type { ModelParts, ParameterSpecs } from './family.js';
import { loadTensor, loadWeight, type WeightSource, weightBytes } from './storedWeights.js';

/**
 * Makes a tensor or a weight for each parameter, in order, from `source`; frees what it made when anything fails.
 * @throws LimitError before any work when the largest does not fit the device, and when memory runs out
 */
export async function makeParameters(
  device: Device,
  specs: ParameterSpecs,
  where: string,
  source: WeightSource,
  dtype: WeightFormat,
): Promise<Pick<ModelParts, 'parameters' | 'weights'>> {
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
  const weights = new Map<string, Weight>();
  try {
    for (const [name, spec] of specs) {
      if (!spec.matrix) {
        parameters.set(name, await loadTensor(device, name, spec, source));
        continue;
      }
      const weight = await loadWeight(device, name, { ...spec, matrix: spec.matrix }, dtype, source, where);
      weights.set(name, weight);
      const values = trainedValues(weight);
      if (values) parameters.set(name, values);
    }
    return { parameters, weights };
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose();
    for (const weight of weights.values()) disposeWeight(weight);
    if (!(error instanceof LimitError)) throw error;
    throw new LimitError(`${where}: the model needs ${formatBytes(total)}. ${error.message}`, {
      found: error.found,
      expected: error.expected,
      cause: error,
    });
  }
}
