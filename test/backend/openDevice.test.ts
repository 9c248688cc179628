/** What 'auto' takes where the browser or the driver fails in some other way than by having no adapter. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openDevice } from '../../src/backend/openDevice.js';
import { DeviceError } from '../../src/errors.js';

const platform = vi.hoisted(() => ({ gpu: {} as Record<string, unknown>, workers: 'start' }));
vi.mock('#platform', async (original) => {
  const real = await original<typeof import('#platform')>();
  return {
    ...real,
    mayHaveGPU: () => true,
    openGPU: async () => platform.gpu,
    spawnWorker(source: string, listeners: Parameters<typeof real.spawnWorker>[1]) {
      if (platform.workers === 'start') return real.spawnWorker(source, listeners);
      if (platform.workers === 'throw') throw new Error('forbidden here');
      setTimeout(() => listeners.died('its script did not load'));
      return { post() {}, unref() {}, terminate: async () => {}, alive: () => false };
    },
  };
});

const info = { vendor: 'nvidia', architecture: 'ada', device: '', description: '' };
const adapter = { info, limits: {}, features: new Set(), requestDevice: async () => Promise.reject('no memory') };
const failing: readonly (readonly [what: string, gpu: Record<string, unknown>, said: RegExp])[] = [
  [
    'requestAdapter rejects',
    { requestAdapter: async () => Promise.reject(new Error('lost')) },
    /requestAdapter failed \(lost\)/,
  ],
  [
    'requestAdapter throws',
    {
      requestAdapter() {
        throw new TypeError('forbidden here');
      },
    },
    /requestAdapter failed \(forbidden here\)/,
  ],
  ['requestDevice rejects', { requestAdapter: async () => adapter }, /requestDevice failed \(no memory\)/],
];

describe.each(failing)('where %s', (_, gpu, said) => {
  afterEach(() => {
    platform.gpu = {};
  });

  it("'auto' takes WebAssembly", async () => {
    platform.gpu = gpu;
    const device = await openDevice({ wasm: { threads: 1 } });
    expect(device.info.kind).toBe('wasm');
    expect(device.info.noGPUBecause).toMatch(said);
    await device.dispose();
  });

  it("'webgpu' is a DeviceError that says so", async () => {
    platform.gpu = gpu;
    const refused = openDevice({ kind: 'webgpu' });
    await expect(refused).rejects.toThrow(DeviceError);
    await expect(refused).rejects.toThrow(said);
  });
});

describe.each([
  ['throw', 'Error: forbidden here'],
  ['die', 'its script did not load'],
])('where workers %s', (workers, why) => {
  afterEach(() => {
    platform.workers = 'start';
    vi.restoreAllMocks();
  });

  it('WebAssembly goes on with one thread, and says why', async () => {
    platform.workers = workers;
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 3 } });
    expect(device.info.threads).toBe(1);
    expect(device.info.oneThreadBecause).toBe(`Worker thread 1 did not start: ${why}.`);
    expect(warn.mock.calls).toEqual([[`Worker thread 1 did not start: ${why}. Going on with one thread.`]]);
    await device.dispose();
  });
});
