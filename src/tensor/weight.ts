/**
 * A weight is a matrix as it is held: y = x W^T for x [..., inputs] and W [outputs, inputs], whatever bits stand for W.
 * Each format is one row of the table below: how it multiplies, how the gradient of its input is had, how rows are looked
 * up. Nothing else above the backend asks for a weight's format.
 */
import type { KernelName } from '../backend/kernels/index.js';
import { OptionError, ShapeError } from '../errors.js';
import { rows, run } from './run.js';
import type { Tensor } from './tensor.js';

/**
 * How the matrices of a model are held on the device. f16: half the memory of f32, rounded to nearest; each matrix is a
 * power of two times halves, so that its smallest weights lose nothing and are no slower. int8: a quarter; each output
 * feature is its largest weight over 127 (f32) times integers from -127 to 127. Biases, norms and position embeddings stay
 * f32, and all computation is in f32 (with int8 weights on WASM also in 16-bit integers, see the kernel gemmNTInt8). f16 and
 * int8 are [outputs, inputs], so that the weights of an output feature are neighbours.
 */
export type WeightFormat = (typeof weightFormats)[number];
/** All of them, the widest first. */
export const weightFormats = ['f32', 'f16', 'int8'] as const;

/** How an f32 weight lies in memory: PyTorch's Linear is [out, in], GPT-2's Conv1D is [in, out]. */
export type WeightLayout = 'outIn' | 'inOut';

/** What all formats have. */
interface Matrix {
  /** [outputs, inputs], whichever way the elements lie. */
  readonly shape: readonly [outputs: number, inputs: number];
  /** The elements. Only those of an f32 weight are trained. */
  readonly values: Tensor;
}
/** Elements as they are trained. */
export interface F32Weight extends Matrix {
  /** What tells weights apart. */
  readonly format: 'f32';
  /** Which way the elements lie. */
  readonly layout: WeightLayout;
}
/** Halves times one scale. */
export interface F16Weight extends Matrix {
  /** What tells weights apart. */
  readonly format: 'f16';
  /** The power of two, from 2^-64 to 1, that multiplies all elements. */
  readonly scale: number;
}
/** Bytes times one scale an output feature. */
export interface Int8Weight extends Matrix {
  /** What tells weights apart. */
  readonly format: 'int8';
  /** [outputs] f32: what multiplies the elements of each output feature. */
  readonly scales: Tensor;
}
/** A matrix as it is held. */
export type Weight = F32Weight | F16Weight | Int8Weight;

/** A matrix in f32, trained or frozen. @throws ShapeError unless `values` is a matrix of f32 */
export function f32Weight(values: Tensor, layout: WeightLayout = 'outIn'): Weight {
  const [first, second] = matrixShape(values, 'f32');
  return { format: 'f32', shape: layout === 'outIn' ? [first, second] : [second, first], values, layout };
}

/** A frozen matrix of halves [outputs, inputs] times `scale`, a power of two. @throws ShapeError unless `values` is a matrix of f16 */
export const f16Weight = (values: Tensor, scale = 1): Weight => ({
  format: 'f16',
  shape: matrixShape(values, 'f16'),
  values,
  scale,
});

/**
 * A frozen matrix of bytes [outputs, inputs], each row times its entry of `scales` [outputs].
 * @throws ShapeError unless `values` is a matrix of int8 and there is a scale for each of its rows
 */
export function int8Weight(values: Tensor, scales: Tensor): Weight {
  const shape = matrixShape(values, 'int8');
  if (scales.shape.join() !== `${shape[0]}`) {
    throw new ShapeError(
      `weight: its scales are [${scales.shape.join(', ')}], expected [${shape[0]}]: one for each output feature.`,
      { found: scales.shape, expected: [shape[0]] },
    );
  }
  return { format: 'int8', shape, values, scales };
}

function matrixShape({ shape, dtype }: Tensor, format: WeightFormat): [number, number] {
  if (shape.length === 2 && dtype === format) return [shape[0] as number, shape[1] as number];
  throw new ShapeError(`weight: its values are ${dtype} [${shape.join(', ')}], expected a matrix of ${format}.`, {
    found: shape,
  });
}

/** What a format brings. y, dy [..., outputs]; x, dx [..., inputs]. */
interface Products<W extends Weight> {
  multiply(x: Tensor, weight: W, y: Tensor, accumulate: 0 | 1): void;
  multiplyTransposed(dy: Tensor, weight: W, dx: Tensor, accumulate: 0 | 1): void;
  lookUp(weight: W, ids: Tensor, shape: readonly number[]): Tensor;
}

