import { f32ToF16, gemm as multiply, run, Tensor } from 'distillm';
import { type GemmShape, gemmShapes, nameOf, shrunk } from '../gemmShapes.ts';
import { measure, noise } from '../measure.ts';
import { type Setting, secondsPerCase } from './benchmark.ts';

/** Weights that may be held in fewer bits: the LM head, as all of decoding is, and a layer of a prefill or a teacher. */
const storedShapes: readonly GemmShape[] = [
  { form: 'NT', m: 1, k: 768, n: 50257 },
  { form: 'NT', m: 8, k: 768, n: 50257 },
  { form: 'NT', m: 32, k: 768, n: 50257 },
  { form: 'NT', m: 512, k: 768, n: 3072 },
];

export async function* gemm(setting: Setting) {
  yield* plain(setting);
  yield* stored(setting);
}

/** Products whose b is stored in fewer bits, beside the same in f32. */
async function* stored({ device, size }: Setting) {
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
        multiply('gemmNT', a, weight, c);
        await device.finish();
      };
      await call();
      check(shape, left, floats, (await c.read()) as Float32Array);
      yield measure({ case: `${nameOf(shape)}, b ${dtype}`, unit: 'GFLOP/s', of, call, seconds });
      weight.dispose();
    }
    for (const tensor of [a, c]) tensor.dispose();
  }
}

async function* plain({ device, size }: Setting) {
  const seconds = secondsPerCase[size];
  for (const full of gemmShapes) {
    const shape = shrunk(full, size);
    const { form, m, k, n } = shape;
    const [left, right] = [noise(m * k), noise(k * n, 2)];
    const a = Tensor.from(device, left, form === 'TN' ? [k, m] : [m, k]);
    const b = Tensor.from(device, right, form === 'NT' ? [n, k] : [k, n]);
    const c = Tensor.empty(device, [m, n]);
    const call = async () => {
      run(device, `gemm${form}`, { a, b, c }, { accumulate: 0 });
      await device.finish();
    };
    await call();
    check(shape, left, right, (await c.read()) as Float32Array);
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    yield measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call, seconds });
    for (const tensor of [a, b, c]) tensor.dispose();
  }
}

/** Compares three elements of c with float64. */
export function check({ form, m, k, n }: GemmShape, left: Float32Array, right: Float32Array, got: Float32Array): void {
  for (const index of [0, m * n - 1, Math.floor((m * n) / 2)]) {
    const [row, column] = [Math.floor(index / n), index % n];
    let want = 0;
    for (let i = 0; i < k; i++) {
      const a = left[form === 'TN' ? i * m + row : row * k + i] as number;
      const b = right[form === 'NT' ? column * k + i : i * n + column] as number;
      want += a * b;
    }
    if (Math.abs(want - (got[index] as number)) > 3e-5 * Math.sqrt(k))
      throw new Error(`c[${index}] is ${got[index]}, not ${want}`);
  }
}
