/** Both builds of the kernels as text in the script. The one that is needed is inflated. */
import fused from '../../../build/compute-fused.wasm?deflated';
import plain from '../../../build/compute-plain.wasm?deflated';
import type { EmbeddedKernels } from './kernelFiles.js';

/**
 * The kernels of WebAssembly as text, for scripts that are to be one file: 76 kB gzipped, where as a file only the one of 38 kB
 * is loaded that is needed.
 * @example
 * const device = await openDevice({ wasm: { kernels: embeddedKernels } });
 */
export const embeddedKernels: EmbeddedKernels = { fused: fused.text, plain: plain.text };
