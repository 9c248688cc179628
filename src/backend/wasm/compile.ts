/** Builds of the WebAssembly kernels, which of them an engine can run, and V8's packing of vectors to 256 bits. */
import { revectorizer } from '#platform';
import sharedBytes from '../../../build/compute.wasm';
import singleBytes from '../../../build/compute-single.wasm';
import { DeviceError } from '../../errors.js';

/** Whether threads can share memory here: browsers need cross-origin isolation (COOP and COEP headers). */
export function sharedMemoryAllowed(): boolean {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return typeof SharedArrayBuffer === 'function' && isolated !== false;
}

/** V8's packing is a flag of the process: once set, by the command line or by us, it stays. */
let packing = revectorizer?.onFromStart ?? false;

/** Turns V8's packing on where the platform has it; says whether it is in force. */
export function allowPacking(): boolean {
  if (revectorizer && !packing) {
    revectorizer.set(true);
    packing = true;
  }
  return packing;
}

/** Turns V8's packing off for what is compiled from now on. */
export function forbidPacking(): void {
  revectorizer?.set(false);
  packing = false;
}

export const packingInForce = (): boolean => packing;

/**
 * What the kernels import: whether the inner loop of a product keeps 16 columns in registers or eight (the same bits).
 * 16 need registers of 256 bits, or 32 of them as ARM64 has. x86 gives a NaN that it makes itself a sign, ARM64 does
 * not, and there is no other way to ask in a browser.
 */
export function kernelGlobals(): { readonly wideTiles: 0 | 1 } {
  const made = new Float32Array([Number.POSITIVE_INFINITY]);
  made[0] = (made[0] as number) - (made[0] as number);
  const x86 = (new Int32Array(made.buffer)[0] as number) < 0;
  return { wideTiles: packing || !x86 ? 1 : 0 };
}

/**
 * The module with an empty custom section that names how it will be compiled: V8 shares compiled code between modules
 * of the same bytes, and must not share it across the two settings.
 */
function labelled(bytes: Uint8Array, label: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(label);
  const result = new Uint8Array(bytes.length + 3 + name.length);
  result.set(bytes);
  result.set([0, name.length + 1, name.length], bytes.length);
  result.set(name, bytes.length + 3);
  return result;
}

/**
 * Builds of the same kernels: for shared or plain memory; 'relaxed' (shared memory) fuses multiplication and addition.
 */
export type KernelBuild = 'shared' | 'single' | 'relaxed';

/** Whether this engine can run the relaxed build. */
export async function relaxedAllowed(): Promise<boolean> {
  if (!sharedMemoryAllowed()) return false;
  const { relaxedSimd } = await import('wasm-feature-detect');
  return relaxedSimd();
}

async function bytesOf(build: KernelBuild): Promise<Uint8Array> {
  // Loaded on demand: few runs ask for it.
  if (build === 'relaxed') return (await import('../../../build/compute-relaxed.wasm')).default;
  return build === 'shared' ? sharedBytes : singleBytes;
}

/**
 * Compiles the kernels.
 * @throws DeviceError where WebAssembly SIMD (or threads, for shared memory) is missing
 */
export async function compileKernels(build: KernelBuild): Promise<WebAssembly.Module> {
  const bytes = labelled(await bytesOf(build), packing ? 'packed' : 'plain');
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new DeviceError(
      `The kernels do not compile here: WebAssembly SIMD${build === 'single' ? ' is' : ' and threads are'} needed.`,
      { cause },
    );
  }
}
