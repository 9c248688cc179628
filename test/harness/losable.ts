/** Devices that are lost on purpose, without a GPU: WebAssembly in its place, whose calls fail from a moment on. */
import { openWasm } from '../../src/backend/wasm/index.js';
import type { WebGPUDevice } from '../../src/backend/webgpu/device.js';
import { DeviceError } from '../../src/errors.js';

/** A stand-in for a GPU. */
export interface Losable extends WebGPUDevice {
  /** Loses the device now. */
  lose(): void;
  /** Calls so far that a lost device refuses. */
  readonly calls: number;
}

/** @param at the call from which on the device is lost, from 1; never where it is left out */
export async function openLosable(at = Number.POSITIVE_INFINITY): Promise<Losable> {
  const wasm = await openWasm({ threads: 1, arithmetic: 'plain' });
  let lost: DeviceError | undefined;
  let calls = 0;
  const lose = () => {
    lost ??= new DeviceError('webgpu: the device was lost (unknown): a test. Open a new one.', { found: 'unknown' });
  };
  const guarded =
    <Given extends unknown[], Result>(work: (...given: Given) => Result) =>
    (...given: Given): Result => {
      if (++calls >= at) lose();
      if (lost) throw lost;
      return work(...given);
    };
  const read = guarded((...given: Parameters<typeof wasm.read>) => wasm.read(...given));
  return {
    ...wasm,
    info: { ...wasm.info, kind: 'webgpu', arithmetic: 'gpu', description: 'a GPU' },
    run: guarded(wasm.run as () => void) as WebGPUDevice['run'],
    write: guarded(wasm.write),
    copy: guarded(wasm.copy),
    clear: guarded(wasm.clear),
    submit: guarded(wasm.submit),
    drain: async () => guarded(wasm.drain)(),
    read: async (...given) => read(...given),
    finish: async () => guarded(wasm.finish)(),
    gemm: undefined as never,
    counts: () => ({ submissions: 0, dispatches: 0, bindGroups: 0, created: 0, idle: 0 }),
    whyLost: async () => lost,
    lose,
    get calls() {
      return calls;
    },
  };
}
