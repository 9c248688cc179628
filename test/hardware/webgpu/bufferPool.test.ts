import { describe, expect, it } from 'vitest';
import { LimitError } from '../../../src/errors.js';
import { createBufferPool, sizeClass } from '../../../src/hardware/webgpu/bufferPool.js';

/** A device that only makes buffers, has no memory for those of `none` bytes, and remembers which were destroyed. */
function fakeDevice(maxBufferSize: number, none?: number) {
  const destroyed: number[] = [];
  let last = 0;
  const device = {
    limits: { maxBufferSize },
    createBuffer: ({ label, size }: GPUBufferDescriptor) => {
      last = size;
      return { label, size, destroy: () => destroyed.push(size) };
    },
    pushErrorScope: () => {},
    popErrorScope: async () => (last === none ? { message: 'no memory' } : null),
  };
  return { device: device as unknown as GPUDevice, destroyed };
}
const MiB = 2 ** 20;

describe('sizeClass', () => {
  it('wastes at most a fifth, in multiples of 4 bytes, and never exceeds the largest', () => {
    for (const bytes of [4, 255, 256, 257, 1000, 1028, 5000, 123_456, 10 * MiB + 4]) {
      const size = sizeClass(bytes, 256 * MiB);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 4).toBe(0);
      if (bytes > 2048) expect((size - bytes) / size).toBeLessThanOrEqual(0.2);
    }
    expect(sizeClass(250 * MiB, 251 * MiB)).toBe(251 * MiB);
  });
});

describe('createBufferPool', () => {
  it('hands a released buffer out again, to sizes of the same class only', () => {
    const pool = createBufferPool(fakeDevice(MiB).device);
    const first = pool.acquire(1000, 'a');
    pool.release(first);
    expect(pool.acquire(900, 'b')).toBe(first);
    expect(pool.acquire(900, 'c')).not.toBe(first);
    expect(pool.acquire(5000, 'd').capacity).toBeGreaterThanOrEqual(5000);
    expect(pool.counts()).toEqual({ created: 3, idle: 0 });
  });

  it('labels a buffer for what it holds now', () => {
    const pool = createBufferPool(fakeDevice(MiB).device);
    const buffer = pool.acquire(1000, 'old');
    pool.release(buffer);
    pool.acquire(1000, 'new');
    expect(buffer.gpu.label).toBe('new');
  });

  it('counts live bytes and their peak', () => {
    const pool = createBufferPool(fakeDevice(MiB).device);
    const [a, b] = [pool.acquire(1024, 'a'), pool.acquire(2048, 'b')];
    pool.release(a);
    pool.release(b);
    pool.acquire(1024, 'c');
    expect(pool.memory()).toEqual({
      liveBytes: 1024,
      peakBytes: 3072,
      heldBytes: 3072,
      reachedBytes: 3072,
      liveStorages: 1,
    });
  });

  it('refuses a buffer over the limit with both numbers', () => {
    const pool = createBufferPool(fakeDevice(MiB).device);
    expect(() => pool.acquire(MiB + 4, 'lm_head.weight')).toThrow(LimitError);
    expect(() => pool.acquire(3 * MiB, 'lm_head.weight')).toThrow(/'lm_head.weight' needs 3\.0 MiB.*allows 1\.0 MiB/);
    const numbers = expect.objectContaining({ found: 3 * MiB, expected: MiB });
    expect(() => pool.acquire(3 * MiB, 'large')).toThrow(numbers);
    // Rounded, both would be 1.0 MiB.
    expect(() => pool.acquire(MiB + 4, 'x')).toThrow('needs 1048580 bytes, this adapter allows 1048576 bytes a buffer');
  });

  it('keeps what is live at the height of a step, so that the next step makes no buffers', () => {
    const { device, destroyed } = fakeDevice(64 * MiB);
    const pool = createBufferPool(device, { idleBytesAllowed: MiB });
    for (let step = 0; step < 100; step++) {
      const buffers = [1, 2, 3, 4].map((n) => pool.acquire(n * MiB, `${n} MiB`));
      for (const buffer of buffers) {
        pool.release(buffer);
        expect(pool.trim()).toBe(false);
      }
    }
    expect(destroyed).toEqual([]);
    expect(pool.counts().created).toBe(4);
  });

  it('trims idle buffers, longest unused first, once more is held than was live at once and some', () => {
    const { device, destroyed } = fakeDevice(64 * MiB);
    const pool = createBufferPool(device, { idleBytesAllowed: MiB });
    for (const n of [5, 6, 7]) pool.release(pool.acquire(n * MiB, `${n} MiB`));
    expect(pool.memory()).toMatchObject({ peakBytes: 7 * MiB, heldBytes: 18 * MiB });
    expect(pool.trim()).toBe(true);
    expect(destroyed).toEqual([5 * MiB, 6 * MiB, 7 * MiB]);
  });

  it('forgets a height that does not come again', () => {
    const { device, destroyed } = fakeDevice(64 * MiB);
    const pool = createBufferPool(device, { idleBytesAllowed: MiB });
    pool.release(pool.acquire(32 * MiB, 'of one large step'));
    const live = pool.acquire(MiB, 'live');
    let submissions = 1;
    while (!pool.trim()) submissions++;
    expect(destroyed).toEqual([32 * MiB]);
    expect(submissions).toBeGreaterThan(100);
    expect(submissions).toBeLessThan(1000);
    pool.release(live);
    expect(pool.trim()).toBe(false);
  });

  it('tells of a buffer for which there was no memory, never hands it out again, and gives up idle ones', async () => {
    const { device, destroyed } = fakeDevice(MiB, 4096);
    const told: string[] = [];
    const pool = createBufferPool(device, { onNoMemory: (why) => told.push(why) });
    pool.release(pool.acquire(1024, 'idle'));
    const [held, released] = [pool.acquire(4096, 'held'), pool.acquire(4096, 'released')];
    pool.release(released);
    await Promise.resolve();
    await Promise.resolve();
    expect(told).toEqual(['no memory', 'no memory']);
    pool.release(held);
    expect(destroyed).toEqual([4096, 4096]);
    expect(pool.acquire(4096, 'next')).not.toBe(held);
    expect(pool.trim()).toBe(true);
    expect(destroyed).toEqual([4096, 4096, 1024]);
    expect(pool.trim()).toBe(false);
  });
});
