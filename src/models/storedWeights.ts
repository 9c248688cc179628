import type { Device } from '../backend/backend.js';
import { storageBytes } from '../backend/kernels/index.js';
import { CheckpointError, OptionError } from '../errors.js';
import { checkHalves, f16ToF32, f32ToF16 } from '../io/halfFloats.js';
import {
  f16Weight,
  f32Weight,
  int8Weight,
  sizeOf,
  Tensor,
  type Weight,
  type WeightFormat,
  type WeightLayout,
  weightFormats,
} from '../tensor/index.js';
import type { ParameterSpec } from './family.js';

/** @throws OptionError for an unknown dtype, and for a trainable model of another than f32 */
export function checkDType(where: string, dtype: WeightFormat, trainable: boolean): void {
  if (!weightFormats.includes(dtype)) {
    throw new OptionError(`${where}: dtype is ${JSON.stringify(dtype)}, expected ${weightFormats.join(', ')}.`, {
      found: dtype,
      expected: weightFormats,
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

const storedAs = ({ matrix }: ParameterSpec, dtype: WeightFormat): WeightFormat => (matrix ? dtype : 'f32');

/** Bytes of the largest storage that a weight needs. */
export function weightBytes(spec: ParameterSpec, dtype: WeightFormat): number {
  const stored = storedAs(spec, dtype);
  return storageBytes(stored, sizeOf(spec.shape));
}

/** A parameter that no format but f32 stands for. */
export async function loadTensor(
  device: Device,
  name: string,
  { shape }: ParameterSpec,
  source: WeightSource,
): Promise<Tensor> {
  return Tensor.from(device, await source(name), shape, name);
}

type MatrixSpec = ParameterSpec & { readonly matrix: WeightLayout };

/** A weight on the device. @throws CheckpointError naming it when a value cannot be stored so */
export async function loadWeight(
  device: Device,
  name: string,
  { shape, matrix }: MatrixSpec,
  dtype: WeightFormat,
  source: WeightSource,
  where: string,
): Promise<Weight> {
  const values = await source(name);
  if (dtype === 'f32') return f32Weight(Tensor.from(device, values, shape, name), matrix);
  const [rows = 0, cols = 0] = shape;
  const outputsFirst = <A extends Float32Array | Uint16Array>(matrixValues: A) =>
    matrix === 'inOut' ? transpose(matrixValues, rows, cols) : matrixValues;
  const storedShape = matrix === 'inOut' ? [cols, rows] : shape;
  if (dtype === 'f16') {
    const { halves, scale } = halve(values);
    checkHalves(halves, values, { where, name, advice: "Load it with dtype 'f32'." });
    return f16Weight(Tensor.from(device, outputsFirst(halves), storedShape, name), scale);
  }
  const { integers, scales } = quantise(outputsFirst(values), storedShape[0] as number);
  if (!scales.every(Number.isFinite)) {
    throw new CheckpointError(
      `${where}: '${name}' holds a value that is not finite, which int8 has no scale for. Load it with dtype 'f32'.`,
    );
  }
  const bytes = Tensor.from(device, integers, storedShape, name);
  try {
    return int8Weight(bytes, Tensor.from(device, scales, [scales.length], `${name}, scales`));
  } catch (error) {
    bytes.dispose();
    throw error;
  }
}

/** The values of an f16 weight as its checkpoint has them: in rows of outputs, or of inputs. */
export async function readF16Weight(
  { values, scale, shape: [outputs, inputs] }: Extract<Weight, { format: 'f16' }>,
  matrix: WeightLayout | undefined,
): Promise<Float32Array> {
  const wide = f16ToF32((await values.read()) as Uint16Array).map((half) => half * scale);
  return matrix === 'inOut' ? transpose(wide, outputs, inputs) : wide;
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
