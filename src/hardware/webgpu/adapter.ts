/**
 * Which adapter is opened, with which limits and features, and how a device of it is closed. Drivers and Dawn differ
 * in much; their quirks are handled here.
 */
import { mayHaveGPU, openGPU } from '#platform';
import { DeviceError } from '../../errors.js';
import type { AdapterClass, AdapterOptions, MatrixUnit } from './facts.js';
import { findMatrixUnit, matrixFeatures } from './matrixUnit.js';

/** A device that we opened, or one that the caller made. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly description: string;
  readonly software: boolean;
  readonly adapterClass: AdapterClass;
  /** Key of the measured rates: adapters with equal vendor, architecture, device and description share them. */
  readonly identity: string;
  /** The subgroup matrices, where they were asked for. */
  readonly matrixUnit: MatrixUnit | undefined;
  /** Call after each submission. */
  submitted(): void;
  /** Ends a device that we opened, once its work is done. A device of the caller's stays open. */
  close(): Promise<void>;
}

/** GPU objects whose devices have work under way. Dawn aborts the process when such an object is collected. */
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

/** What every device has of the limits that subgroup matrices ask about. */
const defaultLimits = { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 };

/** Used where the adapter has them. Timestamps: the profiler. */
const wantedFeatures: readonly GPUFeatureName[] = ['timestamp-query'];

/**
 * Opens a WebGPU device.
 * @throws DeviceError when WebGPU is missing, there is no adapter, only a software one and that was not asked for, or
 * one without the subgroup matrices that were.
 */
export async function openAdapter(options: AdapterOptions = {}): Promise<OpenedDevice> {
  const { allowSoftware = false, limits = 'adapter', subgroupMatrices = false } = options;
  const { powerPreference = 'high-performance' } = options;
  // Dawn and the Vulkan loader would write warnings of their own to stderr, which nothing turns off.
  if (!allowSoftware && !mayHaveGPU()) {
    throw new DeviceError(
      "webgpu: this machine shows no GPU, expected one with its driver. Install it, use the 'wasm' device, or pass " +
        'allowSoftware: true for a software adapter.',
    );
  }
  const gpu = await openGPU({ hardwareOnly: !allowSoftware, experimental: subgroupMatrices });
  if ('missing' in gpu) throw new DeviceError(`webgpu: ${gpu.missing}. Use the 'wasm' device.`);
  const adapter = await findAdapter(gpu, { allowSoftware, powerPreference });
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
  const { features: offered, info } = adapter;
  const allowed = limits === 'adapter' ? adapter.limits : defaultLimits;
  const matrixUnit = subgroupMatrices
    ? needMatrixUnit(description, { features: offered, info, limits: allowed })
    : undefined;
  const features = matrixUnit ? [...wantedFeatures, ...matrixFeatures(matrixUnit)] : wantedFeatures;
  const requiredFeatures = features.filter((feature) => adapter.features.has(feature));
  const wanted = { label: 'distillm', requiredLimits, requiredFeatures };
  const device = await ask('requestDevice', () => adapter.requestDevice(wanted));
  // Dawn keeps its threads, and with them a Node process, for as long as the object that `openGPU` returns is
  // referenced.
  let held: GPU | undefined = gpu;
  let submissions = 0;
  return {
    device,
    description,
    software,
    adapterClass: classOf(adapter.info, software),
    identity: identify(adapter.info),
    matrixUnit,
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
      // Dawn aborts the process when the object is collected while work is under way.
      await Promise.race([device.queue.onSubmittedWorkDone().catch(() => {}), device.lost]);
      device.destroy();
      await device.lost;
      held = undefined;
    },
  };
}

/** Asks for any adapter before the fallback: asked for the fallback first, Dawn looks for SwiftShader alone. */
export async function findAdapter(
  gpu: GPU,
  { allowSoftware, powerPreference }: Pick<Required<AdapterOptions>, 'allowSoftware' | 'powerPreference'>,
): Promise<GPUAdapter | null> {
  const request = (options: GPURequestAdapterOptions) => ask('requestAdapter', () => gpu.requestAdapter(options));
  const adapter = await request({ powerPreference });
  return adapter || !allowSoftware ? adapter : request({ forceFallbackAdapter: true });
}

/**
 * What a request gives. Broken drivers, and pages that forbid WebGPU, make requests throw or reject; where there is no
 * adapter, one gives null.
 * @throws DeviceError
 */
async function ask<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError(`webgpu: ${what} failed (${why}). Update the driver, or use the 'wasm' device.`, { cause });
  }
}

/**
 * A device that the caller made and owns.
 * @throws DeviceError when subgroup matrices are asked for and it was made without.
 */
export function adoptDevice(device: GPUDevice, { subgroupMatrices = false }: AdapterOptions = {}): OpenedDevice {
  const info = (device as { adapterInfo?: GPUAdapterInfo }).adapterInfo;
  const software = info ? isSoftwareInfo(info) : false;
  const description = info ? describe(info) : 'WebGPU device';
  return {
    device,
    description,
    software,
    adapterClass: info ? classOf(info, software) : 'integrated',
    identity: info ? identify(info) : '',
    matrixUnit: subgroupMatrices
      ? needMatrixUnit(description, { features: device.features, info, limits: device.limits })
      : undefined,
    submitted() {},
    async close() {},
  };
}

function needMatrixUnit(description: string, of: Parameters<typeof findMatrixUnit>[0]): MatrixUnit {
  const unit = findMatrixUnit(of);
  if (!('missing' in unit)) return unit;
  throw new DeviceError(
    `webgpu.subgroupMatrices: ${description} ${unit.missing}. Leave the option out to multiply without.`,
    { found: unit.missing },
  );
}

function isSoftware(adapter: GPUAdapter): boolean {
  // Older browsers have the flag on the adapter itself.
  return isSoftwareInfo(adapter.info) || (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
}

function isSoftwareInfo(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render driver/.test(wordsOf(info));
}

/** All that an adapter says of itself as words in lower case: Dawn writes "amd-radeon-tm-graphics". */
const wordsOf = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  `${vendor} ${architecture} ${device} ${description}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, ' ');

/**
 * The card's name and the driver's. In Node Dawn has the one in `device`, "nvidia-h100-pcie", and the other in
 * `description`. Browsers have neither, but vendor and architecture; other runtimes a number as `device`.
 */
function describe({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const card = /[a-z]/i.test(device ?? '') ? device.replace(/-+$/, '') : '';
  const names = [...new Set([card, description])].filter(Boolean);
  return names.join(', ') || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU adapter';
}

const identify = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  [vendor, architecture, device, description].filter(Boolean).join(', ');

/**
 * WebGPU does not tell: decided by the vendor, and for vendors of both kinds by the names of their integrated graphics.
 * Dawn in Node names the cards of servers, browsers do not.
 */
function classOf(info: GPUAdapterInfo, software: boolean): AdapterClass {
  if (software) return 'software';
  const words = wordsOf(info);
  if (/\b(g?b[12]00|g?h[12]00|h800|a100|a800|mi\d{3}x?)\b/.test(words)) return 'server';
  if (/nvidia|geforce|quadro/.test(words)) return /tegra|orin/.test(words) ? 'integrated' : 'discrete';
  if (/\bamd\b|radeon/.test(words))
    return /radeon (tm )?(graphics|\d+m\b)|vega \d+ graphics/.test(words) ? 'integrated' : 'discrete';
  return /\barc\b|xe hpg|battlemage/.test(words) ? 'discrete' : 'integrated';
}
