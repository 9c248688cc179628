/**
 * Products on a GPU in every format of weights and with every tile: what the backend's choice of a tile rests on.
 */
import {
  disposeWeight,
  multiply,
  multiplyTransposed,
  run,
  Tensor,
  type WebGPUDevice,
  type Weight,
  weightFormats,
} from 'distillm/tensor';
import type { Setting } from '../frame/benchmark.ts';
import { limitsOf, shareOf } from '../frame/cards.ts';
import { noise } from '../frame/measure.ts';
import { held } from './held.ts';
import { checkProduct, type GemmShape, nameOf } from './shapes.ts';
import { divisorOf, measureSideBySide } from './sideBySide.ts';

/** Squares, layers and the LM head both ways round, gradients, few outputs over a long k; then few rows. pytorch.py has them as well. */
const shapes: readonly GemmShape[] = [
  { form: 'NN', m: 1024, k: 1024, n: 1024 },
  { form: 'NT', m: 4096, k: 4096, n: 4096 },
  { form: 'NT', m: 512, k: 768, n: 50257 },
  { form: 'NT', m: 8, k: 768, n: 50257 },
  { form: 'NN', m: 2048, k: 768, n: 3072 },
  { form: 'NT', m: 2048, k: 768, n: 3072 },
  { form: 'TN', m: 2048, k: 768, n: 3072 },
  { form: 'NN', m: 4096, k: 4096, n: 4096 },
  { form: 'NN', m: 512, k: 50257, n: 768 },
  { form: 'TN', m: 50257, k: 512, n: 768 },
  { form: 'NT', m: 1, k: 768, n: 50257 },
  { form: 'NT', m: 2048, k: 6400, n: 1600 },
  { form: 'NT', m: 1024, k: 1024, n: 1024 },
  { form: 'TN', m: 1024, k: 1024, n: 1024 },
  { form: 'TN', m: 768, k: 8192, n: 768 },
  { form: 'NN', m: 64, k: 50257, n: 768 },
  { form: 'NN', m: 1, k: 768, n: 3072 },
  { form: 'NN', m: 8, k: 3072, n: 768 },
];
/** Shapes that are measured with each tile, in f32, and in f16 where there are matrices; the others as chosen. */
const withTiles = 5;
/** Up to so many rows there is one variant. */
const skinnyRows = 8;
const bytesPerElement = { f32: 4, f16: 2, int8: 1, int4: 0.5 + 2 / 32 } as const;

/** Each product as the backend chooses its tile, then with each tile. */
export async function* gemmVariants({ device: opened, size }: Setting) {
  if (opened.info.kind !== 'webgpu') throw new Error(`gemmVariants: ${opened.info.description} is no WebGPU adapter`);
  const device = opened as WebGPUDevice;
  const divisor = divisorOf(device, size);
  const limits = limitsOf(device.info.description);
  for (const [index, { form, ...full }] of (size === 'tiny' ? shapes.slice(2, 4) : shapes).entries()) {
    const m = full.m > skinnyRows ? Math.ceil(full.m / divisor) : full.m;
    const [k, n] = [Math.ceil(full.k / divisor), Math.ceil(full.n / divisor)];
    const shape: GemmShape = { form, m, k, n };
    // Exact in f16: matrix units round a.
    const left = noise(m * k).map((value) => Math.round(8 * value) / 8);
    const right = noise(k * n, 2).map((value) => Math.trunc(7 * value) / 8);
    const a = Tensor.from(device, left, form === 'TN' ? [k, m] : [m, k]);
    const c = Tensor.empty(device, [m, n]);
    // The gradients of weights are f32.
    for (const format of form === 'TN' ? (['f32'] as const) : weightFormats) {
      const b = held[format](device, right, form === 'NT' ? [n, k] : [k, n]);
      const start = () => {
        if (form === 'TN') run(device, 'gemmTN', { a, b: b.values, c }, { accumulate: 0 });
        else (form === 'NT' ? multiply : multiplyTransposed)(a, b, c);
      };
      for (const tile of [undefined, ...(m > skinnyRows && index < withTiles ? tilesOf(device, format) : [])]) {
        device.gemm.forced = tile && { tile, parts: 1 };
        start();
        checkProduct(shape, left, right, (await c.read()) as Float32Array);
        const name = `${nameOf(shape)}, b ${format}${tile ? `, ${tile} tiles` : ''}`;
        const measured = await measureSideBySide(device, { name, flops: 2 * m * n * k, start, size });
        const onMatrices =
          tile === 'matrices' || (!tile && format === 'f16' && device.gemm.matrixUnit && m > skinnyRows);
        const peak = onMatrices ? limits?.matrixTflops : limits?.tflops;
        const bytes = bytesPerElement[format] * k * n + 4 * m * (k + n);
        const gigabytes = (bytes * measured.median) / (2 * m * n * k);
        const share =
          m > skinnyRows
            ? shareOf(measured.median / 1000, peak, 'TFLOP/s')
            : [`${gigabytes.toPrecision(3)} GB/s`, ...shareOf(gigabytes, limits?.gigabytes, 'GB/s')];
        yield share.length > 0 ? { ...measured, note: share.join(', ') } : measured;
      }
      device.gemm.forced = undefined;
      disposeWeight(b);
    }
    for (const tensor of [a, c]) tensor.dispose();
  }
}

function tilesOf({ gemm }: WebGPUDevice, format: Weight['format']) {
  if (format === 'int8' || format === 'int4') return [];
  const matrices = format === 'f16' && gemm.matrixUnit;
  return [...(format === 'f32' || matrices ? floatTiles : []), ...(matrices ? (['matrices'] as const) : [])];
}
const floatTiles = ['large', 'medium', 'small'] as const;
