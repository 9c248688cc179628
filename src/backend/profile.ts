import { OptionError } from '../errors.js';
import type { Backend, KernelCall } from './backend.js';
import { type KernelName, type KernelSpec, kernels } from './kernels.js';

/** What one kernel took over a profiled stretch. */
export interface KernelProfile {
  readonly kernel: KernelName;
  readonly calls: number;
  readonly milliseconds: number;
  /** From the FLOP counts of the kernel table. */
  readonly gflopPerSecond: number;
}

/**
 * The same device with a clock around every kernel call, for the WASM backend, whose calls return when they are done.
 * @throws OptionError on WebGPU, where a call only records.
 */
export function profiled(device: Backend): { device: Backend; report: () => KernelProfile[]; reset: () => void } {
  if (device.info.kind !== 'wasm') throw new OptionError('profiled: only the WASM backend is timed call by call.');
  const times = new Map<KernelName, { calls: number; milliseconds: number; flops: number }>();
  const run = <K extends KernelName>(kernel: K, call: KernelCall<K>): void => {
    const before = performance.now();
    device.run(kernel, call);
    const entry = times.get(kernel) ?? { calls: 0, milliseconds: 0, flops: 0 };
    const spec: KernelSpec = kernels[kernel];
    entry.calls++;
    entry.milliseconds += performance.now() - before;
    entry.flops += spec.flops(call.dims);
    times.set(kernel, entry);
  };
  const proxy = new Proxy(device, {
    get: (target, key) => {
      if (key === 'run') return run;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const report = () =>
    [...times]
      .map(([kernel, { calls, milliseconds, flops }]) => ({
        kernel,
        calls,
        milliseconds,
        gflopPerSecond: flops / milliseconds / 1e6,
      }))
      .sort((a, b) => b.milliseconds - a.milliseconds);
  return { device: proxy, report, reset: () => times.clear() };
}
