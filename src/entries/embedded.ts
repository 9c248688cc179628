/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The kernels of WebAssembly as a part of the script, for hosts and bundlers that cannot serve files beside it.
 * @module distillm/embedded
 */
export { embeddedKernels } from '../backend/wasm/embeddedKernels.js';
export type { EmbeddedKernels } from '../backend/wasm/kernelFiles.js';
