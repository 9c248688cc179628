import type { Device } from '../backend/backend.js';
import { storageBytes } from '../backend/kernels/index.js';
import { CheckpointError, OptionError } from '../errors.js';
import { checkHalves, f16ToF32, f32ToF16 } from '../io/halfFloats.js';
import { sizeOf, Tensor, type WeightLayout } from '../tensor/index.js';
import type { ParameterSpec } from './family.js';

/**
 * How a model's matrices are held on the device. f16: half the memory of f32, rounded to nearest; each matrix is a power of
 * two times halves, so that its smallest weights lose nothing and are no slower. int8: a quarter; each output feature is
 * its largest weight over 127 (f32) times integers from -127 to 127. Biases, norms and position embeddings stay f32, and
 * all computation is in f32 (with int8 weights on WASM also in 16-bit integers, see the kernel gemmNTInt8). Both hold
 * matrices as [out, in], so that an output feature's weights are read straight on.
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
export type WeightSource = (name: string) => Promise<Float32Array>;

const storedAs = ({ matrix }: ParameterSpec, dtype: WeightDType): WeightDType => (matrix ? dtype : 'f32');

/** Bytes of the largest storage that a weight needs. */
export function weightBytes(spec: ParameterSpec, dtype: WeightDType): number {
  const stored = storedAs(spec, dtype);
  return storageBytes(stored, sizeOf(spec.shape));
}

/** A weight on the device. @throws CheckpointError naming it when a value cannot be stored so */
export async function loadWeight(
  device: Device,
  name: string,
  spec: ParameterSpec,
  dtype: WeightDType,
  source: WeightSource,
  where: string,
): Promise<Tensor> {
  const { shape, matrix } = spec;
  const stored = storedAs(spec, dtype);
  const values = await source(name);
  if (stored === 'f32') return Tensor.from(device, values, shape, name);
  const [rows = 0, cols = 0] = shape;
  const outputsFirst = <A extends Float32Array | Uint16Array>(matrixValues: A) =>
    matrix === 'inOut' ? transpose(matrixValues, rows, cols) : matrixValues;
  const storedShape = matrix === 'inOut' ? [cols, rows] : shape;
  if (stored === 'f16') {
    const { halves, scale } = halve(values);
    checkHalves(halves, values, { where, name, advice: "Load it with dtype 'f32'." });
    const weight = Tensor.from(device, outputsFirst(halves), storedShape, name);
    weight.scale = scale;
    return weight;
  }
  const { integers, scales } = quantise(outputsFirst(values), storedShape[0] as number);
  if (!scales.every(Number.isFinite)) {
    throw new CheckpointError(
      `${where}: '${name}' holds a value that is not finite, which int8 has no scale for. Load it with dtype 'f32'.`,
    );
  }
  const weight = Tensor.from(device, integers, storedShape, name);
  try {
    weight.scales = Tensor.from(device, scales, [scales.length], `${name}, scales`);
  } catch (error) {
    weight.dispose();
    throw error;
  }
  return weight;
}

/** How a weight lies on the device that lies as `layout` in a checkpoint. */
export const layoutOf = (weight: Tensor, layout: WeightLayout): WeightLayout =>
  weight.dtype === 'f32' ? layout : 'outIn';

/** The values of a weight as its checkpoint has them. int8 is not among them. */
export async function readWeight(weight: Tensor, { matrix }: ParameterSpec): Promise<Float32Array> {
  const stored = (await weight.read()) as Float32Array | Uint16Array;
  const values = stored instanceof Float32Array ? stored : f16ToF32(stored).map((half) => half * weight.scale);
  const [rows = 0, cols = 0] = weight.shape;
  return matrix && layoutOf(weight, matrix) !== matrix ? transpose(values, rows, cols) : values;
}

/** Side of the blocks in which `transpose` goes: a whole cache line in either direction. */
const block = 32;

/** [rows, cols] -> [cols, rows] */
function transpose<A extends Float32Array | Uint16Array>(values: A, rows: number, cols: number): A {
  const result = values.slice() as A;
  for (let top = 0; top < rows; top += block) {
    const bottom = Math.min(top + block, rows);
    for (let col = 0; col < cols; col++) {
      for (let row = top; row < bottom; row++) result[col * rows + row] = values[row * cols + col] as number;
    }
  }
  return result;
}

/**
 * Halves and the power of two (from 2^-64 to 1) that gives the values when multiplied with them: the largest half is at least
 * 2^14 where the scale allows, so that only values 2^28 times smaller are subnormal. Those lose bits, and processors take
 * a hundred cycles over each. Values over 65504 become infinity.
 */
export function halve(values: Float32Array): { halves: Uint16Array; scale: number } {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let largest = 0;
  for (let i = 0; i < bits.length; i++) largest = Math.max(largest, (bits[i] as number) & 0x7fffffff);
  const exponent = (largest >>> 23) - 127;
  const shift = largest === 0 ? 0 : Math.max(0, Math.min(64, 14 - exponent));
  const factor = 2 ** shift;
  const scaled = new Float32Array(values.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = (values[i] as number) * factor;
  return { halves: f32ToF16(scaled), scale: 2 ** -shift };
}

/**
 * Symmetric rounding of values [outputs, inputs], a scale each output: weight = integer * scale. NaN or infinity makes a
 * scale not finite.
 */
export function quantise(values: Float32Array, outputs: number): { integers: Int8Array; scales: Float32Array } {
  const inputs = values.length / outputs;
  const scales = new Float32Array(outputs);
  const integers = new Int8Array(values.length);
  for (let output = 0; output < outputs; output++) {
    const [first, end] = [output * inputs, (output + 1) * inputs];
    let largest = 0;
    for (let i = first; i < end; i++) largest = Math.max(largest, Math.abs(values[i] as number));
    scales[output] = largest === 0 ? 1 : largest / 127;
    const scale = scales[output] as number;
    for (let i = first; i < end; i++) {
      integers[i] = Math.max(-127, Math.min(127, Math.round((values[i] as number) / scale)));
    }
  }
  return { integers, scales };
}
