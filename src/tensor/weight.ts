/**
 * A weight is a matrix as it is held: y = x W^T for x [..., inputs] and W [outputs, inputs], whatever bits represent W.
 * Each format is one row of the table below: how it is made from f32 values and read back, how it multiplies, how the
 * gradient of its input is had, how its rows are looked up. Nothing else above the backend asks for a weight's format.
 */
import type { Device } from '../backend/backend.js';
import { type KernelName, storageBytes } from '../backend/kernels/index.js';
import { CheckpointError, ShapeError } from '../errors.js';
import { checkHalves, f16ToF32 } from '../halfFloats.js';
import { sizeOf } from '../shape.js';
import { halve, quantise, transpose } from './rounding.js';
import { rows, run } from './run.js';
import { Tensor } from './tensor.js';
import { asF32, type Floats, tensorOf, type Values } from './values.js';

/**
 * How the matrices of a model may be held on the device. f16: half the memory of f32, rounded to nearest, stored
 * as scale x f16; the scale is a power of two chosen so that small weights are not subnormal (they would lose bits and
 * run slowly). int8: a quarter; each output feature is stored as its largest weight over 127 (f32) times integers from
 * -127 to
 * 127. Biases, norms and position embeddings stay f32, and all computation is in f32 (with int8 weights on WASM also in
 * 16-bit integers, see the kernel gemmNTInt8). f16 and int8 are [outputs, inputs], so that the weights of an output
 * feature are neighbours.
 */
export type WeightFormat = (typeof weightFormats)[number];
/** All of them, the widest first. */
export const weightFormats = ['f32', 'f16', 'int8'] as const;

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
 * A frozen matrix of bytes [outputs, inputs], each row times its entry of `scales` [outputs].
 * @throws ShapeError unless `values` is a matrix of int8 and there is a scale for each of its rows
 */
