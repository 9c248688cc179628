import { disposeWeight, multiply, Tensor, weightFormats } from 'distillm/tensor';
import { type Setting, secondsPerCase } from '../frame/benchmark.ts';
import { measure, noise } from '../frame/measure.ts';
import { held } from './held.ts';
import { checkProduct, type GemmShape, nameOf, shrunk } from './shapes.ts';

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
    const [left, right] = [noise(m * k), Int8Array.from(noise(k * n, 2), (value) => 7 * value)];
    const a = Tensor.from(device, left, [m, k]);
    const c = Tensor.empty(device, [m, n]);
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    for (const format of weightFormats) {
      const floats = Float32Array.from(right, (value) => value / 8);
      const weight = held[format](device, floats, [n, k]);
      const call = async () => {
        multiply(a, weight, c);
        await device.finish();
      };
      await call();
      checkProduct(shape, left, floats, (await c.read()) as Float32Array);
      yield measure({ case: `${nameOf(shape)}, b ${format}`, unit: 'GFLOP/s', of, call, seconds });
      disposeWeight(weight);
    }
    for (const tensor of [a, c]) tensor.dispose();
  }
}
