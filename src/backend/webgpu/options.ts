/** How the device that computes on a GPU is opened. */
import * as z from 'zod';
import type { AdapterOptions } from '../../hardware/webgpu/facts.js';
import { type Fields, instance, ranges, special } from '../../settings/index.js';

/** A `GPUDevice`, of whatever package its type is. */
export interface OwnGPUDevice {
  /** What it was made with. */
  readonly limits: object;
  /** Where its work goes. */
  readonly queue: object;
  /** Makes a buffer. */
  createBuffer(descriptor: never): object;
}

/** How the device that computes on a GPU is opened. */
export interface WebGPUOptions extends AdapterOptions {
  /**
   * A device that the caller made: used as it is, never destroyed. Its uncaptured errors surface here as well. In Node
   * keep the object that Dawn's `create` gave, too: Dawn aborts the process when it is collected while the device
   * lives.
   */
  readonly device?: OwnGPUDevice;
  /**
   * Bytes that one binding may have, at most the device's own limit (its default). Larger operands are cut into
   * windows; a small value lets tests do so on small shapes.
   */
  readonly maxBindingBytes?: number;
  /**
   * Workgroups along one side of a dispatch, at most the device's own limit (its default); more rows continue along
   * the other side. A small value lets tests do so on small shapes.
   */
  readonly maxGroupsPerSide?: number;
  /**
   * Threads of a workgroup that owns a row (layer norms, losses, sampling, decoding, products of few rows), a power of
   * two from 8 to 256: 8 on software adapters, 256 on others. Tests on software adapters set it to hardware's value.
   */
  readonly rowThreads?: number;
}

const rowThreadCounts = [8, 16, 32, 64, 128, 256];

/** The schema of `WebGPUOptions`. */
export const webgpuOptions = z.strictObject({
  allowSoftware: ranges.switched.optional(),
  limits: ranges.choice(['default', 'adapter']).optional(),
  powerPreference: ranges.choice(['high-performance', 'low-power']).optional(),
  subgroupMatrices: ranges.switched.optional(),
  device: instance<OwnGPUDevice>('a GPUDevice', 'createBuffer').optional(),
  maxBindingBytes: ranges.integer(256).optional(),
  maxGroupsPerSide: ranges.count.optional(),
  rowThreads: special<number>('a power of two from 8 to 256', (value) =>
    rowThreadCounts.includes(value as number),
  ).optional(),
} satisfies Fields<WebGPUOptions>);
