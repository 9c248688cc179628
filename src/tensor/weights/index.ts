/**
 * Weights, whatever format they are held in. Each format has a file: how it is made from f32 values and read back, how it
 * multiplies, how the gradient of its input is had, how its rows are looked up. Nothing else above the backend asks for a
 * weight's format.
 */
import type { Device } from '../../backend/backend.js';
import type { WeightFormat } from '../../backend/kernels/formats.js';
import { ShapeError } from '../../errors.js';
import { gemm } from '../gemm.js';
import { transpose } from '../rounding.js';
import type { Tensor } from '../tensor.js';
import type { Values } from '../values.js';
import { f16 } from './f16.js';
import { f32 } from './f32.js';
import type { Format } from './format.js';
import { int4 } from './int4.js';
import { int8 } from './int8.js';
import type { MatrixValues } from './matrix.js';
import type { Weight, WeightLayout } from './weight.js';

export type { MatrixValues } from './matrix.js';
export {
  type F16Weight,
  type F32Weight,
  f16Weight,
  f32Weight,
  type Int4Weight,
  type Int8Weight,
  int4Weight,
  int8Weight,
  type Weight,
  type WeightLayout,
} from './weight.js';

const formats: { readonly [F in WeightFormat]: Format<Extract<Weight, { format: F }>> } = { f32, f16, int8, int4 };

/**
 * A matrix on the device, in a format.
 * @throws CheckpointError naming it when the format cannot hold a value; LimitError when the device cannot hold it
 */
export const holdWeight = (device: Device, format: WeightFormat, matrix: MatrixValues): Weight =>
  formats[format].hold(device, matrix);

/**
 * The same from values that are still to be read: f32 ones reach the device piece by piece, int8 and int4 are rounded piece
 * by piece where they lie [outputs, inputs], all others are held whole first. What a file stores as int4 or int8 holds it is
 * taken without a rounding; in a file that holds others in four bits, what it stores in eight stays int8 where int4 is asked
 * for. A meta device gets none, and nothing is read.
 * @throws CheckpointError, LimitError as `holdWeight`, and what reading throws
 */
export async function loadWeight(device: Device, format: WeightFormat, matrix: MatrixValues<Values>): Promise<Weight> {
  const { values, ...place } = matrix;
  const keepsBytes = format === 'int4' && matrix.layout === 'outIn' && values.int8?.isMixed;
  const held = formats[keepsBytes ? 'int8' : format];
  return device.isMeta ? held.reserve(device, place, values) : held.load(device, matrix);
}

/** Bytes of the storages that a matrix [outputs, inputs] needs, the largest first; without minima of int4. */
export const weightBytes = (
  format: WeightFormat,
  shape: readonly [outputs: number, inputs: number],
): readonly number[] => formats[format].bytes(shape);

/** The values in f32, in the layout of their checkpoint. What int8 and int4 rounded stays rounded. */
export async function readWeight(weight: Weight, layout: WeightLayout): Promise<Float32Array> {
  const values = await formatOf(weight).read(weight);
  const held = weight.format === 'f32' ? weight.layout : 'outIn';
  if (held === layout) return values;
  const [outputs, inputs] = weight.shape;
  return held === 'outIn' ? transpose(values, outputs, inputs) : transpose(values, inputs, outputs);
}

/**
 * The dtype of a file that loses nothing of a weight; undefined for int8 and int4, whose values are no longer the
 * checkpoint's.
 */
export const fileDTypeOf = (weight: Weight): 'f32' | 'f16' | undefined => formatOf(weight).fileDType;

/** The row of a weight's format. */
const formatOf = (weight: Weight) => formats[weight.format] as unknown as Format<Weight>;

/** y (+)= x W^T, seen as rows. @throws ShapeError */
export function multiply(x: Tensor, weight: Weight, y: Tensor, accumulate: 0 | 1 = 0): void {
  formatOf(weight).multiply(x, weight, y, accumulate);
}

/** bias + x W^T for each row of x, bias [outputs] -> `shape`, whose last axis is [outputs]. @throws ShapeError */
export function multiplyOnto(x: Tensor, weight: Weight, bias: Tensor, shape: readonly number[]): Tensor {
  return formatOf(weight).multiplyOnto(x, weight, bias, shape);
}

/** The gradient of the input of `multiply`: dx (+)= dy W. @throws ShapeError */
export function multiplyTransposed(dy: Tensor, weight: Weight, dx: Tensor, accumulate: 0 | 1 = 0): void {
  formatOf(weight).multiplyTransposed(dy, weight, dx, accumulate);
}

/** Rows of W: y[t] = W[ids[t]], ids i32 -> `shape`, whose last axis is [inputs]. The host has checked the ids. */
export function lookUp(weight: Weight, ids: Tensor, shape: readonly number[]): Tensor {
  return formatOf(weight).lookUp(weight, ids, shape);
}

/**
 * Says that `multiply` is what reads this weight from now on: the device may hold it as its products read it fastest
 * (`Device.arrange`). No number changes by it. Whoever trains the weight, reads it or takes gradients through it may do
 * so at any time, and ends the arrangement. Only an [in, out] matrix in f32 gains: products read the others in memory
 * order as they are.
 */
export function settleWeight(weight: Weight): void {
  formatOf(weight).settle?.(weight);
}

/**
 * The first output features of a weight that is stored [outputs, inputs], as a weight on the same memory. Its tensors
 * have a lifetime of their own: make it inside of `tidy`.
 * @throws ShapeError for more than there are, and for a matrix that is stored [inputs, outputs]
 */
export function firstOutputs(weight: Weight, count: number): Weight {
  const [outputs, inputs] = weight.shape;
  if (count === outputs) return weight;
  if (weight.format === 'f32' && weight.layout === 'inOut') {
    throw new ShapeError('weight: of a matrix that is stored [in, out] the first output features do not lie together.');
  }
  const scales = 'scales' in weight ? { scales: weight.scales.firstRows(count) } : {};
  return { ...weight, ...scales, shape: [count, inputs], values: weight.values.firstRows(count) };
}

/** The f32 tensor that training changes; none for a weight in fewer bits, which is frozen. */
export const trainedValues = (weight: Weight): Tensor | undefined =>
  weight.format === 'f32' ? weight.values : undefined;

/** The gradient of the values of an f32 weight, in their layout: dvalues (+)= dy^T x or x^T dy. @throws ShapeError */
export function addWeightGradient(x: Tensor, weight: Weight, dy: Tensor, dvalues: Tensor, accumulate: 0 | 1 = 0): void {
  const [left, right] = weight.format === 'f32' && weight.layout === 'inOut' ? [x, dy] : [dy, x];
  gemm('gemmTN', left, right, dvalues, accumulate);
}

/** Frees the memory; twice is harmless. */
export function disposeWeight(weight: Weight): void {
  weight.values.dispose();
  if ('scales' in weight) weight.scales.dispose();
}
