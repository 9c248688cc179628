import { openDevice } from 'distillm';
import { describe, expect, it } from 'vitest';
import { type BenchmarkName, benchmarks } from '../../bench/benchmarks/index.ts';
import { nodeAssets, peersInstalled } from '../../bench/peerPackages.ts';

// Each checks its results before it times them, and throws where they are wrong.
describe('each benchmark runs on tiny shapes', () => {
  const names = Object.keys(benchmarks).filter((name) => name !== 'gemmWebGPU' && name !== 'tokenizer');
  it.each([...names, ...(peersInstalled ? ['tokenizer'] : [])])('%s', async (name) => {
    const device = await openDevice('wasm', { wasm: { threads: 2 } });
    const measurements = [];
    const run = benchmarks[name as BenchmarkName]({ device, size: 'tiny', assets: nodeAssets });
    for await (const measurement of run) measurements.push(measurement);
    await device.dispose();
    expect(measurements.length).toBeGreaterThan(0);
    for (const { median, min, max, ...rest } of measurements) {
      expect(min > 0 && min <= median && median <= max && max < Infinity, JSON.stringify(rest)).toBe(true);
    }
  });
});
