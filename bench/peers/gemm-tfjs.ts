import { fileURLToPath } from 'node:url';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { print } from '../commandLine.ts';
import { gemmShapes, nameOf } from '../gemmShapes.ts';
import { measure, noise } from '../measure.ts';

setWasmPaths(fileURLToPath(new URL('./node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url)));
setThreadsCount(2);
await tf.setBackend('wasm');
for (const shape of gemmShapes) {
  const { form, m, k, n } = shape;
  const [aTransposed, bTransposed] = [form === 'TN', form === 'NT'];
  const a = tf.tensor2d(noise(m * k), aTransposed ? [k, m] : [m, k]);
  const b = tf.tensor2d(noise(k * n, 2), bTransposed ? [n, k] : [k, n]);
  const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
  const call = () => {
    const c = tf.matMul(a, b, aTransposed, bTransposed);
    c.dataSync();
    c.dispose();
  };
  print(await measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call }));
  tf.dispose([a, b]);
}
process.exit(0);
