/**
 * A weight is a matrix as it is held: y = x W^T for x [..., inputs] and W [outputs, inputs], whatever bits represent W. The
 * format says which; beside this folder nothing above the backend asks for it.
 */
import type { WeightFormat } from '../../backend/kernels/formats.js';
import { ShapeError } from '../../errors.js';
import { groupElements, groupsOf } from '../../int4.js';
import type { Tensor } from '../tensor.js';

/**
 * Layout of a matrix in a checkpoint, and of an f32 one in memory: PyTorch's Linear is [out, in], GPT-2's Conv1D [in,
 * out].
 */
export type WeightLayout = 'outIn' | 'inOut';

/** What all formats have. */
interface Matrix {
  /** [outputs, inputs], in either layout. */
  readonly shape: readonly [outputs: number, inputs: number];
  /** The elements. Only those of an f32 weight are trained. */
  readonly values: Tensor;
}
/** Elements as they are trained. */
export interface F32Weight extends Matrix {
  /** What tells weights apart. */
  readonly format: 'f32';
  /** Layout of the elements. */
  readonly layout: WeightLayout;
}
/** Halves times one scale. */
export interface F16Weight extends Matrix {
  /** What tells weights apart. */
  readonly format: 'f16';
  /** The power of two, from 2^-64 to 1, that multiplies all elements. */
  readonly scale: number;
}
/** Bytes times one scale an output feature, or one for 32 inputs of it. */
export interface Int8Weight extends Matrix {
  /** What tells weights apart. */
  readonly format: 'int8';
  /** f32 [outputs, 1], what multiplies the elements of each output feature, or [outputs, groups], each group of 32 inputs. */
  readonly scales: Tensor;
}
/** Integers of four bits in groups of 32 inputs. */
export interface Int4Weight extends Matrix {
  /** What tells weights apart. */
  readonly format: 'int4';
  /**
   * f16: [outputs, groups], the scale of each group of 32 inputs, or [outputs, 2 groups], scale and minimum of each. Without
   * minima an integer q stands for scale (q - 8).
   */
  readonly scales: Tensor;
  /** The power of two, from 2^-64 to 1, that multiplies scales and minima. */
  readonly scale: number;
}
/** A matrix as it is held. */
export type Weight = F32Weight | F16Weight | Int8Weight | Int4Weight;

/** A matrix in f32, trained or frozen. @throws ShapeError unless `values` is a matrix of f32 */
export function f32Weight(values: Tensor, layout: WeightLayout = 'outIn'): F32Weight {
  const [first, second] = matrixShape(values, 'f32');
  return { format: 'f32', shape: layout === 'outIn' ? [first, second] : [second, first], values, layout };
}

/**
 * A frozen matrix of halves [outputs, inputs] times `scale`, a power of two.
 * @throws ShapeError unless `values` is a matrix of f16
 */
export const f16Weight = (values: Tensor, scale = 1): F16Weight => ({
  format: 'f16',
  shape: matrixShape(values, 'f16'),
  values,
  scale,
});

/**
 * A frozen matrix of bytes [outputs, inputs] with their scales: see `Int8Weight`.
 * @throws ShapeError unless `values` is a matrix of int8 and `scales` has one f32 a row, or one for each 32 elements of a row
 * of whole groups
 */
export function int8Weight(values: Tensor, scales: Tensor): Int8Weight {
  const [outputs, inputs] = matrixShape(values, 'int8');
  const whole = inputs % groupElements === 0 ? inputs / groupElements : 1;
  const [rows, groups] = scales.shape;
  if (scales.dtype === 'f32' && scales.shape.length === 2 && rows === outputs && (groups === 1 || groups === whole)) {
    return { format: 'int8', shape: [outputs, inputs], values, scales };
  }
  throw new ShapeError(
    `weight: its scales are ${scales.dtype} [${scales.shape.join(', ')}], expected f32 [${outputs}, 1], one for each output ` +
      `feature${whole > 1 ? `, or [${outputs}, ${whole}], one for each group of ${groupElements} inputs` : ''}.`,
    { found: scales.shape, expected: [outputs, 1] },
  );
}

/**
 * A frozen matrix of integers of four bits [outputs, inputs] with the scales of their groups: see `Int4Weight`.
 * @throws ShapeError unless `values` is a matrix of int4 and `scales` one of f16 with as many halves as groups, or twice
 * as many
 */
export function int4Weight(values: Tensor, scales: Tensor, scale = 1): Int4Weight {
  const shape = matrixShape(values, 'int4');
  const groups = groupsOf(shape[1]);
  const [rows, halves] = scales.shape;
  if (scales.dtype === 'f16' && scales.shape.length === 2 && rows === shape[0]) {
    if (halves === groups || halves === 2 * groups) return { format: 'int4', shape, values, scales, scale };
  }
  throw new ShapeError(
    `weight: its scales are ${scales.dtype} [${scales.shape.join(', ')}], expected f16 [${shape[0]}, ${groups}], one for ` +
      `each group of ${groupElements} inputs, or [${shape[0]}, ${2 * groups}], each with its minimum.`,
    { found: scales.shape, expected: [shape[0], groups] },
  );
}

function matrixShape({ shape, dtype }: Tensor, format: WeightFormat): [number, number] {
  if (shape.length === 2 && dtype === format) return [shape[0] as number, shape[1] as number];
  throw new ShapeError(`weight: its values are ${dtype} [${shape.join(', ')}], expected a matrix of ${format}.`, {
    found: shape,
  });
}
