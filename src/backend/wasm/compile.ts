/**
 * Builds of the WebAssembly kernels, which of them an engine can run, and V8's packing of vectors to 256 bits.
 *
 * There are two builds of the same sources, which differ in how they multiply and add. Fused arithmetic, with one
 * rounding, is relaxed SIMD's, which nearly every engine and processor has. Plain arithmetic has two roundings.
 */
import { revectorizer } from '#platform';
import { policyError } from '../../compileHere.js';
import { DeviceError } from '../../errors.js';
import { type KernelPlace, readKernels, type WasmArithmetic } from './kernelFiles.js';

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

/** Which kernels to compile. */
export interface KernelBuild {
  readonly arithmetic: WasmArithmetic;
  /** For a memory that threads share. */
  readonly shared: boolean;
  /** Where the builds are; those of the package by default. */
  readonly kernels?: KernelPlace | undefined;
}

/** In the import of the memory: the two names, the kind of import that a memory is. Its limits follow. */
const memoryImport = [...new TextEncoder().encode('\x03env\x06memory'), 2];
/** First byte of the limits of a memory that has a maximum and is not shared. */
const UNSHARED = 1;

/** The builds import a shared memory. This is the same module for a memory that one thread has for itself. */
function unshared(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const result = bytes.slice();
  const at = result.findIndex((_, i) => memoryImport.every((byte, j) => result[i + j] === byte));
  result[at + memoryImport.length] = UNSHARED;
  return result;
}

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

/** A module of one function: the f32x4.relaxed_madd of three zeros. */
const probe = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 19, 1, 17, 0],
  ...[0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0xfd, 0x85, 2, 11],
);

/** Whether this engine has the instructions of fused arithmetic. Whether they round once, the self-check finds out. */
export const hasRelaxedSimd = (): boolean => WebAssembly.validate(probe);

/**
 * Loads and compiles the kernels.
 * @throws DeviceError where they cannot be loaded, where a Content-Security-Policy forbids it, and where WebAssembly SIMD (or
 * relaxed SIMD, or threads, for what needs them) is missing
 */
export async function compileKernels({ arithmetic, shared, kernels }: KernelBuild): Promise<WebAssembly.Module> {
  const bytes = await readKernels(arithmetic, kernels);
  const module = labelled(shared ? bytes : unshared(bytes), packing ? '256-bit' : '128-bit');
  try {
    return await WebAssembly.compile(module);
  } catch (cause) {
    const forbidden = policyError(cause);
    if (forbidden) throw forbidden;
    const simd = arithmetic === 'fused' ? 'WebAssembly relaxed SIMD' : 'WebAssembly SIMD';
    throw new DeviceError(`The kernels do not compile here: ${simd}${shared ? ' and threads are' : ' is'} needed.`, {
      cause,
    });
  }
}
