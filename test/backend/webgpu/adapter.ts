import { describe, it } from 'vitest';
import type { WebGPUDevice } from '../../../src/backend/webgpu/device.js';
import { openWebGPU } from '../../../src/backend/webgpu/index.js';
import type { WebGPUOptions } from '../../../src/backend/webgpu/options.js';

/** The least that every device gives, on whatever adapter there is. */
export const atDefaultLimits: WebGPUOptions = { allowSoftware: true, limits: 'default' };

async function whyMissing(): Promise<string | undefined> {
  try {
    await (await openWebGPU(atDefaultLimits)).dispose();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
const missing = await whyMissing();

/** A suite that needs an adapter: a visible skip without one, a failure where one was promised (scripts/test.mjs). */
export function describeWebGPU(name: string, suite: () => void): void {
  if (!missing) describe(name, suite);
  else if (process.env.DISTILLM_REQUIRE_WEBGPU === '1') {
    it(name, () => {
      throw new Error(`WebGPU is required here, but: ${missing}`);
    });
  } else describe.skip(`${name} (skipped: ${missing})`, suite);
}

/** Opens a backend for the length of `work`. */
export async function withWebGPU<T>(options: WebGPUOptions, work: (backend: WebGPUDevice) => Promise<T>): Promise<T> {
  const backend = await openWebGPU({ ...atDefaultLimits, ...options });
  try {
    return await work(backend);
  } finally {
    await backend.dispose();
  }
}
