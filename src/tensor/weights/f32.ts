/** Elements as they are trained, in the layout of their checkpoint; they reach the device piece by piece. */
import { storageBytes } from '../../backend/kernels/index.js';
import { ShapeError } from '../../errors.js';
import { gemm } from '../gemm.js';
import { rows, run } from '../run.js';
import { Tensor } from '../tensor.js';
import { asF32, tensorOf } from '../values.js';
import type { Format } from './format.js';
import { type F32Weight, f32Weight } from './weight.js';

export const f32: Format<F32Weight> = {
  hold: (device, { values, shape, name, layout }) => f32Weight(Tensor.from(device, asF32(values), shape, name), layout),
  load: async (device, { values, shape, name, layout }) =>
    f32Weight(await tensorOf(device, values, shape, name), layout),
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
};
