import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openGPU } from '#platform';
import type { KernelCall, Storage } from '../../../src/backend/backend.js';
import type { WebGPUDevice } from '../../../src/backend/webgpu/device.js';
import { openWebGPU } from '../../../src/backend/webgpu/index.js';
import type { WebGPUOptions } from '../../../src/backend/webgpu/options.js';
import { DeviceError, DisposedError, LimitError, OptionError } from '../../../src/errors.js';
import { describeWebGPU, withWebGPU } from './adapter.js';

const store = (backend: WebGPUDevice, values: readonly number[], label = 'values') => {
  const storage = backend.allocate(4 * values.length, label);
  backend.write(storage, Float32Array.from(values));
  return storage;
};
const add = (backend: WebGPUDevice, size: number, operands: KernelCall<'add'>['operands']) =>
  backend.run('add', { dims: { size }, operands, params: {} });

/** Dawn aborts the process when its entry object is collected while a device of it lives: these outlive the tests. */
const entries: GPU[] = [];

async function openDevice(): Promise<{ gpu: GPU; device: GPUDevice }> {
  const gpu = await openGPU();
  if ('missing' in gpu) throw new Error(gpu.missing);
  entries.push(gpu);
  const device = await (await gpu.requestAdapter())?.requestDevice();
  if (!device) throw new Error('no adapter');
  return { gpu, device };
}

describeWebGPU('order of queued work', () => {
  it('a write after a dispatch does not reach what the dispatch reads, one before it does', () =>
    withWebGPU({}, async (backend) => {
      const a = store(backend, [1, 2]);
      const b = store(backend, [10, 20]);
      const [y, z] = [store(backend, [0, 0]), store(backend, [0, 0])];
      add(backend, 2, { a, b, y });
      backend.write(a, Float32Array.of(3, 4));
      add(backend, 2, { a, b, y: z });
      backend.write(a, Float32Array.of(5, 6));
      expect(await backend.read(y, 'f32')).toEqual(Float32Array.of(11, 22));
      expect(await backend.read(z, 'f32')).toEqual(Float32Array.of(13, 24));
      expect(await backend.read(a, 'f32')).toEqual(Float32Array.of(5, 6));
      // all of it in the batch that the first read handed over
      expect(backend.counts().submissions).toBe(3);
    }));

  it('a write too large for the staging buffer keeps the order too', () =>
    withWebGPU({}, async (backend) => {
      const size = 2 ** 19;
      const a = backend.allocate(4 * size, 'a');
      const b = backend.allocate(4 * size, 'b');
      const y = backend.allocate(4 * size, 'y');
      backend.write(a, new Float32Array(size).fill(1));
      backend.clear(b);
      add(backend, size, { a, b, y });
      backend.write(a, new Float32Array(size).fill(2));
      expect((await backend.read(y, 'f32', 4 * (size - 1), 1))[0]).toBe(1);
      expect((await backend.read(a, 'f32', 0, 1))[0]).toBe(2);
    }));

  it('the caller may change its array once write has returned', () =>
    withWebGPU({}, async (backend) => {
      const [a, b, y] = [store(backend, [1]), store(backend, [1]), store(backend, [0])];
      add(backend, 1, { a, b, y });
      const data = Float32Array.of(7);
      backend.write(a, data);
      data[0] = 9;
      expect((await backend.read(a, 'f32'))[0]).toBe(7);
    }));

  it('copies and clears happen between the dispatches around them', () =>
    withWebGPU({}, async (backend) => {
      const [a, b, y] = [store(backend, [1, 2]), store(backend, [10, 20]), store(backend, [0, 0])];
      add(backend, 2, { a, b, y });
      backend.copy(y, 4, a, 0, 4);
      backend.clear(b);
      add(backend, 2, { a, b, y });
      expect(await backend.read(y, 'f32')).toEqual(Float32Array.of(22, 2));
    }));

  it('a freed buffer may be used again while its last reader is still queued', () =>
    withWebGPU({}, async (backend) => {
      const [a, b] = [store(backend, [1, 2]), store(backend, [10, 20])];
      const y = store(backend, [0, 0]);
      add(backend, 2, { a, b, y });
      backend.free(a);
      store(backend, [500, 600]);
      expect(backend.counts().created).toBe(3);
      expect(await backend.read(y, 'f32')).toEqual(Float32Array.of(11, 22));
    }));

  it('more dispatches than one batch holds: uniforms are not overwritten, submissions stay few', () =>
    withWebGPU({}, async (backend) => {
      const [x, y] = [store(backend, [1]), store(backend, [0])];
      let want = 0;
      for (let i = 0; i < 2500; i++) {
        backend.run('addInto', { dims: { size: 1 }, operands: { x, y }, params: { scale: i % 7 } });
        want += i % 7;
      }
      expect((await backend.read(y, 'f32'))[0]).toBe(want);
      // 32, 64, ... 1024, and the rest
      expect(backend.counts().submissions).toBe(7);
      // after a read the GPU waits: it gets the first 32 at once
      for (let i = 0; i < 33; i++) {
        backend.run('addInto', { dims: { size: 1 }, operands: { x, y }, params: { scale: 1 } });
      }
      expect(backend.counts().submissions).toBe(8);
      expect((await backend.read(y, 'f32'))[0]).toBe(want + 33);
    }));

  it('reads parts, several at once, as the dtype that is asked for', () =>
    withWebGPU({}, async (backend) => {
      const storage = store(backend, [1, 2, 3, 4]);
      const [tail, bits] = await Promise.all([backend.read(storage, 'f32', 8, 2), backend.read(storage, 'u32', 0, 1)]);
      expect(tail).toEqual(Float32Array.of(3, 4));
      expect(bits).toEqual(Uint32Array.of(0x3f800000));
    }));
});

