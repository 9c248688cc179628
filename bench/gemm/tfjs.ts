import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { secondsPerCase } from '../frame/benchmark.ts';
import { measure, noise } from '../frame/measure.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { checkProduct, gemmShapes, nameOf, shrunk } from './shapes.ts';

/** In Node this package takes one thread whatever it is told. */
export async function* gemmTfjs({ threads, size, wasmFolder }: PeerSetting) {
  setWasmPaths(wasmFolder('@tensorflow/tfjs-backend-wasm'));
  setThreadsCount(threads);
  await tf.setBackend('wasm');
  for (const full of gemmShapes) {
    const shape = shrunk(full, size);
    const { form, m, k, n } = shape;
    const [aTransposed, bTransposed] = [form === 'TN', form === 'NT'];
    const [left, right] = [noise(m * k), noise(k * n, 2)];
    const a = tf.tensor2d(left, aTransposed ? [k, m] : [m, k]);
    const b = tf.tensor2d(right, bTransposed ? [n, k] : [k, n]);
    const product = () => tf.matMul(a, b, aTransposed, bTransposed);
    const c = product();
    checkProduct(shape, left, right, c.dataSync());
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    // In this backend an operation is done when its function returns.
    const call = () => product().dispose();
    yield measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call, seconds: secondsPerCase[size] });
    tf.dispose([a, b, c]);
  }
}
