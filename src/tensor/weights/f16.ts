/** Halves times one power of two, which keeps small weights from being subnormal. */
import type { Device } from '../../backend/backend.js';
import { storageBytes } from '../../backend/kernels/index.js';
import { checkHalves, f16ToF32 } from '../../halfFloats.js';
import { halve } from '../rounding.js';
import { rows, run } from '../run.js';
import { Tensor } from '../tensor.js';
import type { Format } from './format.js';
import { type MatrixValues, outputsFirst, outputsFirstShape } from './matrix.js';
import { type F16Weight, f16Weight } from './weight.js';

function hold(device: Device, matrix: MatrixValues): F16Weight {
  const { values, name, where } = matrix;
  const { halves, scale } = halve(values);
  // A matrix that is scaled up has no value beyond 2^15.
  if (scale === 1) checkHalves(halves, values, { where, name, advice: "Load it with dtype 'f32'." });
  return f16Weight(Tensor.from(device, outputsFirst(halves, matrix), outputsFirstShape(matrix), name), scale);
}

export const f16: Format<F16Weight> = {
  hold,
  load: async (device, matrix) => hold(device, { ...matrix, values: await matrix.values.all() }),
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
};