export function int8Weight(values: Tensor, scales: Tensor): Int8Weight {
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

/** What a checkpoint says of a matrix. */
interface MatrixPlace {
  /** [out, in] or [in, out], as `layout` says. */
  readonly shape: readonly number[];
  /** Layout of the values. */
  readonly layout: WeightLayout;
  /** The parameter's, for messages. */
  readonly name: string;
}

/** A matrix as a checkpoint has it, on its way to the device. */
export interface MatrixValues<V = Floats> extends MatrixPlace {
  /** Row-major: f32, or the bits of f16. */
  readonly values: V;
  /** The file that it comes from, for messages. */
  readonly where: string;
}

/** What a format brings. y, dy [..., outputs]; x, dx [..., inputs]. */
interface Format<W extends Weight> {
  hold(device: Device, matrix: MatrixValues): W;
  /** The same with undefined contents. */
  reserve(device: Device, matrix: MatrixPlace): W;
  /** The values [outputs, inputs]; of f32 weights in their layout. */
  read(weight: W): Promise<Float32Array>;
  /** The dtype of a file that stores the weight exactly; undefined where the checkpoint's values are lost already. */
  readonly fileDType: 'f32' | 'f16' | undefined;
  multiply(x: Tensor, weight: W, y: Tensor, accumulate: 0 | 1): void;
  multiplyOnto(x: Tensor, weight: W, bias: Tensor, shape: readonly number[]): Tensor;
  multiplyTransposed(dy: Tensor, weight: W, dx: Tensor, accumulate: 0 | 1): void;
  lookUp(weight: W, ids: Tensor, shape: readonly number[]): Tensor;
  /** See `settleWeight`. Left out: nothing is to be done. */
  settle?(weight: W): void;
}

const formats: { readonly [F in WeightFormat]: Format<Extract<Weight, { format: F }>> } = {
  f32: {
    hold: (device, { values, shape, name, layout }) =>
      f32Weight(Tensor.from(device, asF32(values), shape, name), layout),
    reserve: (device, { shape, name, layout }) => f32Weight(Tensor.empty(device, shape, 'f32', name), layout),
    read: async ({ values }) => (await values.read()) as Float32Array,
    fileDType: 'f32',
    multiply: (x, { values, layout }, y, accumulate) =>
      gemm(layout === 'outIn' ? 'gemmNT' : 'gemmNN', x, values, y, accumulate),
    multiplyOnto: (x, { values, layout }, bias, shape) =>
      run(x.device, layout === 'outIn' ? 'linearNT' : 'linearNN', { a: rows(x), b: values, bias }, {}, { c: shape }).c,
    multiplyTransposed: (dy, { values, layout }, dx, accumulate) =>
      gemm(layout === 'outIn' ? 'gemmNN' : 'gemmNT', dy, values, dx, accumulate),
    lookUp({ values, layout }, ids, shape) {
      if (layout === 'inOut') throw new ShapeError('embedding: the table is [in, out], expected [out, in].');
      return run(ids.device, 'embedding', { table: values, ids }, {}, { y: shape }).y;
    },
    settle({ values, layout, shape: [outputs, inputs] }) {
      if (layout === 'inOut') values.device.arrange(values.storage, [inputs, outputs]);
    },
  },
  f16: {
    hold(device, matrix) {
      const { values, name, where } = matrix;
      const { halves, scale } = halve(values);
      checkHalves(halves, values, { where, name, advice: "Load it with dtype 'f32'." });
      return f16Weight(Tensor.from(device, outputsFirst(halves, matrix), outputsFirstShape(matrix), name), scale);
    },
    reserve: (device, matrix) => f16Weight(Tensor.empty(device, outputsFirstShape(matrix), 'f16', matrix.name)),
    read: async ({ values, scale }) => f16ToF32((await values.read()) as Uint16Array).map((half) => half * scale),
    fileDType: 'f16',
    multiply: (x, { values, scale }, y, accumulate) =>
      void run(y.device, 'gemmNTF16', { a: rows(x), b: values, c: rows(y) }, { accumulate, scale }),
    multiplyOnto: (x, { values, scale }, bias, shape) =>
      run(x.device, 'linearNTF16', { a: rows(x), b: values, bias }, { scale }, { c: shape }).c,
    multiplyTransposed: (dy, { values, scale }, dx, accumulate) =>
      void run(dx.device, 'gemmNNF16', { a: rows(dy), b: values, c: rows(dx) }, { accumulate, scale }),
    lookUp: ({ values, scale }, ids, shape) =>
      run(ids.device, 'embeddingF16', { table: values, ids }, { scale }, { y: shape }).y,
  },
  int8: {
    hold(device, matrix) {
      const { name, where } = matrix;
      const shape = outputsFirstShape(matrix);
      const { integers, scales } = quantise(outputsFirst(asF32(matrix.values), matrix), shape[0]);
      if (!scales.every(Number.isFinite)) {
        throw new CheckpointError(
          `${where}: '${name}' holds a value that is not finite, which int8 has no scale for. Load it with dtype 'f32'.`,
        );
      }
      const values = Tensor.from(device, integers, shape, name);
      try {
        return int8Weight(values, Tensor.from(device, scales, [scales.length], `${name}, scales`));
      } catch (error) {
        values.dispose();
        throw error;
      }
    },
    reserve(device, matrix) {
      const shape = outputsFirstShape(matrix);
      const values = Tensor.empty(device, shape, 'int8', matrix.name);
      return int8Weight(values, Tensor.empty(device, [shape[0]], 'f32', `${matrix.name}, scales`));
    },
    async read({ values, scales, shape: [, inputs] }) {
      const [integers, factors] = [await values.read(), await scales.read()];
      return Float32Array.from(integers, (integer, i) => integer * (factors[Math.floor(i / inputs)] as number));
    },
    fileDType: undefined,
    multiply: (x, { values, scales }, y, accumulate) =>
      void run(y.device, 'gemmNTInt8', { a: rows(x), b: values, scales, c: rows(y) }, { accumulate }),
    multiplyOnto: (x, { values, scales }, bias, shape) =>
      run(x.device, 'linearNTInt8', { a: rows(x), b: values, scales, bias }, {}, { c: shape }).c,
    multiplyTransposed: (dy, { values, scales }, dx, accumulate) =>
      void run(dx.device, 'gemmNNInt8', { a: rows(dy), b: values, scales, c: rows(dx) }, { accumulate }),
    lookUp: ({ values, scales }, ids, shape) =>
      run(ids.device, 'embeddingInt8', { table: values, scales, ids }, {}, { y: shape }).y,
  },
};

const outputsFirstShape = ({ shape: [first = 0, second = 0], layout }: MatrixPlace): [number, number] =>
  layout === 'outIn' ? [first, second] : [second, first];
const outputsFirst = <A extends Float32Array | Uint16Array>(values: A, { shape, layout }: MatrixValues): A =>
  layout === 'outIn' ? values : transpose(values, shape[0] as number, shape[1] as number);

/**
 * A matrix on the device, in a format.
 * @throws CheckpointError naming it when the format cannot hold a value; LimitError when the device cannot hold it
 */
export const holdWeight = (device: Device, format: WeightFormat, matrix: MatrixValues): Weight =>
  formats[format].hold(device, matrix);

/**
 * The same from values that are still to be read: f32 ones reach the device piece by piece, all others are held whole
 * first. A meta device gets none, and nothing is read.
 * @throws CheckpointError, LimitError as `holdWeight`, and what reading throws
 */
export async function loadWeight(
  device: Device,
  format: WeightFormat,
  { values, ...matrix }: MatrixValues<Values>,
): Promise<Weight> {
  if (device.isMeta) return formats[format].reserve(device, matrix);
  if (format !== 'f32') return holdWeight(device, format, { ...matrix, values: await values.all() });
  return f32Weight(await tensorOf(device, values, matrix.shape, matrix.name), matrix.layout);
}

/** Bytes of the largest storage that a matrix of this shape needs. */
export const weightBytes = (format: WeightFormat, shape: readonly number[]): number =>
  storageBytes(format, sizeOf(shape));

/** The values in f32, in the layout of their checkpoint. What int8 rounded stays rounded. */
export async function readWeight(weight: Weight, layout: WeightLayout): Promise<Float32Array> {
  const values = await formatOf(weight).read(weight);
  const held = weight.format === 'f32' ? weight.layout : 'outIn';
  if (held === layout) return values;
  const [outputs, inputs] = weight.shape;
  return held === 'outIn' ? transpose(values, outputs, inputs) : transpose(values, inputs, outputs);
}

/**
 * The dtype of a file that loses nothing of a weight; undefined for int8, whose values are no longer the checkpoint's.
 */
export const fileDTypeOf = (weight: Weight): 'f32' | 'f16' | undefined => formatOf(weight).fileDType;

/** The row of a weight's format. */
const formatOf = (weight: Weight) => formats[weight.format] as Format<Weight>;

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
