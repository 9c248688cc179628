/**
 * What this machine has to compute on: every kind of device is opened once, and closed. An application can show it, or
 * choose by it, before it opens a device of its own.
 */
import { mayHaveGPU, openGPU } from '#platform';
import { findAdapter } from '../hardware/webgpu/adapter.js';
import { findMatrixUnit } from '../hardware/webgpu/matrixUnit.js';
import type { DeviceInfo } from './backend.js';
import { openDevice } from './openDevice.js';

/** A device that opened, or why it did not. */
export type FoundDevice =
  | DeviceInfo
  | {
      /** What is missing, as a sentence. */
      readonly missing: string;
    };

/** What the adapter of a GPU offers beyond what every adapter must. */
export interface AdapterFacts {
  /** Limits that decide what fits, by their WebGPU names; in bytes where they are sizes. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Features that kernels or profiles can use, by their WebGPU names. */
  readonly features?: readonly string[];
  /**
   * What subgroup matrices multiply at once, '16x16x16' for example.
   * @internal
   */
  readonly subgroupMatrices?: string;
}

/** The devices of this machine. */
export interface DeviceReport {
  /** WebAssembly SIMD on threads. */
  readonly wasm: FoundDevice;
  /** A GPU, or the software adapter that stands in for one. */
  readonly webgpu: FoundDevice & AdapterFacts;
  /** What `openDevice()` takes here. */
  readonly auto: 'webgpu' | 'wasm' | 'none';
}

/**
 * Opens every device that this machine has, and says what each is or why it is missing. On Linux without a GPU no
 * WebGPU adapter is looked for.
 * @example
 * const { auto, webgpu } = await examineDevices();
 * if ('missing' in webgpu) console.log(`No GPU: ${webgpu.missing}`);
 */
export async function examineDevices(): Promise<DeviceReport> {
  const wasm = await tryToOpen('wasm');
  const found = mayHaveGPU() ? await tryToOpen('webgpu') : { missing: 'this machine shows no GPU' };
  const webgpu = { ...found, ...('kind' in found && (await examineAdapter())) };
  const hardware = 'kind' in webgpu && !webgpu.software;
  return { wasm, webgpu, auto: hardware ? 'webgpu' : 'kind' in wasm ? 'wasm' : 'none' };
}

async function tryToOpen(kind: 'wasm' | 'webgpu'): Promise<FoundDevice> {
  try {
    const device = await openDevice({ kind, wasm: { revectorize: true }, webgpu: { allowSoftware: true } });
    const { info } = device;
    await device.dispose();
    return info;
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

const limits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;
const features = ['shader-f16', 'subgroups', 'timestamp-query'];

/** The adapter that openDevice takes. */
async function examineAdapter(): Promise<AdapterFacts | undefined> {
  const gpu = await openGPU({ experimental: true });
  if ('missing' in gpu) return undefined;
  const adapter = await findAdapter(gpu, { allowSoftware: true, powerPreference: 'high-performance' });
  if (!adapter) return undefined;
  const unit = findMatrixUnit(adapter);
  return {
    limits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
    ...(!('missing' in unit) && { subgroupMatrices: `${unit.m}x${unit.n}x${unit.k}` }),
    features: features.filter((name) => adapter.features.has(name)),
  };
}
