import * as ort from 'onnxruntime-web';
import { gemmShapes } from '../gemmShapes.ts';
import { argument, measure, noise } from '../measure.ts';
import { matMulModel } from './onnx.ts';

ort.env.wasm.numThreads = Number(argument('threads', '2'));
for (const [m, k, n] of gemmShapes) {
  const session = await ort.InferenceSession.create(matMulModel(m, k, n), { executionProviders: ['wasm'] });
  const feeds = {
    a: new ort.Tensor('float32', noise(m * k), [m, k]),
    b: new ort.Tensor('float32', noise(k * n, 2), [k, n]),
  };
  const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
  const call = async () => {
    await session.run(feeds);
  };
  await measure({ case: `${m} x ${k} x ${n}`, unit: 'GFLOP/s', of, call });
  await session.release();
}
process.exit(0);
