/**
 * A weight is a matrix as it is held: y = x W^T for x [..., inputs] and W [outputs, inputs], whatever bits represent W.
 * Each format is one row of the table below: how it is made from f32 values and read back, how it multiplies, how the
 * gradient of its input is had, how its rows are looked up. Nothing else above the backend asks for a weight's format.
 */
import type { Device } from '../backend/backend.js';
import type { WeightFormat } from '../backend/kernels/formats.js';
import { type KernelName, storageBytes } from '../backend/kernels/index.js';
import { CheckpointError, ShapeError } from '../errors.js';
import { checkHalves, f16ToF32 } from '../halfFloats.js';
import { groupElements, groupsOf, unpackInt4 } from '../int4.js';
import { halve, quantise, quantiseGroups, transpose } from './rounding.js';
import { rows, run } from './run.js';
import { Tensor } from './tensor.js';
import { asF32, type Floats, tensorOf, type Values, wholeRows } from './values.js';

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

/** What a checkpoint says of a matrix. */
interface MatrixPlace {
  /** [out, in] or [in, out], as `layout` says. */
  readonly shape: readonly number[];
  /** Layout of the values. */
  readonly layout: WeightLayout;
  /** The parameter's, for messages. */
  readonly name: string;
  /** The file that it comes from, for messages. */
  readonly where: string;
}

/** A matrix as a checkpoint has it, on its way to the device. */
export interface MatrixValues<V = Floats> extends MatrixPlace {
  /** Row-major: f32, or the bits of f16. */
  readonly values: V;
}

