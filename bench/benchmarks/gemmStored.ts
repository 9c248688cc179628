import { f32ToF16, gemm, Tensor } from 'distillm';
import { checkProduct, type GemmShape, nameOf, shrunk } from '../gemmShapes.ts';
import { measure, noise } from '../measure.ts';
import { type Setting, secondsPerCase } from './benchmark.ts';

/** Weights that may be held in fewer bits: the LM head, as all of decoding is, and a layer of a prefill or a teacher. */
const storedShapes: readonly GemmShape[] = [
  { form: 'NT', m: 1, k: 768, n: 50257 },
  { form: 'NT', m: 8, k: 768, n: 50257 },
  { form: 'NT', m: 32, k: 768, n: 50257 },
  { form: 'NT', m: 512, k: 768, n: 3072 },
];

/** Products whose b is stored in fewer bits, beside the same in f32. */
export async function* gemmStored({ device, size }: Setting) {
  const seconds = secondsPerCase[size];
  for (const full of storedShapes) {
    const shape: GemmShape = { ...shrunk(full, size), m: full.m };
    const { m, k, n } = shape;
    const [left, right] = [noise(m * k), Int8Array.from(noise(k * n, 2), (value) => 127 * value)];
    const a = Tensor.from(device, left, [m, k]);
    const c = Tensor.empty(device, [m, n]);
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    for (const dtype of ['f32', 'f16', 'int8'] as const) {
      // The same small integers over 128 in each dtype.
      const floats = Float32Array.from(right, (value) => value / 128);
      const data = dtype === 'f32' ? floats : dtype === 'f16' ? f32ToF16(floats) : right;
      const weight = Tensor.from(device, data, [n, k]);
      if (dtype === 'int8') weight.scales = Tensor.from(device, new Float32Array(n).fill(1 / 128), [n]);
      const call = async () => {
        gemm('gemmNT', a, weight, c);
        await device.finish();
      };
      await call();
      checkProduct(shape, left, floats, (await c.read()) as Float32Array);
      yield measure({ case: `${nameOf(shape)}, b ${dtype}`, unit: 'GFLOP/s', of, call, seconds });
      weight.dispose();
    }
    for (const tensor of [a, c]) tensor.dispose();
  }
}
