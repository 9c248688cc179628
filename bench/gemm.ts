import { openDevice, run, Tensor } from 'distillm';
import { gemmShapes } from './gemmShapes.ts';
import { argument, measure, noise } from './measure.ts';

const device = await openDevice('wasm', { wasm: { threads: Number(argument('threads', '2')) } });
for (const [m, k, n] of gemmShapes) {
  const [left, right] = [noise(m * k), noise(k * n, 2)];
  const a = Tensor.from(device, left, [m, k]);
  const b = Tensor.from(device, right, [k, n]);
  const c = Tensor.empty(device, [m, n]);
  const multiply = async () => {
    run(device, 'gemmNN', { a, b, c }, { accumulate: 0 });
    await device.finish();
  };
  await multiply();
  await check((await c.read()) as Float32Array);
  const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
  await measure({ case: `${m} x ${k} x ${n}`, unit: 'GFLOP/s', of, call: multiply });
  for (const tensor of [a, b, c]) tensor.dispose();

  function check(got: Float32Array): void {
    for (const index of [0, m * n - 1, Math.floor((m * n) / 2)]) {
      const [row, column] = [Math.floor(index / n), index % n];
      let want = 0;
      for (let i = 0; i < k; i++) want += (left[row * k + i] as number) * (right[i * n + column] as number);
      if (Math.abs(want - (got[index] as number)) > 1e-3) throw new Error(`c[${index}] is ${got[index]}, not ${want}`);
    }
  }
}
await device.dispose();
