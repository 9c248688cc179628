/** Bytes times one scale an output feature, or one for 32 inputs where a file stores them so. */
import type { Device } from '../../backend/backend.js';
import { storageBytes } from '../../backend/kernels/index.js';
import { CheckpointError } from '../../errors.js';
import { f16ToF32 } from '../../halfFloats.js';
import { groupElements } from '../../int4.js';
import { quantise } from '../rounding.js';
import { rows, run } from '../run.js';
import { Tensor } from '../tensor.js';
import type { Format } from './format.js';
import { type MatrixPlace, outputsFirstShape } from './matrix.js';
import { holdRounded, loadRounded, type Rounded, type RoundedFormat } from './rounded.js';
import { type Int8Weight, int8Weight } from './weight.js';

/** Bytes and their scales, as many for each output feature, on the device. */
function holdBytes(device: Device, matrix: MatrixPlace, integers: Int8Array, scales: Float32Array): Int8Weight {
  const shape = outputsFirstShape(matrix);
  const values = Tensor.from(device, integers, shape, matrix.name);
  try {
    return int8Weight(
      values,
      Tensor.from(device, scales, [shape[0], scales.length / shape[0]], `${matrix.name}, scales`),
    );
  } catch (error) {
    values.dispose();
    throw error;
  }
}

const rounded: RoundedFormat<Int8Weight, Rounded<Int8Array>> = {
  round: quantise,
  hold(device, matrix, { integers, scales }) {
    const { name, where } = matrix;
    if (!scales.every(Number.isFinite)) {
      throw new CheckpointError(
        `${where}: '${name}' holds a value that is not finite, which int8 has no scale for. Load it with dtype 'f32'.`,
      );
    }
    return holdBytes(device, matrix, integers, scales);
  },
};

export const int8: Format<Int8Weight> = {
  hold: (device, matrix) => holdRounded(rounded, device, matrix),
  async load(device, matrix) {
    const { values, ...place } = matrix;
    // What a file stores as bytes in groups is taken without a rounding.
    if (matrix.layout === 'inOut' || !values.int8) return loadRounded(rounded, device, matrix);
    const { integers, scales } = await values.int8.read();
    return holdBytes(device, place, new Int8Array(integers.buffer), f16ToF32(scales));
  },
  reserve(device, matrix, { int8: stored }) {
    const [outputs, inputs] = outputsFirstShape(matrix);
    const values = Tensor.empty(device, [outputs, inputs], 'int8', matrix.name);
    const groups = matrix.layout === 'outIn' && stored ? inputs / groupElements : 1;
    return int8Weight(values, Tensor.empty(device, [outputs, groups], 'f32', `${matrix.name}, scales`));
  },
  bytes: (shape) => [storageBytes('int8', shape), storageBytes('f32', [shape[0]])],
  async read({ values, scales }) {
    const [integers, factors] = [await values.read(), await scales.read()];
    const each = integers.length / factors.length;
    return Float32Array.from(integers, (integer, i) => integer * (factors[Math.floor(i / each)] as number));
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
};
