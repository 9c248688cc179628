import { mayHaveGPU } from '#platform';
import { DeviceError } from '../errors.js';
import type { Device } from './backend.js';
import { openWasm, type WasmOptions } from './wasm/index.js';
import { openWebGPU, type WebGPUOptions } from './webgpu/index.js';

export type DeviceKind = 'auto' | 'webgpu' | 'wasm';
export interface DeviceOptions {
  readonly wasm?: WasmOptions;
  readonly webgpu?: WebGPUOptions;
}

/**
 * Opens a device. 'auto' takes a hardware GPU where there is one, else WebAssembly on all cores; a software adapter
 * (SwiftShader, llvmpipe) is used only with 'webgpu' and `webgpu.allowSoftware`. `webgpu.subgroupMatrices` leaves 'auto' no
 * choice but a GPU.
 * @example
 * const device = await openDevice();
 * console.log(device.info.description);
 * @throws DeviceError when the wanted kind is not there, with what was looked for.
 */
export async function openDevice(kind: DeviceKind = 'auto', options: DeviceOptions = {}): Promise<Device> {
  if (kind === 'wasm') return openWasm(options.wasm);
  if (kind === 'webgpu') return openWebGPU(options.webgpu);
  if (options.webgpu?.subgroupMatrices) return openWebGPU({ ...options.webgpu, allowSoftware: false });
  if (!mayHaveGPU()) return openWasm(options.wasm);
  try {
    return await openWebGPU({ ...options.webgpu, allowSoftware: false });
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return openWasm(options.wasm);
  }
}
