import { blockUntilReady, type Array as JaxArray, jit, numpy as np } from '@jax-js/jax';
import { secondsPerCase } from '../frame/benchmark.ts';
import { onWasm } from '../frame/jax.ts';
import { measure, noise } from '../frame/measure.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { checkProduct, gemmShapes, nameOf, shrunk } from './shapes.ts';

export async function* gemmJax({ size }: PeerSetting) {
  await onWasm();
  for (const full of gemmShapes) {
    const shape = shrunk(full, size);
    const { form, m, k, n } = shape;
    const [left, right] = [noise(m * k), noise(k * n, 2)];
    const a = np.array(left, { shape: form === 'TN' ? [k, m] : [m, k] });
    const b = np.array(right, { shape: form === 'NT' ? [n, k] : [k, n] });
    const product = jit((x: JaxArray, y: JaxArray) =>
      np.matmul(form === 'TN' ? np.transpose(x) : x, form === 'NT' ? np.transpose(y) : y),
    );
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    checkProduct(shape, left, right, await product(a.ref, b.ref).data());
    const call = async () => (await blockUntilReady(product(a.ref, b.ref))).dispose();
    yield measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call, seconds: secondsPerCase[size] });
    for (const array of [a, b]) array.dispose();
  }
}