const formats: { readonly [F in WeightFormat]: Products<Extract<Weight, { format: F }>> } = {
  f32: {
    multiply: (x, { values, layout }, y, accumulate) =>
      gemm(layout === 'outIn' ? 'gemmNT' : 'gemmNN', x, values, y, accumulate),
    multiplyTransposed: (dy, { values, layout }, dx, accumulate) =>
      gemm(layout === 'outIn' ? 'gemmNN' : 'gemmNT', dy, values, dx, accumulate),
    lookUp(weight, ids, shape) {
      if (weight.layout === 'inOut') throw new ShapeError('embedding: the table is [in, out], expected [out, in].');
      return run(ids.device, 'embedding', { table: weight.values, ids }, {}, { y: shape }).y;
    },
  },
  f16: {
    multiply: (x, { values, scale }, y, accumulate) =>
      void run(y.device, 'gemmNTF16', { a: rows(x), b: values, c: rows(y) }, { accumulate, scale }),
    multiplyTransposed: (dy, { values, scale }, dx, accumulate) =>
      void run(dx.device, 'gemmNNF16', { a: rows(dy), b: values, c: rows(dx) }, { accumulate, scale }),
    lookUp: ({ values, scale }, ids, shape) =>
      run(ids.device, 'embeddingF16', { table: values, ids }, { scale }, { y: shape }).y,
  },
  int8: {
    multiply: (x, { values, scales }, y, accumulate) =>
      void run(y.device, 'gemmNTInt8', { a: rows(x), b: values, scales, c: rows(y) }, { accumulate }),
    multiplyTransposed() {
      throw new OptionError("Gradients do not pass through int8 weights. Load the model with dtype 'f16' or 'f32'.", {
        found: 'int8',
        expected: ['f16', 'f32'],
      });
    },
    lookUp: ({ values, scales }, ids, shape) =>
      run(ids.device, 'embeddingInt8', { table: values, scales, ids }, {}, { y: shape }).y,
  },
};
/** The row of a weight's format. */
const productsOf = (weight: Weight) => formats[weight.format] as Products<Weight>;

/** y (+)= x W^T, seen as rows. @throws ShapeError */
export function multiply(x: Tensor, weight: Weight, y: Tensor, accumulate: 0 | 1 = 0): void {
  productsOf(weight).multiply(x, weight, y, accumulate);
}

/** The gradient of the input of `multiply`: dx (+)= dy W. @throws ShapeError */
export function multiplyTransposed(dy: Tensor, weight: Weight, dx: Tensor, accumulate: 0 | 1 = 0): void {
  productsOf(weight).multiplyTransposed(dy, weight, dx, accumulate);
}

/** Rows of W: y[t] = W[ids[t]], ids i32 -> `shape`, whose last axis is [inputs]. The host has checked the ids. */
export function lookUp(weight: Weight, ids: Tensor, shape: readonly number[]): Tensor {
  return productsOf(weight).lookUp(weight, ids, shape);
}

/** The f32 tensor that training changes; none for a weight in fewer bits, which is frozen. */
export const trainedValues = (weight: Weight): Tensor | undefined =>
  weight.format === 'f32' ? weight.values : undefined;

/** The gradient of the values of an f32 weight, as they lie: dvalues (+)= dy^T x or x^T dy. @throws ShapeError */
export function addWeightGradient(x: Tensor, weight: Weight, dy: Tensor, dvalues: Tensor, accumulate: 0 | 1 = 0): void {
  const [left, right] = weight.format === 'f32' && weight.layout === 'inOut' ? [x, dy] : [dy, x];
  gemm('gemmTN', left, right, dvalues, accumulate);
}

/** Frees the memory; twice is harmless. */
export function disposeWeight(weight: Weight): void {
  weight.values.dispose();
  if ('scales' in weight) weight.scales.dispose();
}

/** c (+)= a b in one of the transposed forms, all f32; a, b and c are seen as [rows, cols]. @throws ShapeError */
export function gemm(
  kernel: Extract<KernelName, 'gemmNN' | 'gemmNT' | 'gemmTN'>,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  accumulate: 0 | 1 = 0,
): void {
  run(c.device, kernel, { a: rows(a), b: rows(b), c: rows(c) }, { accumulate });
}
