import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { relaxedAllowed } from '../../src/backend/wasm/compile.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { openWebGPU } from '../../src/backend/webgpu/index.js';

interface Target {
  readonly name: string;
  readonly open: () => Promise<Device>;
  /** Why it cannot be tested here. */
  readonly missing?: string;
}

const REQUIRED = process.env.DISTILLM_REQUIRE_WEBGPU === '1';

const opened: Device[] = [];
/** Opens once a test file, whatever the number of suites in it. */
const once = (open: () => Promise<Device>) => {
  let pending: Promise<Device> | undefined;
  return () => {
    pending ??= open().then((backend) => {
      opened.push(backend);
      return backend;
    });
    return pending;
  };
};

/**
 * WebGPU at its default limits, on whatever adapter there is: opened while tests are collected, so that a missing one
 * is a visible skip. Dispatches are folded every three workgroups, so that small shapes need the second axis as 65,536
 * rows would.
 */
async function webgpuTarget(): Promise<Target> {
  const open = once(() => openWebGPU({ allowSoftware: true, limits: 'default', maxGroupsPerSide: 3 }));
  const failure = await open().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  // Where it is required, the suites fail with the reason instead.
  return failure === undefined || REQUIRED ? { name: 'WebGPU', open } : { name: 'WebGPU', open, missing: failure };
}

const wasmTarget = (threads: number): Target => ({
  name: `WASM, ${threads} thread${threads > 1 ? 's' : ''}`,
  open: once(() => openWasm({ threads })),
});

const targets: readonly Target[] = [wasmTarget(1), wasmTarget(2), await webgpuTarget()];
/** The build that fuses products and sums: other roundings, so what tests kernels runs on it as well. */
const relaxedTarget: Target = {
  name: 'WASM, relaxed SIMD',
  open: once(() => openWasm({ threads: 2, relaxedSimd: true })),
  ...((await relaxedAllowed()) ? {} : { missing: 'this engine has no relaxed SIMD' }),
};

let disposing = false;

/**
 * Runs a suite once a backend: WASM on one and on two threads, WebGPU where there is an adapter. `backend()` is open
 * while tests run, and disposed of at the end of the file. `relaxed`: on the relaxed WASM build, too.
 */
export function forEachBackend(
  suite: (backend: () => Device, name: string) => void,
  { relaxed = false }: { relaxed?: boolean } = {},
): void {
  if (!disposing) {
    disposing = true;
    afterAll(async () => {
      for (const backend of opened) await backend.dispose();
    });
  }
  for (const { name, open, missing } of relaxed ? [...targets, relaxedTarget] : targets) {
    if (missing) {
      console.warn(`${name} is skipped: ${missing}`);
      describe.skip(name, () => suite(() => expect.unreachable(), name));
      continue;
    }
    describe(name, () => {
      let backend: Device;
      beforeAll(async () => {
        backend = await open();
      });
      suite(() => backend, name);
      it('leaves no storage behind', () => {
        expect(backend.memory().liveStorages).toBe(0);
      });
    });
  }
}
