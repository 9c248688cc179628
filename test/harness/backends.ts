import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { openWebGPU } from '../../src/backend/webgpu/index.js';

interface Target {
  readonly name: string;
  readonly open: () => Promise<Device>;
  /** Why it cannot be tested here. */
  readonly missing?: string;
}

/** The first call of a kernel on a software GPU waits for its shader: seconds each, more on a busy machine. */
export const COMPILING_MS = 180_000;

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
 * WebGPU at its default limits, on whatever adapter there is. Dispatches are folded every three workgroups, so that
 * small shapes need the second axis as 65,536 rows would.
 */
const webgpuTarget = (): Promise<Target> =>
  perhaps('WebGPU', () => openWebGPU({ allowSoftware: true, limits: 'default', maxGroupsPerSide: 3 }));

/** Opened while tests are collected, so that a missing one is a visible skip. */
async function perhaps(name: string, openIt: () => Promise<Device>): Promise<Target> {
  const open = once(openIt);
  const failure = await open().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  // Where it is required, the suites fail with the reason instead.
  return failure === undefined || REQUIRED ? { name, open } : { name, open, missing: failure };
}

/**
 * Both arithmetics of WASM, of which one is on two threads: the bits are the same for any number of them
 * (wasm/threads.test.ts).
 */
const targets: readonly Target[] = [
  { name: 'WASM, plain, 1 thread', open: once(() => openWasm({ threads: 1, arithmetic: 'plain' })) },
  await perhaps('WASM, fused, 2 threads', () => openWasm({ threads: 2, arithmetic: 'fused' })),
  await webgpuTarget(),
];

let disposing = false;

/**
 * Runs a suite once a backend: WASM with plain and with fused arithmetic, WebGPU where there is an adapter. `backend()`
 * is open while tests run, and disposed of at the end of the file. Each test has the time that a busy software GPU takes.
 */
export function forEachBackend(suite: (backend: () => Device, name: string) => void): void {
  if (!disposing) {
    disposing = true;
    afterAll(async () => {
      for (const backend of opened) await backend.dispose();
    });
  }
  for (const { name, open, missing } of targets) {
    if (missing) {
      console.warn(`${name} is skipped: ${missing}`);
      describe.skip(name, () => suite(() => expect.unreachable(), name));
      continue;
    }
    describe(name, { timeout: COMPILING_MS }, () => {
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
