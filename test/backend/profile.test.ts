import { describe, expect, it } from 'vitest';
import type { Device, Storage } from '../../src/backend/backend.js';
import { type ChromeTrace, markPhase, startProfile } from '../../src/backend/profile.js';
import { openWebGPU } from '../../src/backend/webgpu/index.js';
import { DeviceError, OptionError } from '../../src/errors.js';
import { openGPU } from '../../src/platform/node/index.js';
import { forEachBackend } from '../harness/backends.js';
import { describeWebGPU, withWebGPU } from './webgpu/adapter.js';

/** Rules of the trace event format that viewers rely on. */
function checkTrace(trace: ChromeTrace, ms: number) {
  const { traceEvents } = JSON.parse(JSON.stringify(trace)) as ChromeTrace;
  const stretches = traceEvents.filter(({ ph }) => ph === 'X');
  for (const { name, ts, dur, pid, tid } of stretches) {
    expect(name).not.toBe('');
    for (const value of [ts, dur, pid, tid]) expect(value).toBeTypeOf('number');
    expect(ts).toBeGreaterThanOrEqual(0);
    expect(dur).toBeGreaterThanOrEqual(0);
    // The GPU's clock is put onto the host's by the first submission: a little late is possible.
    expect(ts! + dur!).toBeLessThan(1000 * (ms + 50));
  }
  const tracks = traceEvents.filter(({ ph, name }) => ph === 'M' && name === 'thread_name');
  const tidOf = (track: string) => tracks.find(({ args }) => args?.name === track)?.tid;
  for (const { cat, tid } of stretches) expect(tid).toBe(tidOf(`${cat}s`));
  return stretches;
}

const store = (device: Device, size: number) => {
  const storage = device.allocate(4 * size, 'operand');
  device.write(storage, new Float32Array(size).fill(1));
  return storage;
};
const addInto = (device: Device, size: number, x: Storage, y: Storage) =>
  device.run('addInto', { dims: { size }, operands: { x, y }, params: { scale: 1 } });

