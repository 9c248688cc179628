import type { Ort, Tensor } from 'onnxruntime-common';
import { secondsPerCase } from '../frame/benchmark.ts';
import { measure, noise } from '../frame/measure.ts';
import { onnxModel } from '../frame/onnx.ts';
import { openOrt } from '../frame/openOrt.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { checkProduct, type GemmShape, gemmShapes, nameOf, shrunk } from './shapes.ts';

export async function* gemmOrt(ort: Ort, provider: 'cpu' | 'wasm', { threads, size }: PeerSetting) {
  for (const full of gemmShapes) {
    const shape = shrunk(full, size);
    const { form, m, k, n } = shape;
    const session = await openOrt(ort, provider, threads, matMulModel(shape));
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

/** c [m, n] = a b, a and b transposed in memory as `form` says: a MatMul, or a Gemm with transA or transB. */
function matMulModel({ form, m, k, n }: GemmShape): Uint8Array {
  return onnxModel({
    inputs: [
      { name: 'a', type: 'f32', shape: form === 'TN' ? [k, m] : [m, k] },
      { name: 'b', type: 'f32', shape: form === 'NT' ? [n, k] : [k, n] },
    ],
    outputs: [{ name: 'c', type: 'f32', shape: [m, n] }],
    nodes: [
      form === 'NN'
        ? { op: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }
        : { op: 'Gemm', inputs: ['a', 'b'], outputs: ['c'], integers: { [form === 'NT' ? 'transB' : 'transA']: 1 } },
    ],
  });
}
