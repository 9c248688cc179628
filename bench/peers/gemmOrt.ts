import type { Tensor } from 'onnxruntime-common';
import * as ort from 'onnxruntime-web';
import { secondsPerCase } from '../benchmarks/benchmark.ts';
import { checkProduct, gemmShapes, nameOf, shrunk } from '../gemmShapes.ts';
import { measure, noise } from '../measure.ts';
import { matMulModel } from './onnx.ts';
import { openOrt } from './openOrt.ts';
import type { PeerSetting } from './peer.ts';

export async function* gemmOrt({ threads, size }: PeerSetting) {
  for (const full of gemmShapes) {
    const shape = shrunk(full, size);
    const { form, m, k, n } = shape;
    const session = await openOrt(ort, 'wasm', threads, matMulModel(shape));
    const [left, right] = [noise(m * k), noise(k * n, 2)];
    const feeds = {
      a: new ort.Tensor('float32', left, form === 'TN' ? [k, m] : [m, k]),
      b: new ort.Tensor('float32', right, form === 'NT' ? [n, k] : [k, n]),
    };
    const { c } = (await session.run(feeds)) as { c: Tensor };
    checkProduct(shape, left, right, c.data as Float32Array);
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    const call = async () => {
      await session.run(feeds);
    };
    yield measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call, seconds: secondsPerCase[size] });
    await session.release();
  }
}