forEachBackend((backend, name) => {
  it('times calls by kernel and phase, and changes no result', async () => {
    const device = backend();
    const [a, b, c] = [store(device, 4096), store(device, 4096), store(device, 4096)];
    const started = performance.now();
    const profile = startProfile(device);
    addInto(device, 4096, a, b);
    markPhase(device, 'forward');
    const gemm = { dims: { m: 64, n: 64, k: 64 }, operands: { a, b, c }, params: { accumulate: 0 } };
    device.run('gemmNN', gemm);
    addInto(device, 4096, a, c);
    markPhase(device, 'backward');
    device.run('gemmNN', { ...gemm, params: { accumulate: 1 } });
    await profile.stop();
    const ms = performance.now() - started;
    markPhase(device, 'later');
    addInto(device, 4096, a, b);

    expect((await device.read(c, 'f32', 0, 1))[0]).toBe(2 * 64 + 1 + 2 * 64);
    const found = profile.kernels();
    expect(new Map(found.map(({ kernel, calls }) => [kernel, calls]))).toEqual(
      new Map([
        ['gemmNN', 2],
        ['addInto', 2],
      ]),
    );
    for (const { milliseconds } of found) expect(milliseconds).toBeGreaterThan(0);
    const total = found.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    expect(total).toBeLessThan(ms);
    const [gemmFound, addFound] = ['gemmNN', 'addInto'].map((kernel) => found.find((each) => each.kernel === kernel)!);
    expect(gemmFound!.gflopPerSecond * gemmFound!.milliseconds).toBeCloseTo((2 * 2 * 64 ** 3) / 1e6, 9);
    // c is only written by the first call, read and written by the second.
    expect(gemmFound!.gbPerSecond * gemmFound!.milliseconds).toBeCloseTo((4 * 4096 * (3 + 4)) / 1e6, 9);
    expect(addFound!.gbPerSecond * addFound!.milliseconds).toBeCloseTo((2 * 3 * 4 * 4096) / 1e6, 9);
    expect([gemmFound!.bound, addFound!.bound]).toEqual(['compute', 'memory']);

    expect(profile.phases().map(({ phase }) => phase)).toEqual(['forward', 'backward']);
    const stretches = checkTrace(profile.trace(), ms);
    const named = (cat: string) => stretches.filter((each) => each.cat === cat).map((each) => each.name);
    expect(named('kernel')).toEqual(['addInto', 'gemmNN', 'addInto', 'gemmNN']);
    expect(named('phase')).toEqual(['forward', 'backward']);
    const [forward, ...more] = stretches.filter((each) => each.cat === 'phase');
    const kernels = stretches.filter((each) => each.cat === 'kernel');
    expect(forward!.ts).toBe(kernels[1]!.ts);
    expect(forward!.dur).toBeCloseTo(kernels[2]!.ts! + kernels[2]!.dur! - kernels[1]!.ts!, 6);
    expect(more[0]!.dur).toBe(kernels[3]!.dur);
    kernels.slice(1).forEach((each, i) => {
      expect(each.ts! + 1e-3, `${name}: kernels run one after the other`).toBeGreaterThanOrEqual(
        kernels[i]!.ts! + kernels[i]!.dur!,
      );
    });
    expect(kernels[1]!.args).toEqual({ m: 64, n: 64, k: 64 });
    for (const storage of [a, b, c]) device.free(storage);
  });

  it('reset forgets what was before, work under way included', async () => {
    const device = backend();
    const [x, y] = [store(device, 8), store(device, 8)];
    const profile = startProfile(device);
    addInto(device, 8, x, y);
    profile.reset();
    addInto(device, 8, x, y);
    await profile.stop();
    expect(profile.kernels()).toMatchObject([{ kernel: 'addInto', calls: 1 }]);
    expect(profile.trace().traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(1);
    device.free(x);
    device.free(y);
  });

  it('is one a device: a second one is refused until the first is stopped', async () => {
    const device = backend();
    const [x, y] = [store(device, 8), store(device, 8)];
    const first = startProfile(device);
    expect(() => startProfile(device)).toThrow(OptionError);
    addInto(device, 8, x, y);
    await first.stop();
    expect(first.kernels()).toMatchObject([{ kernel: 'addInto', calls: 1 }]);
    const second = startProfile(device);
    await first.stop();
    addInto(device, 8, x, y);
    await second.stop();
    expect(second.kernels()).toMatchObject([{ kernel: 'addInto', calls: 1 }]);
    for (const storage of [x, y]) device.free(storage);
  });

  it('counts only the rows of a table that are looked up', async () => {
    const device = backend();
    const [table, y, ids] = [store(device, 100 * 4), store(device, 8), device.allocate(8, 'ids')];
    device.write(ids, Int32Array.of(7, 99));
    const profile = startProfile(device);
    device.run('embedding', { dims: { tokens: 2, rows: 100, cols: 4 }, operands: { table, ids, y }, params: {} });
    await profile.stop();
    const [{ gbPerSecond, milliseconds } = expect.unreachable()] = profile.kernels();
    expect(gbPerSecond * milliseconds).toBeCloseTo((2 * 2 * 4 * 4 + 2 * 4) / 1e6, 9);
    for (const storage of [table, y, ids]) device.free(storage);
  });

  it('counts the keys that attention sees, not those that a cache has room for', async () => {
    const device = backend();
    const [heads, headDim, capacity] = [2, 4, 16];
    const keyRange = device.allocate(8, 'keyRange');
    device.write(keyRange, Int32Array.of(0, capacity));
    const cases = [
      { causal: 1, past: 0, queries: 16 },
      { causal: 1, past: 0, queries: 3 },
      { causal: 1, past: 5, queries: 1 },
      { causal: 1, past: 14, queries: 4 },
      { causal: 0, past: 5, queries: 2 },
      { causal: 1, past: 0, queries: 16, span: 5 },
      { causal: 1, past: 9, queries: 3, span: 4 },
    ];
    for (const { causal, past, queries, span = 0 } of cases) {
      const reach = (i: number) => (causal ? Math.min(capacity, past + i + 1) : capacity);
      const pairs = Array.from({ length: queries }, (_, i) => Math.min(reach(i), span || capacity)).reduce(
        (sum, keys) => sum + keys,
        0,
      );
      const sizes = { q: queries * heads * headDim, k: capacity * headDim, v: capacity * headDim, bias: 1 };
      const outputs = { y: sizes.q, stats: 2 * queries * heads };
      const storages = Object.entries({ ...sizes, ...outputs }).map(([name, size]) => [name, store(device, size)]);
      const operands = { ...Object.fromEntries(storages), keyRange };
      const profile = startProfile(device);
      device.run('attention', {
        dims: { batch: 1, heads, queries, headDim, kvHeads: 1, capacity, biasHeads: 1, offsets: 1 },
        operands,
        params: { scale: 1, causal, past, span, biased: 0, origin: 0, seed: 0, threshold: 0, keepScale: 1 },
      });
      await profile.stop();
      const [{ gflopPerSecond, gbPerSecond, milliseconds } = expect.unreachable()] = profile.kernels();
      expect(gflopPerSecond * milliseconds * 1e6).toBeCloseTo(4 * heads * headDim * pairs, 6);
      const before = span === 0 ? 0 : Math.max(0, past + 1 - span);
      const floats = 2 * sizes.q + outputs.stats + 2 * (reach(queries - 1) - before) * headDim;
      expect(gbPerSecond * milliseconds * 1e6).toBeCloseTo(4 * floats + 8, 6);
      for (const [, storage] of storages) device.free(storage as Storage);
    }
    device.free(keyRange);
  });

  // So many dispatches take a software GPU minutes.
  if (name === 'WebGPU') return;
  it('keeps the first 100,000 calls of a trace and the sums of all', async () => {
    const device = backend();
    const [x, y] = [store(device, 1), store(device, 1)];
    const profile = startProfile(device);
    for (let i = 0; i < 100_010; i++) addInto(device, 1, x, y);
    await profile.stop();
    expect(profile.kernels()[0]!.calls).toBe(100_010);
    const { traceEvents, otherData } = profile.trace();
    expect(traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(100_000);
    expect(otherData).toMatchObject({ kernelCalls: 100_010, kernelCallsKept: 100_000 });
    device.free(x);
    device.free(y);
  });
});

describeWebGPU('profiles on WebGPU', () => {
  it('span several batches; those after the profile are one pass again', () =>
    withWebGPU({}, async (device) => {
      const [x, y] = [store(device, 1), store(device, 1)];
      const profile = startProfile(device);
      for (let i = 0; i < 2500; i++) addInto(device, 1, x, y);
      await profile.stop();
      expect((await device.read(y, 'f32'))[0]).toBe(2501);
      expect(profile.kernels()).toMatchObject([{ kernel: 'addInto', calls: 2500 }]);
      expect(profile.trace().traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(2500);
    }));

  it('count a call once that is cut into several dispatches', () =>
    withWebGPU({ maxBindingBytes: 1024 }, async (device) => {
      const [x, y] = [store(device, 1000), store(device, 1000)];
      const profile = startProfile(device);
      addInto(device, 1000, x, y);
      await profile.stop();
      expect(profile.kernels()).toMatchObject([{ kernel: 'addInto', calls: 1 }]);
      expect(profile.trace().traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(4);
    }));

  it('do not keep a device from being disposed of', () =>
    withWebGPU({}, async (device) => {
      const [x, y] = [store(device, 1), store(device, 1)];
      startProfile(device);
      addInto(device, 1, x, y);
      device.submit();
    }));

  it('need timestamp queries, and say so', async () => {
    const gpu = await openGPU();
    if ('missing' in gpu) return expect.unreachable();
    const adapter = (await gpu.requestAdapter()) ?? expect.unreachable();
    const device = await adapter.requestDevice();
    const backend = await openWebGPU({ device });
    expect(() => startProfile(backend)).toThrow(DeviceError);
    expect(() => startProfile(backend)).toThrow(/timestamp queries.*'wasm'/s);
    await backend.dispose();
    device.destroy();
  });
});

describe('markPhase', () => {
  it('does nothing on a device that nobody profiles', () => {
    markPhase({} as Device, 'forward');
  });
});