describeWebGPU('memory', () => {
  it('does not grow from step to step', () =>
    withWebGPU({}, async (backend) => {
      const [a, b] = [store(backend, [1, 2]), store(backend, [3, 4])];
      const step = async () => {
        const y = backend.allocate(8, 'y');
        add(backend, 2, { a, b, y });
        await backend.read(y, 'f32');
        backend.free(y);
      };
      await step();
      const { created } = backend.counts();
      const { peakBytes } = backend.memory();
      for (let i = 0; i < 20; i++) await step();
      expect(backend.counts().created).toBe(created);
      expect(backend.memory()).toMatchObject({ liveBytes: 512, peakBytes, liveStorages: 2 });
    }));
});

describeWebGPU('errors', () => {
  it('a storage over the largest buffer is a LimitError with the numbers', () =>
    withWebGPU({}, async (backend) => {
      expect(backend.info.maxStorageBytes).toBe(256 * 2 ** 20);
      expect(() => backend.allocate(257 * 2 ** 20, 'wte.weight')).toThrow(LimitError);
      expect(() => backend.allocate(257 * 2 ** 20, 'wte.weight')).toThrow(/257\.0 MiB.*256\.0 MiB/);
    }));

  it('a head dimension over 256 is a LimitError', () =>
    withWebGPU({}, async (backend) => {
      const dims = { batch: 1, heads: 1, queries: 1, headDim: 257, kvHeads: 1, capacity: 1, biasHeads: 1, offsets: 1 };
      const operands = Object.fromEntries(
        ['q', 'k', 'v', 'bias', 'keyRange', 'y', 'stats'].map((name) => [name, backend.allocate(4 * 257, name)]),
      );
      const params = {
        scale: 1,
        causal: 0,
        past: 0,
        span: 0,
        origin: 0,
        seed: 0,
        threshold: 0,
        keepScale: 1,
        biased: 0,
      };
      expect(() => backend.run('attention', { dims, operands: operands as never, params })).toThrow(/headDim is 257/);
    }));

  it('an error that the device reports surfaces at the next finish, once', () =>
    withWebGPU({}, async (backend) => {
      const y = store(backend, [0]);
      backend.copy(y, 0, store(backend, [0]), 4096, 4);
      await expect(backend.finish()).rejects.toThrow(DeviceError);
      await backend.finish();
    }));

  it('a buffer for which the GPU has no memory is a LimitError of the next read, once, and is not used again', async () => {
    const { device } = await openDevice();
    const pop = device.popErrorScope.bind(device);
    let isFull = false;
    device.popErrorScope = () => {
      const message = isFull ? 'a test' : undefined;
      return pop().then((error) => (message === undefined ? error : ({ message } as GPUError)));
    };
    const backend = await openWebGPU({ device });
    const a = store(backend, [1, 2]);
    isFull = true;
    const hollow = backend.allocate(2 ** 20, 'hollow');
    isFull = false;
    await expect(backend.read(a, 'f32')).rejects.toThrow(
      /^webgpu: out of device memory with 1\.0 MiB in use: a test\. Use smaller batches or a smaller model\.$/,
    );
    expect(await backend.read(a, 'f32')).toEqual(Float32Array.of(1, 2));
    const { created } = backend.counts();
    backend.free(hollow);
    backend.free(backend.allocate(2 ** 20, 'next'));
    expect(backend.counts()).toMatchObject({ created: created + 1, idle: 1 });
    await backend.dispose();
    device.destroy();
  });

  it('a software adapter is taken only when asked for', async () => {
    const { gpu, device } = await openDevice();
    const info = (await gpu.requestAdapter())?.info;
    device.destroy();
    if (!info?.isFallbackAdapter) return;
    await expect(openWebGPU()).rejects.toThrow(/software adapter.*allowSoftware/);
  });

  it('a lost device: later calls throw DeviceError with the reason', async () => {
    const { device } = await openDevice();
    const backend = await openWebGPU({ device });
    const storage = store(backend, [1]);
    device.destroy();
    await device.lost;
    await Promise.resolve();
    expect(() => backend.write(storage, Float32Array.of(2))).toThrow(DeviceError);
    expect(() => backend.submit()).toThrow(/lost \(destroyed\)/);
    await expect(backend.read(storage, 'f32')).rejects.toThrow(DeviceError);
    await backend.dispose();
  });

  it('use after dispose and after free is a DisposedError; both twice are harmless', async () => {
    await withWebGPU({}, async (backend) => {
      const storage = store(backend, [1]);
      backend.free(storage);
      backend.free(storage);
      expect(() => backend.write(storage, Float32Array.of(1))).toThrow(DisposedError);
      expect(backend.memory().liveStorages).toBe(0);
      await backend.dispose();
      await backend.dispose();
      expect(() => backend.allocate(4, 'late')).toThrow(DisposedError);
      await expect(backend.finish()).rejects.toThrow(DisposedError);
    });
  });
});

