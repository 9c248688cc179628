/** The public API of distillm: distil language models on WebGPU or WebAssembly, in Node and browsers. */

export type { Device, DeviceInfo, MemoryUse, Storage, TypedArray } from './backend/backend.js';
export type { DivergenceKind, DType, KernelName } from './backend/kernels/index.js';
export { type DeviceKind, type DeviceOptions, openDevice } from './backend/openDevice.js';
export {
  type ChromeTrace,
  type ChromeTraceEvent,
  type KernelProfile,
  type PhaseProfile,
  type Profile,
  startProfile,
} from './backend/profile.js';
export { tuneDevice } from './backend/tuneDevice.js';
export type { WasmOptions } from './backend/wasm/index.js';
export type { GemmRates, GemmTile, MeasuredRates, TileRate } from './backend/webgpu/gemmVariants.js';
export type { WebGPUBackend, WebGPUOptions } from './backend/webgpu/index.js';
export * from './data/index.js';
export * from './distill/losses/index.js';
export * from './distill/sgo/index.js';
export * from './distill/trainer/index.js';
export * from './errors.js';
export * from './generation/index.js';
export * from './io/index.js';
export * from './metrics/index.js';
export * from './models/index.js';
export * from './optim/index.js';
export { openFolder } from './platform/openFolder.js';
export * from './tensor/index.js';
export * from './text/index.js';
