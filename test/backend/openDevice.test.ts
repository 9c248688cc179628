/** What 'auto' takes where the browser or the driver fails in some other way than by having no adapter. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openDevice } from '../../src/backend/openDevice.js';
import { DeviceError } from '../../src/errors.js';

const platform = vi.hoisted(() => ({ gpu: {} as Record<string, unknown> }));
vi.mock('#platform', async (original) => ({
  ...(await original<typeof import('#platform')>()),
  mayHaveGPU: () => true,
  openGPU: async () => platform.gpu,
}));

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
    await device.dispose();
  });

  it("'webgpu' is a DeviceError that says so", async () => {
    platform.gpu = gpu;
    const refused = openDevice({ kind: 'webgpu' });
    await expect(refused).rejects.toThrow(DeviceError);
    await expect(refused).rejects.toThrow(said);
  });
});
