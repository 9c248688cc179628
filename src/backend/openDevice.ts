import * as z from 'zod';
import { mayHaveGPU } from '#platform';
import { DeviceError } from '../errors.js';
import { checkOptions, type Fields, ranges } from '../settings/index.js';
import type { Device } from './backend.js';
import { recoverable } from './recovery.js';
import { openWasm, type WasmOptions, wasmOptions } from './wasm/index.js';
import { openWebGPU } from './webgpu/index.js';
import { type WebGPUOptions, webgpuOptions } from './webgpu/options.js';

/** Which device `openDevice` opens, and how. */
export interface DeviceOptions {
  /** Default 'auto': a hardware GPU where there is one, else WebAssembly. */
  readonly kind?: 'auto' | 'webgpu' | 'wasm';
  /** For the device that computes in WebAssembly, where that is taken. */
  readonly wasm?: WasmOptions;
  /** For the device that computes on a GPU, where that is taken. */
  readonly webgpu?: WebGPUOptions;
}

const deviceOptions = z.strictObject({
  kind: ranges.choice(['auto', 'webgpu', 'wasm']).default('auto'),
  wasm: wasmOptions.optional(),
  webgpu: webgpuOptions.optional(),
} satisfies Fields<DeviceOptions>);

/**
 * Opens a device. 'auto' takes a hardware GPU where there is one, else WebAssembly on all cores; a software adapter
 * (SwiftShader, llvmpipe) is used only with 'webgpu' and `webgpu.allowSoftware`. `device.info` says which it is, and why it
 * is no GPU (`noGPUBecause`) or one thread (`oneThreadBecause`).
 * @example
 * const device = await openDevice();
 * console.log(device.info.description);
 * @example
 * const device = await openDevice({ kind: 'wasm', wasm: { threads: 4 } });
 * @throws OptionError; DeviceError when the wanted kind is not there, with what was looked for
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const { kind } = checkOptions('openDevice', deviceOptions, options);
  const { wasm, webgpu } = options;
  if (kind === 'wasm') return openWasm(wasm);
  if (kind === 'webgpu') return openGPU(options);
  const hardware = { wasm, webgpu: { ...webgpu, allowSoftware: false } };
  if (webgpu?.subgroupMatrices) return openGPU(hardware);
  if (!mayHaveGPU()) return openWasm(wasm, 'This machine shows no GPU.');
  try {
    return await openGPU(hardware);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return openWasm(wasm, error.message);
  }
}

/** A GPU, which a training may open again when it is lost. */
async function openGPU({
  wasm,
  webgpu,
}: {
  readonly wasm?: WasmOptions | undefined;
  readonly webgpu?: WebGPUOptions | undefined;
}): Promise<Device> {
  const open = () => openWebGPU(webgpu);
  const again = async () => {
    if (!webgpu?.device) return open();
    throw new DeviceError("webgpu: the device that was lost is the caller's, and cannot be opened again here.");
  };
  return recoverable(await open(), { webgpu: again, wasm: () => openWasm(wasm) });
}
