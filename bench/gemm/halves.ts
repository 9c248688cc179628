import { f16Weight, f32ToF16, multiply, multiplyTransposed, Tensor } from 'distillm/tensor';
import type { Setting } from '../frame/benchmark.ts';
import { noise } from '../frame/measure.ts';
import { checkProduct, type GemmShape, nameOf } from './shapes.ts';
import { divisorOf, measureSideBySide } from './sideBySide.ts';

/** What a teacher in f16 multiplies: squares, layers of its forward pass, the head. */
const shapes: readonly GemmShape[] = [
  { form: 'NN', m: 1024, k: 1024, n: 1024 },
  { form: 'NN', m: 4096, k: 4096, n: 4096 },
  { form: 'NN', m: 2048, k: 1600, n: 6400 },
  { form: 'NT', m: 2048, k: 6400, n: 1600 },
  { form: 'NT', m: 512, k: 1600, n: 50257 },
];

/** Products with f16 weights on a GPU: on its matrix units where the device was opened for subgroup matrices. */
export async function* gemmHalves({ device, size }: Setting) {
  const divisor = divisorOf(device, size);
  for (const { form, ...full } of shapes) {
    const [m, k, n] = [full.m, full.k, full.n].map((side) => Math.ceil(side / divisor)) as [number, number, number];
    const shape: GemmShape = { form, m, k, n };
    const [left, right] = [eighths(m * k, 1), eighths(k * n, 2)];
    const a = Tensor.from(device, left, [m, k]);
    const b = f16Weight(Tensor.from(device, f32ToF16(right), form === 'NT' ? [n, k] : [k, n]));
    const c = Tensor.empty(device, [m, n]);
    const start = () => (form === 'NT' ? multiply : multiplyTransposed)(a, b, c);
    start();
    checkProduct(shape, left, right, (await c.read()) as Float32Array);
    yield measureSideBySide(device, { name: nameOf(shape), flops: 2 * m * n * k, start, size });
    for (const tensor of [a, b.values, c]) tensor.dispose();
  }
}

/** Halves hold them exactly, so that rounding is no difference between variants. */
const eighths = (length: number, seed: number) => noise(length, seed).map((value) => Math.round(8 * value) / 8);
