import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { openWebGPU } from '../../src/backend/webgpu/index.js';

type Open = () => Promise<Backend>;

interface Target {
  readonly name: string;
  readonly open: Open;
  /** Why it cannot be tested here. */
  readonly missing?: string;
}

const REQUIRED = process.env.DISTILLM_REQUIRE_WEBGPU === '1';

/**
 * WebGPU at its default limits, on whatever adapter there is: opened while tests are collected, so that a missing one is
 * a visible skip.
 */
async function webgpuTarget(): Promise<Target> {
  // Dispatches are folded every three workgroups, so that small shapes need the second axis as 65,536 rows would.
  const name = 'WebGPU';
  try {
    const device = await openWebGPU({ allowSoftware: true, limits: 'default', maxGroupsPerSide: 3 });
    return { name, open: async () => device };
  } catch (error) {
    const missing = error instanceof Error ? error.message : String(error);
    const open = () => Promise.reject(new Error(`WebGPU is required here, but: ${missing}`));
    return REQUIRED ? { name, open } : { name, open, missing };
  }
}

const wasmTarget = (threads: number): Target => ({
  name: `WASM, ${threads} thread${threads > 1 ? 's' : ''}`,
  open: () => openWasm({ threads }),
});

const targets: readonly Target[] = [wasmTarget(1), wasmTarget(2), await webgpuTarget()];

/**
 * Runs a suite once a backend: WASM on one and on two threads, WebGPU where there is an adapter. `backend()` is open
 * while tests run, and disposed of after them.
 */
export function forEachBackend(suite: (backend: () => Backend, name: string) => void): void {
  for (const { name, open, missing } of targets) {
    if (missing) {
      console.warn(`${name} is skipped: ${missing}`);
      describe.skip(name, () => suite(() => expect.unreachable(), name));
      continue;
    }
    describe(name, () => {
      let backend: Backend;
      beforeAll(async () => {
        backend = await open();
      });
      afterAll(() => backend?.dispose());
      suite(() => backend, name);
      it('leaves no storage behind', () => {
        expect(backend.memory().liveStorages).toBe(0);
      });
    });
  }
}
