import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tuneDevice } from '../../../src/backend/tuneDevice.js';
import { openWasm } from '../../../src/backend/wasm/index.js';
import { floatTiles, gemmRates, ratesOf } from '../../../src/backend/webgpu/products/variants.js';
import { DeviceError } from '../../../src/errors.js';
import { describeWebGPU, withWebGPU } from './adapter.js';

/** The user's cache, for the length of a test. */
let folder: string;
const before = process.env.XDG_CACHE_HOME;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-tune-'));
  process.env.XDG_CACHE_HOME = folder;
});
afterEach(async () => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  await rm(folder, { recursive: true });
});

describeWebGPU('tuneDevice', () => {
  it('measures every tile, and devices that are opened later take what was kept', async () => {
    const { rates, keptIn, table, adapter } = await withWebGPU({}, async (device) => {
      const { software } = device.info;
      const table = device.gemm.rates;
      if (software) expect(table).toEqual(gemmRates.software);
      const tuned = await tuneDevice(device, { milliseconds: 0, side: 32 });
      expect(device.gemm.rates).toEqual(ratesOf(table, tuned.rates));
      expect(device.gemm.forced).toBeUndefined();
      expect(device.memory().liveStorages).toBe(0);
      return { ...tuned, table, adapter: device.gemm.adapter };
    });
    expect(Object.keys(rates.tiles)).toEqual(floatTiles);
    for (const { gflops, groups } of Object.values(rates.tiles)) {
      expect(gflops).toBeGreaterThan(0);
      expect(groups).toBeGreaterThanOrEqual(1);
    }
    expect(keptIn).toBe(join(folder, 'distillm', 'gemm-rates.json'));
    const kept = JSON.parse(await readFile(keptIn, 'utf8'));
    expect(kept).toEqual({ [adapter]: { ...rates, shaders: expect.any(String) } });
    await withWebGPU({}, async (device) => expect(device.gemm.rates).toEqual(ratesOf(table, rates)));

    // What is no table of rates, or one of other shaders or of another adapter, is not taken.
    for (const text of [
      JSON.stringify({ [adapter]: { ...kept[adapter], tiles: { large: rates.tiles.large } } }),
      JSON.stringify({ [adapter]: { ...kept[adapter], shaders: 'others' } }),
      JSON.stringify({ 'another adapter': kept[adapter] }),
      '{ "cut',
    ]) {
      await writeFile(keptIn, text);
      await withWebGPU({}, async (device) => expect(device.gemm.rates).toEqual(table));
    }
  }, 120_000);
});

it('a device without variants is a DeviceError', async () => {
  const device = await openWasm({ threads: 1 });
  await expect(tuneDevice(device)).rejects.toThrow(DeviceError);
  await expect(tuneDevice(device)).rejects.toThrow(/found a 'wasm' device, expected 'webgpu'/);
  await device.dispose();
});
