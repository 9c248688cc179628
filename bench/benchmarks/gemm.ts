import { run, Tensor } from 'distillm';
import { type GemmShape, gemmShapes, nameOf, shrunk } from '../gemmShapes.ts';
import { measure, noise } from '../measure.ts';
import { type Setting, secondsPerCase } from './benchmark.ts';

export async function* gemm({ device, size }: Setting) {
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
