import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { type KernelVerdict, keepVerification, keptVerification, verifyDevice } from '../../src/entries/testing.js';
import { f16ToF32, f32ToF16 } from '../../src/halfFloats.js';

let device: Device;
let folder: string;
beforeAll(async () => {
  device = await openWasm({ threads: 2 });
  folder = await mkdtemp(join(tmpdir(), 'distillm-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
  await device.dispose();
});

async function verdictsOf(on: Device, options: Parameters<typeof verifyDevice>[1]): Promise<KernelVerdict[]> {
  const verdicts: KernelVerdict[] = [];
  for await (const verdict of verifyDevice(on, options)) verdicts.push(verdict);
  return verdicts;
}

describe('verifyDevice', () => {
  it('finds the kernels of a working device right, by name and format, with a rate', async () => {
    const verdicts = await verdictsOf(device, { kernels: 'gemmNT', most: 3 });
    expect(verdicts.map(({ kernel, format }) => [kernel, format])).toEqual([
      ['gemmNT', 'f32'],
      ['gemmNTF16', 'f16'],
      ['gemmNTInt8', 'int8'],
      ['gemmNTInt4', 'int4'],
    ]);
    for (const { used, cases, rate, failure } of verdicts) {
      expect(failure).toBeUndefined();
      expect(used > 0 && used <= 1).toBe(true);
      expect(cases).toBe(3);
      expect(rate?.value).toBeGreaterThan(0);
    }
    expect(device.memory().liveStorages).toBe(0);
  });

  it('gives products on subgroup matrices, which round the left operand to f16, one that f16 holds', async () => {
    const exact: Record<string, boolean> = {};
    const watched = (kernel: string, gemm: object) => ({
      ...device,
      ...{ gemm },
      write(...[storage, data, offset]: Parameters<Device['write']>) {
        if (storage.label === 'test.a')
          exact[kernel] = (data as Float32Array).every(
            (value) => value < -1e30 || f16ToF32(f32ToF16(Float32Array.of(value)))[0] === value,
          );
        device.write(storage, data, offset);
      },
    });
    for (const kernel of ['gemmNNF16', 'gemmNNInt8']) {
      const [verdict] = await verdictsOf(watched(kernel, { matrixUnit: {} }), { kernels: kernel, most: 2 });
      expect(verdict?.failure).toBeUndefined();
    }
    await verdictsOf(watched('on threads', {}), { kernels: 'gemmNNF16', most: 2 });
    expect(exact).toEqual({ gemmNNF16: true, gemmNNInt8: false, 'on threads': false });
  });

  it('runs products of a GPU once more with each tile, whose choice depends on sizes that cases do not have', async () => {
    const forced: unknown[] = [];
    const gemm = { forced: undefined as unknown, matrixUnit: undefined };
    const gpu = {
      ...device,
      gemm,
      run(...[kernel, call]: Parameters<Device['run']>) {
        if (!forced.includes(gemm.forced)) forced.push(gemm.forced);
        device.run(kernel, call);
      },
    };
    const [verdict] = await verdictsOf(gpu, { kernels: 'linearNN' });
    expect(verdict?.failure).toBeUndefined();
    expect(forced).toEqual([
      undefined,
      ...['large', 'medium', 'small'].flatMap((tile) => [1, 2].map((parts) => ({ tile, parts }))),
    ]);
    expect(gemm.forced).toBeUndefined();
    // A fault in one of them is named.
    const wrong = {
      ...gpu,
      read: async (...what: Parameters<Device['read']>) => {
        const data = await device.read(...what);
        return Object(gemm.forced).tile === 'large' && what[0].label === 'test.c' ? data.fill(0) : data;
      },
    };
    const [found] = await verdictsOf(wrong as Device, { kernels: 'linearNN' });
    expect(found?.failure).toContain('large tiles, 1 parts of k');
  });

  it.each([
    ['computes another thing', 'y[', (spoiled: Float32Array) => spoiled.map((value) => value + 1)],
    ['writes past the end', 'wrote past the end', undefined],
  ])('names the kernel, the case and the element of a device that %s', async (_, said, spoil) => {
    const wrong: Device = {
      ...device,
      async read(storage, dtype, offset, elements) {
        const data = await device.read(storage, dtype, offset, elements);
        if (storage.label !== 'test.y') return data;
        if (!spoil) return data.fill(0) as typeof data;
        // The guards after the elements stay as they were.
        const spoiled = spoil(data as Float32Array);
        return data.map((value, i) => (value < -1e30 ? value : (spoiled[i] as number))) as typeof data;
      },
    };
    const [verdict] = await verdictsOf(wrong, { kernels: 'relu', most: 2 });
    expect(verdict?.kernel).toBe('relu');
    expect(verdict?.used).toBeGreaterThan(1);
    expect(verdict?.failure).toContain(said);
  });

  it('is kept by device, and a file that was cut is as good as none', async () => {
    expect(await keptVerification('GPU A')).toBeUndefined();
    await keepVerification('GPU A', { date: '2026-01-01T00:00:00.000Z', failed: 2 });
    await keepVerification('GPU B', { date: '2026-01-02T00:00:00.000Z', failed: 0 });
    expect(await keptVerification('GPU A')).toEqual({ date: '2026-01-01T00:00:00.000Z', failed: 2 });
    await writeFile(join(folder, 'distillm', 'verified.json'), '{"GPU A": {"da');
    expect(await keptVerification('GPU A')).toBeUndefined();
  });
});