describeWebGPU('dispose', () => {
  it('waits for work that is under way', async () => {
    for (let i = 0; i < 10; i++) {
      await withWebGPU({}, async (backend) => {
        const [a, b, y] = ['a', 'b', 'y'].map((label) => backend.allocate(4 << 16, label)) as [
          Storage,
          Storage,
          Storage,
        ];
        for (let j = 0; j < 20; j++) add(backend, 1 << 16, { a, b, y });
        backend.submit();
      });
    }
  });
});

describeWebGPU('a device that the caller made', () => {
  it('is used, and still works after dispose', async () => {
    const { device } = await openDevice();
    const backend = await openWebGPU({ device });
    expect(await backend.read(store(backend, [1, 2]), 'f32')).toEqual(Float32Array.of(1, 2));
    await backend.dispose();
    const again = await openWebGPU({ device });
    expect(await again.read(store(again, [3]), 'f32')).toEqual(Float32Array.of(3));
    await again.dispose();
    device.destroy();
  });
});

it.each<WebGPUOptions>([
  { rowThreads: 100 },
  { rowThreads: 512 },
  { rowThreads: Number.NaN },
  { maxBindingBytes: 255 },
  { maxBindingBytes: Number.NaN },
  { maxGroupsPerSide: 0 },
  { maxGroupsPerSide: 1.5 },
])('%o is an OptionError, whether there is an adapter or not', async (options) => {
  await expect(openWebGPU(options)).rejects.toThrow(OptionError);
});

describeWebGPU('limits', () => {
  it("'default' asks for no more than every adapter has, 'adapter' for what this one has", async () => {
    await withWebGPU({ limits: 'default' }, async ({ info }) => expect(info.maxStorageBytes).toBe(2 ** 28));
    const { gpu, device } = await openDevice();
    const adapter = await gpu.requestAdapter();
    device.destroy();
    await withWebGPU({ limits: 'adapter' }, async ({ info }) =>
      expect(info.maxStorageBytes).toBe(adapter?.limits.maxBufferSize),
    );
  });
});

describeWebGPU('process', () => {
  for (const last of ['disposes of the device', 'forgets to', 'drops devices that are at work']) {
    it(`exits by itself when it ${last}`, () => {
      const script = fileURLToPath(new URL('./exits.ts', import.meta.url));
      const { status, stdout, stderr, signal } = spawnSync(
        process.execPath,
        ['node_modules/vite-node/vite-node.mjs', '--config', 'vitest.config.ts', script, last],
        { encoding: 'utf8', timeout: 50_000 },
      );
      expect({ status, signal, stdout, stderr }).toMatchObject({ status: 0, signal: null, stdout: 'sum 11\n' });
    }, 60_000);
  }
});
