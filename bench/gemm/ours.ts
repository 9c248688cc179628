import { run, Tensor } from 'distillm/tensor';
import { type Setting, secondsPerCase } from '../frame/benchmark.ts';
import { measure, noise } from '../frame/measure.ts';
import { checkProduct, gemmShapes, nameOf, shrunk } from './shapes.ts';

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
    checkProduct(shape, left, right, (await c.read()) as Float32Array);
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    yield measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call, seconds });
    for (const tensor of [a, b, c]) tensor.dispose();
  }
}