/** What a format brings. y, dy [..., outputs]; x, dx [..., inputs]. */
interface Format<W extends Weight> {
  hold(device: Device, matrix: MatrixValues): W;
  /** The same with undefined contents. `values` are not read. */
  reserve(device: Device, matrix: MatrixPlace, values: Values): W;
  /** Bytes of its parts, the largest first. */
  bytes(shape: readonly [outputs: number, inputs: number]): readonly number[];
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

/** Output features that were rounded by themselves. */
interface Rounded<Integers extends Int8Array | Uint8Array = Int8Array | Uint8Array> {
  /** As the host has them. */
  readonly integers: Integers;
  /** As many for each output feature. */
  readonly scales: Float32Array;
}
/** A format that rounds each output feature by itself, and so takes them one after another. */
interface RoundedFormat<W extends Weight, R extends Rounded = Rounded> {
  /** values [outputs, inputs] */
  round(values: Float32Array, outputs: number): R;
  hold(device: Device, matrix: MatrixPlace, rounded: R): W;
}

const roundedFormats: {
  readonly int8: RoundedFormat<Int8Weight, Rounded<Int8Array>>;
  readonly int4: RoundedFormat<Int4Weight, Rounded<Uint8Array>>;
} = {
  int8: {
    round: quantise,
    hold(device, matrix, { integers, scales }) {
      const { name, where } = matrix;
      if (!scales.every(Number.isFinite)) {
        throw new CheckpointError(
          `${where}: '${name}' holds a value that is not finite, which int8 has no scale for. Load it with dtype 'f32'.`,
        );
      }
      const values = Tensor.from(device, integers, outputsFirstShape(matrix), name);
      try {
        return int8Weight(values, Tensor.from(device, scales, [scales.length], `${name}, scales`));
      } catch (error) {
        values.dispose();
        throw error;
      }
    },
  },
  int4: {
    round: quantiseGroups,
    hold(device, matrix, { integers, scales }) {
      const { halves, scale } = halve(scales);
      if (halves.some((half) => (half & 0x7c00) === 0x7c00)) {
        throw new CheckpointError(
          `${matrix.where}: '${matrix.name}' holds a value that is not finite or beyond 500,000, which int4 has no scale ` +
            "for. Load it with dtype 'f32'.",
        );
      }
      return holdInt4(device, matrix, { integers, halves, scale });
    },
  },
};

/** A matrix whose values are all there, its output features rounded by themselves. */
function holdRounded<W extends Weight>(format: RoundedFormat<W>, device: Device, matrix: MatrixValues): W {
  const [outputs] = outputsFirstShape(matrix);
  return format.hold(device, matrix, format.round(outputsFirst(asF32(matrix.values), matrix), outputs));
}

/** The same of a matrix [outputs, inputs] from pieces of its values, which are never all in memory at once. */
async function loadRounded<W extends Weight>(
  format: RoundedFormat<W>,
  device: Device,
  matrix: MatrixPlace,
  values: Values,
): Promise<W> {
  const [outputs, inputs] = outputsFirstShape(matrix);
  let all: Rounded | undefined;
  let done = 0;
  for await (const piece of wholeRows(values.pieces(), inputs)) {
    const rows = piece.length / inputs;
    const { integers, scales } = format.round(piece, rows);
    const [each, scalesEach] = [integers.length / rows, scales.length / rows];
    all ??= {
      integers: new (integers.constructor as Int8ArrayConstructor)(outputs * each),
      scales: new Float32Array(outputs * scalesEach),
    };
    all.integers.set(integers, done * each);
    all.scales.set(scales, done * scalesEach);
    done += rows;
  }
  if (all && done === outputs) return format.hold(device, matrix, all);
  throw new ShapeError(
    `${matrix.name}: ${done * inputs} elements do not fill the shape [${matrix.shape.join(', ')}].`,
    {
      found: done * inputs,
      expected: outputs * inputs,
    },
  );
}

const formats: { readonly [F in WeightFormat]: Format<Extract<Weight, { format: F }>> } = {
  f32: {
    hold: (device, { values, shape, name, layout }) =>
      f32Weight(Tensor.from(device, asF32(values), shape, name), layout),
    reserve: (device, { shape, name, layout }) => f32Weight(Tensor.empty(device, shape, 'f32', name), layout),
    bytes: (shape) => [storageBytes('f32', shape)],
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
      // A matrix that is scaled up has no value beyond 2^15.
      if (scale === 1) checkHalves(halves, values, { where, name, advice: "Load it with dtype 'f32'." });
      return f16Weight(Tensor.from(device, outputsFirst(halves, matrix), outputsFirstShape(matrix), name), scale);
    },
    reserve: (device, matrix) => f16Weight(Tensor.empty(device, outputsFirstShape(matrix), 'f16', matrix.name)),
    bytes: (shape) => [storageBytes('f16', shape)],
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
    hold: (device, matrix) => holdRounded(roundedFormats.int8, device, matrix),
    reserve(device, matrix) {
      const shape = outputsFirstShape(matrix);
      const values = Tensor.empty(device, shape, 'int8', matrix.name);
      return int8Weight(values, Tensor.empty(device, [shape[0]], 'f32', `${matrix.name}, scales`));
    },
    bytes: (shape) => [storageBytes('int8', shape), storageBytes('f32', [shape[0]])],
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
  int4: {
    hold: (device, matrix) => holdRounded(roundedFormats.int4, device, matrix),
    reserve(device, matrix, { int4 }) {
      const [outputs, inputs] = outputsFirstShape(matrix);
      const halves = groupsOf(inputs) * (matrix.layout === 'outIn' && int4?.hasLeast ? 2 : 1);
      const values = Tensor.empty(device, [outputs, inputs], 'int4', matrix.name);
      return int4Weight(values, Tensor.empty(device, [outputs, halves], 'f16', `${matrix.name}, scales`));
    },
    bytes: ([outputs, inputs]) => [
      storageBytes('int4', [outputs, inputs]),
      storageBytes('f16', [outputs, groupsOf(inputs)]),
    ],
    async read({ values, scales, scale, shape }) {
      const integers = unpackInt4((await values.read()) as Uint8Array, shape);
      const halves = f16ToF32((await scales.read()) as Uint16Array);
      const [outputs, inputs] = shape;
      const each = halves.length / outputs;
      const hasLeast = each > groupsOf(inputs);
      return Float32Array.from(integers, (integer, i) => {
        const [row, group] = [Math.floor(i / inputs) * each, Math.floor((i % inputs) / groupElements)];
        if (!hasLeast) return (halves[row + group] as number) * (integer - 8) * scale;
        const [s, least] = [halves[row + 2 * group] as number, halves[row + 2 * group + 1] as number];
        return Math.fround(s * integer + least) * scale;
      });
    },
    fileDType: undefined,
    multiply: (x, { values, scales, scale }, y, accumulate) =>
      void run(y.device, 'gemmNTInt4', { a: rows(x), b: values, scales, c: rows(y) }, { accumulate, scale }),
    multiplyOnto: (x, { values, scales, scale }, bias, shape) =>
      run(x.device, 'linearNTInt4', { a: rows(x), b: values, scales, bias }, { scale }, { c: shape }).c,
    multiplyTransposed: (dy, { values, scales, scale }, dx, accumulate) =>
      void run(dx.device, 'gemmNNInt4', { a: rows(dy), b: values, scales, c: rows(dx) }, { accumulate, scale }),
    lookUp: ({ values, scales, scale }, ids, shape) =>
      run(ids.device, 'embeddingInt4', { table: values, scales, ids }, { scale }, { y: shape }).y,
  },
};

/** Integers and scales as they are stored, on the device. */
function holdInt4(
  device: Device,
  matrix: MatrixPlace,
  { integers, halves, scale }: { integers: Uint8Array; halves: Uint16Array; scale: number },
): Int4Weight {
  const shape = outputsFirstShape(matrix);
  const values = Tensor.from(device, integers, shape, matrix.name);
  try {
    const scales = Tensor.from(device, halves, [shape[0], halves.length / shape[0]], `${matrix.name}, scales`);
    return int4Weight(values, scales, scale);
  } catch (error) {
    values.dispose();
    throw error;
  }
}

/** [outputs, inputs] */
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
 * The same from values that are still to be read: f32 ones reach the device piece by piece, int8 and int4 are rounded piece
 * by piece where they lie [outputs, inputs], all others are held whole first. What a file stores as int4 holds it is taken
 * without a rounding. A meta device gets none, and nothing is read.
 * @throws CheckpointError, LimitError as `holdWeight`, and what reading throws
 */
export async function loadWeight(
  device: Device,
  format: WeightFormat,
  { values, ...matrix }: MatrixValues<Values>,
): Promise<Weight> {
  if (device.isMeta) return formats[format].reserve(device, matrix, values);
  if (format === 'int4' && matrix.layout === 'outIn' && values.int4) {
    const { integers, scales } = await values.int4.read();
    return holdInt4(device, matrix, { integers, ...halve(scales) });
  }
  const rounded: RoundedFormat<Weight> | undefined =
    format === 'int8' || format === 'int4' ? roundedFormats[format] : undefined;
  // Others are turned round whole first.
  if (rounded && matrix.layout === 'outIn') return loadRounded(rounded, device, matrix, values);
  if (format !== 'f32') return holdWeight(device, format, { ...matrix, values: await values.all() });
  return f32Weight(await tensorOf(device, values, matrix.shape, matrix.name), matrix.layout);
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
