/**
 * jax-js, which compiles kernels to WebAssembly: one thread in Node, in a page as many as it likes. An array is consumed by
 * its use; one that is used again is passed as `.ref`.
 */
import { defaultDevice, init } from '@jax-js/jax';

export async function onWasm(): Promise<void> {
  await init('wasm');
  defaultDevice('wasm');
}
