import { type Device, openDevice } from 'distillm';
import { describe, expect, it } from 'vitest';
import { type BenchmarkName, benchmarks } from '../../bench/benchmarks.ts';
import { nodeAssets, peersInstalled } from '../../bench/peers/installed.ts';
import { describeWebGPU } from '../backend/webgpu/adapter.js';

/** A benchmark checks its results before it times them, and throws where they are wrong. `most`: cases to look at. */
async function check(name: BenchmarkName, device: Device, most = Infinity): Promise<void> {
  const measurements = [];
  for await (const measurement of benchmarks[name]({ device, size: 'tiny', assets: nodeAssets })) {
    if (measurements.push(measurement) === most) break;
  }
  await device.dispose();
  expect(measurements.length).toBeGreaterThan(0);
  for (const { median, min, max, ...rest } of measurements) {
    // A software adapter is never idle; every other figure is above 0.
    const positive = rest.unit === '%' ? min >= 0 : min > 0;
    expect(positive && min <= median && median <= max && max < Infinity, JSON.stringify(rest)).toBe(true);
  }
}

describe('each benchmark runs on tiny shapes', () => {
  const names = Object.keys(benchmarks).filter(
    (name) => !['gemmVariants', 'gpuTime', 'tokenizer', 'tokenizerTypes'].includes(name),
  );
  it.each([...names, ...(peersInstalled ? ['tokenizer', 'tokenizerTypes'] : [])])('%s', async (name) => {
    await check(name as BenchmarkName, await openDevice({ kind: 'wasm', wasm: { threads: 2 } }));
  });
});

describeWebGPU('the benchmarks of WebGPU', () => {
  it.each(['gemmVariants', 'gpuTime'] as const)(
    '%s',
    async (name) => {
      // A product as chosen, then with each tile; a software adapter compiles each of them for a second.
      await check(name, await openDevice({ kind: 'webgpu', webgpu: { allowSoftware: true } }), 5);
    },
    120_000,
  );
});
