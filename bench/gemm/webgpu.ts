import { run, Tensor, type WebGPUBackend } from 'distillm/tensor';
import type { Setting } from '../frame/benchmark.ts';
import { noise } from '../frame/measure.ts';
import { checkProduct, type GemmShape, nameOf } from './shapes.ts';
import { divisorOf, measureSideBySide } from './sideBySide.ts';

const tiles = ['large', 'ahead', 'medium', 'small'] as const;
const forms = ['NN', 'NT', 'TN'] as const;
/** Squares and a layer, in every form; the head and its gradients; few outputs over a long k; few rows. */
const shapes: readonly GemmShape[] = [
  ...forms.map((form) => ({ form, m: 1024, k: 1024, n: 1024 })),
  { form: 'NN', m: 4096, k: 4096, n: 4096 },
  ...forms.map((form) => ({ form, m: 2048, k: 768, n: 3072 })),
  { form: 'NT', m: 512, k: 768, n: 50257 },
  { form: 'NN', m: 512, k: 50257, n: 768 },
  { form: 'TN', m: 50257, k: 512, n: 768 },
  { form: 'TN', m: 768, k: 8192, n: 768 },
  { form: 'NN', m: 64, k: 50257, n: 768 },
  { form: 'NN', m: 1, k: 768, n: 3072 },
  { form: 'NN', m: 8, k: 3072, n: 768 },
  { form: 'NT', m: 1, k: 768, n: 50257 },
  { form: 'NT', m: 8, k: 768, n: 50257 },
];
const skinnyRows = 8;

/** Products as the backend chooses them, then with each tile. */
export async function* gemmWebGPU({ device: opened, size, peakTflops }: Setting) {
  if (opened.info.kind !== 'webgpu') throw new Error(`gemmWebGPU: ${opened.info.description} is no WebGPU adapter`);
  const device = opened as WebGPUBackend;
  const divisor = divisorOf(device, size);
  for (const { form, ...full } of shapes) {
    const m = full.m > skinnyRows ? Math.ceil(full.m / divisor) : full.m;
    const [k, n] = [Math.ceil(full.k / divisor), Math.ceil(full.n / divisor)];
    const shape: GemmShape = { form, m, k, n };
    const [left, right] = [noise(m * k), noise(k * n, 2)];
    const a = Tensor.from(device, left, form === 'TN' ? [k, m] : [m, k]);
    const b = Tensor.from(device, right, form === 'NT' ? [n, k] : [k, n]);
    const c = Tensor.empty(device, [m, n]);
    const start = () => run(device, `gemm${form}`, { a, b, c }, { accumulate: 0 });
    for (const tile of [undefined, ...(m > skinnyRows ? tiles : [])]) {
      device.gemm.forced = tile && { tile, parts: 1 };
      start();
      checkProduct(shape, left, right, (await c.read()) as Float32Array);
      const name = nameOf(shape) + (tile ? `, ${tile} tiles` : '');
      yield measureSideBySide(device, { name, flops: 2 * m * n * k, start, size, peakTflops });
    }
    device.gemm.forced = undefined;
    for (const tensor of [a, b, c]) tensor.dispose();
  }
}
