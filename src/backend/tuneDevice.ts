import { DeviceError } from '../errors.js';
import type { Device } from './backend.js';
import type { WebGPUDevice } from './webgpu/device.js';
import { type MeasureOptions, measureGemm } from './webgpu/products/measure.js';
import { keepRates } from './webgpu/products/ratesCache.js';
import { type MeasuredRates, ratesOf } from './webgpu/products/variants.js';

/**
 * Measures how fast a GPU's matrix products are in each of their variants (a second or two), so that this device and,
 * from the user's cache (in browsers the site's), every later one on the same adapter take the fastest for each shape.
 * Without it a table for the class of adapter is used. Other variants add in another order: results change in the last
 * bits.
 * @returns what was measured, and where it is kept.
 * @example
 * const device = await openDevice({ kind: 'webgpu' });
 * await tuneDevice(device); // once; `distillm doctor --tune` does the same
 * @throws DeviceError for a device that is not WebGPU: the others have nothing to tune
 * @internal not documented until GPUs have been measured
 */
export async function tuneDevice(
  device: Device,
  options: MeasureOptions = {},
): Promise<{ readonly rates: MeasuredRates; readonly keptIn: string }> {
  if (!isWebGPU(device)) {
    throw new DeviceError(
      `tuneDevice: found a '${device.info.kind}' device, expected 'webgpu'. Others need no tuning.`,
      {
        found: device.info.kind,
        expected: 'webgpu',
      },
    );
  }
  const rates = await measureGemm(device, options);
  device.gemm.rates = ratesOf(device.gemm.rates, rates);
  return { rates, keptIn: await keepRates(device.gemm.adapter, rates) };
}

const isWebGPU = (device: Device): device is WebGPUDevice => device.info.kind === 'webgpu' && 'gemm' in device;
