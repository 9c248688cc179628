import type { Backend } from '../backend/backend.js';
import { storageBytes } from '../backend/kernels.js';
import { CheckpointError, OptionError } from '../errors.js';
import { sizeOf, Tensor, type WeightLayout } from '../tensor/index.js';
import type { ParameterSpec } from './family.js';

/**
 * How a model's matrices are held on the device. f16: half the memory of f32, rounded to nearest. int8: a quarter;
 * each output feature is its largest weight over 127 (f32) times integers from -127 to 127. Biases, norms and position
 * embeddings stay f32, and all computation is in f32.
 */
export type WeightDType = (typeof weightDTypes)[number];
export const weightDTypes = ['f32', 'f16', 'int8'] as const;

/** @throws OptionError for an unknown dtype, and for a trainable model of another than f32 */
export function checkDType(where: string, dtype: WeightDType, trainable: boolean): void {
  if (!weightDTypes.includes(dtype)) {
    throw new OptionError(`${where}: dtype is ${JSON.stringify(dtype)}, expected ${weightDTypes.join(', ')}.`, {
      found: dtype,
      expected: weightDTypes,
    });
  }
  if (trainable && dtype !== 'f32') {
    throw new OptionError(
      `${where}: a trainable model has dtype 'f32', found '${dtype}'. Leave dtype out, or set trainable to false.`,
      { found: dtype, expected: 'f32' },
    );
  }
}

/** The values of a weight, as a checkpoint or an initialiser gives them. */
export interface WeightSource {
  f32(name: string): Promise<Float32Array>;
  /** @throws CheckpointError when a value is not finite or beyond f16's range */
  f16(name: string): Promise<Uint16Array>;
}

const storedAs = ({ matrix }: ParameterSpec, dtype: WeightDType): WeightDType => (matrix ? dtype : 'f32');

/** Bytes of the largest storage that a weight needs. */
export function weightBytes(spec: ParameterSpec, dtype: WeightDType): number {
  const stored = storedAs(spec, dtype);
  return storageBytes(stored === 'int8' ? 'i8' : stored, sizeOf(spec.shape));
}

/** A weight on the device. @throws CheckpointError naming it when a value cannot be stored so */
export async function loadWeight(
  device: Backend,
  name: string,
  spec: ParameterSpec,
  dtype: WeightDType,
  source: WeightSource,
  where: string,
): Promise<Tensor> {
  const { shape, matrix } = spec;
  const stored = storedAs(spec, dtype);
  if (stored === 'f16') return Tensor.from(device, await source.f16(name), shape, name);
  const values = await source.f32(name);
  if (stored === 'f32' || !matrix) return Tensor.from(device, values, shape, name);
  const { integers, scales } = quantise(values, shape, matrix);
  if (!scales.every(Number.isFinite)) {
    throw new CheckpointError(
      `${where}: '${name}' holds a value that is not finite, which int8 has no scale for. Load it with dtype 'f32'.`,
    );
  }
  const weight = Tensor.from(device, integers, shape, name);
  try {
    weight.scales = Tensor.from(device, scales, [scales.length], `${name}, scales`);
  } catch (error) {
    weight.dispose();
    throw error;
  }
  return weight;
}

/** Symmetric rounding, a scale each output feature: weight = integer * scale. NaN or infinity makes a scale not finite. */
export function quantise(
  values: Float32Array,
  [rows = 0, cols = 0]: readonly number[],
  layout: WeightLayout,
): { integers: Int8Array; scales: Float32Array } {
  const outputs = layout === 'outIn' ? rows : cols;
  const scales = new Float32Array(outputs);
  const each = (work: (at: number, output: number) => void) => {
    for (let row = 0, at = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++, at++) work(at, layout === 'outIn' ? row : col);
    }
  };
  each((at, output) => {
    scales[output] = Math.max(scales[output] as number, Math.abs(values[at] as number));
  });
  for (let output = 0; output < outputs; output++) {
    const largest = scales[output] as number;
    scales[output] = largest === 0 ? 1 : largest / 127;
  }
  const integers = new Int8Array(values.length);
  each((at, output) => {
    const nearest = Math.round((values[at] as number) / (scales[output] as number));
    integers[at] = Math.max(-127, Math.min(127, nearest));
  });
  return { integers, scales };
}
