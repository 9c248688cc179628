import { fileURLToPath } from 'node:url';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { gemmShapes } from '../gemmShapes.ts';
import { measure, noise } from '../measure.ts';

setWasmPaths(fileURLToPath(new URL('./node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url)));
setThreadsCount(2);
await tf.setBackend('wasm');
for (const [m, k, n] of gemmShapes) {
  const a = tf.tensor2d(noise(m * k), [m, k]);
  const b = tf.tensor2d(noise(k * n, 2), [k, n]);
  const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
  await measure({
    case: `${m} x ${k} x ${n}`,
    unit: 'GFLOP/s',
    of,
    call: () => {
      const c = tf.matMul(a, b);
      c.dataSync();
      c.dispose();
    },
  });
  tf.dispose([a, b]);
}
process.exit(0);
