import * as ort from 'onnxruntime-web';
import { argument, print } from '../commandLine.ts';
import { gemmShapes, nameOf } from '../gemmShapes.ts';
import { measure, noise } from '../measure.ts';
import { matMulModel } from './onnx.ts';

ort.env.wasm.numThreads = Number(argument('threads', '2'));
for (const shape of gemmShapes) {
  const { form, m, k, n } = shape;
  const session = await ort.InferenceSession.create(matMulModel(shape), { executionProviders: ['wasm'] });
  const feeds = {
    a: new ort.Tensor('float32', noise(m * k), form === 'TN' ? [k, m] : [m, k]),
    b: new ort.Tensor('float32', noise(k * n, 2), form === 'NT' ? [n, k] : [k, n]),
  };
  const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
  const call = async () => {
    await session.run(feeds);
  };
  print(await measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call }));
  await session.release();
}
process.exit(0);
