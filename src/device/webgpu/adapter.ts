import { openGPU } from '#platform';
import { DeviceError } from '../../errors.js';

export interface AdapterOptions {
  /** Take a software adapter (SwiftShader, llvmpipe, WARP) when there is no hardware. Default false. */
  readonly allowSoftware?: boolean;
  /** 'adapter' (default) asks for the adapter's own, larger limits; 'default' for no more than WebGPU guarantees. */
  readonly limits?: 'default' | 'adapter';
  readonly powerPreference?: GPUPowerPreference;
}

/** What kind of hardware an adapter is: shaders take other sizes on each. */
export type AdapterClass = 'discrete' | 'integrated' | 'software';

/** A device that we opened, or one that the caller made. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly description: string;
  readonly software: boolean;
  readonly adapterClass: AdapterClass;
  /** All that the adapter says of itself: what was measured on one is for those that say the same. */
  readonly identity: string;
  /** Call after each submission. */
  submitted(): void;
  /** Ends a device that we opened, once its work is done; leaves the caller's alone. */
  close(): Promise<void>;
}

/** What `openGPU` gave, as long as a device of it has work under way: Dawn aborts the process when it is collected before. */
const busy = new Set<GPU>();

/** Limits that decide how large one buffer, binding or workgroup may be. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
] as const;

/** Used where the adapter has them. Timestamps: the profiler. */
const wantedFeatures: readonly GPUFeatureName[] = ['timestamp-query'];

/**
 * Opens a WebGPU device.
 * @throws DeviceError when WebGPU is missing, there is no adapter, or only a software one and that was not asked for.
 */
export async function openAdapter(options: AdapterOptions = {}): Promise<OpenedDevice> {
  const { allowSoftware = false, limits = 'adapter', powerPreference = 'high-performance' } = options;
  const gpu = await openGPU({ hardwareOnly: !allowSoftware });
  if ('missing' in gpu) throw new DeviceError(`webgpu: ${gpu.missing}. Use the 'wasm' device.`);
  let adapter = await gpu.requestAdapter({ powerPreference });
  if (!adapter && allowSoftware) adapter = await gpu.requestAdapter({ forceFallbackAdapter: true });
  if (!adapter) {
    throw new DeviceError(
      "webgpu: found no adapter, expected a GPU with a Vulkan, Metal or Direct3D 12 driver. Install one, or use the 'wasm' device.",
    );
  }
  const software = isSoftware(adapter);
  const description = describe(adapter.info);
  if (software && !allowSoftware) {
    throw new DeviceError(
      `webgpu: found only the software adapter ${description}, expected hardware. The 'wasm' device is faster; pass allowSoftware: true to use this one all the same.`,
      { found: description },
    );
  }
  const requiredLimits: Record<string, number> = {};
  if (limits === 'adapter') for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = wantedFeatures.filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ label: 'distillm', requiredLimits, requiredFeatures });
  // Dawn keeps its threads, and with them a Node process, for as long as the object that `openGPU` returns is referenced.
  let held: GPU | undefined = gpu;
  let submissions = 0;
  return {
    device,
    description,
    software,
    adapterClass: classOf(adapter.info, software),
    identity: identify(adapter.info),
    submitted() {
      const latest = ++submissions;
      busy.add(gpu);
      const done = () => {
        if (latest === submissions) busy.delete(gpu);
      };
      device.queue.onSubmittedWorkDone().then(done, done);
    },
    async close() {
      if (!held) return;
      // Dawn aborts the process when the object goes while work is under way.
      await device.queue.onSubmittedWorkDone().catch(() => {});
      device.destroy();
      await device.lost;
      held = undefined;
    },
  };
}

/** Looks at a device that the caller made and keeps. */
export function adoptDevice(device: GPUDevice): OpenedDevice {
  const info = (device as { adapterInfo?: GPUAdapterInfo }).adapterInfo;
  const software = info ? isSoftwareInfo(info) : false;
  return {
    device,
    description: info ? describe(info) : 'WebGPU device',
    software,
    adapterClass: info ? classOf(info, software) : 'integrated',
    identity: info ? identify(info) : '',
    submitted() {},
    async close() {},
  };
}

function isSoftware(adapter: GPUAdapter): boolean {
  // Older browsers have the flag on the adapter itself.
  return isSoftwareInfo(adapter.info) || (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
}

function isSoftwareInfo(info: GPUAdapterInfo): boolean {
  const words = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render driver/i.test(words);
}

function describe(info: GPUAdapterInfo): string {
  return info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'WebGPU adapter';
}

const identify = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  [vendor, architecture, device, description].filter(Boolean).join(', ');

/** WebGPU does not say it: by the vendor, and where one makes both kinds, by the names of its processors' graphics. */
function classOf({ vendor, architecture, device, description }: GPUAdapterInfo, software: boolean): AdapterClass {
  if (software) return 'software';
  const words = `${vendor} ${architecture} ${device} ${description}`.toLowerCase();
  if (/nvidia|geforce|quadro/.test(words)) return /tegra|orin/.test(words) ? 'integrated' : 'discrete';
  if (/\bamd\b|radeon/.test(words))
    return /radeon(\(tm\))? (graphics|\d+m\b)|vega \d+ graphics/.test(words) ? 'integrated' : 'discrete';
  return /\barc\b|xe-hpg|battlemage/.test(words) ? 'discrete' : 'integrated';
}
