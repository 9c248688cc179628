import { describe, expect, it, vi } from 'vitest';
import { LimitError } from '../../../src/errors.js';
import { createPlannedMemory } from '../../../src/hardware/wasm/allocator.js';
import { createLinearMemory } from '../../../src/hardware/wasm/memory.js';
import { createRandom } from '../../../src/testing/random.js';

const MiB = 1024 * 1024;

describe.each([true, false])('linear memory, shared %s', (shared) => {
  it('gives aligned memory that does not overlap, and takes it back', () => {
    const memory = createLinearMemory({ shared, maxBytes: 256 * MiB });
    const random = createRandom(3);
    const live = new Map<number, number>();
    for (let turn = 0; turn < 4000; turn++) {
      if (random.uniform() < 0.55 || live.size === 0) {
        const size = 1 + Math.floor(random.uniform() ** 4 * 300_000);
        const pointer = memory.allocate(size, 'block');
        expect(pointer % 64).toBe(0);
        expect(pointer).toBeGreaterThan(0);
        expect(pointer + size).toBeLessThanOrEqual(memory.memory.buffer.byteLength);
        live.set(pointer, size);
      } else {
        const pointer = [...live.keys()][Math.floor(random.uniform() * live.size)]!;
        memory.free(pointer);
        live.delete(pointer);
      }
    }
    const sorted = [...live].sort(([a], [b]) => a - b);
    sorted.forEach(([pointer, size], i) => {
      if (i + 1 < sorted.length) expect(pointer + size).toBeLessThanOrEqual(sorted[i + 1]![0]);
    });
    for (const pointer of live.keys()) memory.free(pointer);
    expect(memory.usedBytes).toBe(0);
    // All free neighbours have merged: nearly everything can be had in one piece, without growing.
    const { byteLength } = memory.memory.buffer;
    memory.allocate(byteLength - 4096, 'all');
    expect(memory.memory.buffer.byteLength).toBe(byteLength);
  });

  it('reuses freed memory: repeating a step does not grow it', () => {
    const memory = createLinearMemory({ shared, maxBytes: 256 * MiB });
    const step = () => {
      const pointers = [3 * MiB, 100, 7 * MiB, 5000, 11 * MiB].map((size) => memory.allocate(size, 'step'));
      for (const pointer of pointers) memory.free(pointer);
    };
    step();
    const { byteLength } = memory.memory.buffer;
    for (let turn = 0; turn < 100; turn++) step();
    expect(memory.memory.buffer.byteLength).toBe(byteLength);
  });

  it('grows in few steps, also near its end', () => {
    const memory = createLinearMemory({ shared, maxBytes: 256 * MiB });
    const grow = vi.spyOn(memory.memory, 'grow');
    for (let i = 0; i < 255; i++) memory.allocate(MiB, 'storage');
    expect(memory.heldBytes).toBe(256 * MiB);
    expect(grow.mock.calls.length).toBeLessThan(15);
    expect(() => memory.allocate(MiB, 'storage')).toThrow(LimitError);
  });

  it('has room for what is reserved without growing again; more than there may be is left to what needs it', () => {
    const memory = createLinearMemory({ shared, maxBytes: 256 * MiB });
    memory.reserve(100 * MiB);
    memory.reserve(50 * MiB);
    expect([memory.heldBytes, memory.usedBytes]).toEqual([100 * MiB, 0]);
    const grow = vi.spyOn(memory.memory, 'grow');
    for (let i = 0; i < 99; i++) memory.allocate(MiB, 'storage');
    expect(grow).not.toHaveBeenCalled();
    memory.reserve(2 ** 40);
    expect(memory.heldBytes).toBe(256 * MiB);
    grow.mockImplementation(() => {
      throw new RangeError('no memory');
    });
    memory.reserve(2 ** 40);
  });

  it('gives the lowest place that is large enough, so that a step takes the places of the one before', () => {
    const memory = createLinearMemory({ shared, maxBytes: 256 * MiB });
    const weights = memory.allocate(3 * MiB, 'weights');
    const step = () => {
      const pointers = [2 * MiB, 100, 5 * MiB, 5000, 3 * MiB].map((size) => memory.allocate(size, 'step'));
      for (const at of [2, 0, 4, 1, 3]) memory.free(pointers[at]!);
      return pointers;
    };
    const [first, reached] = [step(), memory.reachedBytes];
    // What grows in a step and stays has a gap after it, and one before it.
    const stays = [memory.allocate(4 * MiB, 'step'), memory.allocate(MiB, 'stays')];
    memory.free(stays[0]!);
    expect(memory.allocate(2 * MiB, 'low')).toBe(weights + 3 * MiB);
    memory.free(weights + 3 * MiB);
    memory.free(stays[1]!);
    expect(step()).toEqual(first);
    expect(memory.reachedBytes).toBe(reached);
    expect(memory.allocate(MiB, 'after')).toBe(weights + 3 * MiB);
  });

  it('says with numbers when the memory is full, and goes on afterwards', () => {
    const memory = createLinearMemory({ shared, maxBytes: 64 * MiB });
    const first = memory.allocate(40 * MiB, 'weights');
    const error = (() => {
      try {
        memory.allocate(30 * MiB, 'logits');
      } catch (caught) {
        return caught;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(LimitError);
    expect((error as LimitError).message).toMatch(
      /^logits: no room for 30\.0 MiB .* 40\.0 MiB of 64\.0 MiB are in use/,
    );
    expect(error).toMatchObject({ found: 30 * MiB, expected: 24 * MiB });
    memory.free(first);
    expect(memory.allocate(30 * MiB, 'logits')).toBeGreaterThan(0);
  });

  it('refuses to free what it did not give', () => {
    const memory = createLinearMemory({ shared, maxBytes: 64 * MiB });
    const pointer = memory.allocate(100, 'x');
    expect(() => memory.free(pointer + 64)).toThrow(RangeError);
    memory.free(pointer);
    expect(() => memory.free(pointer)).toThrow(RangeError);
  });
});

it('a system that gives no addresses for the memory is a LimitError that says what to raise', () => {
  const refuse = vi.spyOn(WebAssembly, 'Memory').mockImplementation(() => {
    throw new RangeError('WebAssembly.Memory(): could not allocate memory');
  });
  const attempt = () => createLinearMemory({ shared: true });
  expect(attempt).toThrow(LimitError);
  expect(attempt).toThrow(/for a WASM device: .* 10 GB .*ulimit -v.*--disable-wasm-trap-handler/);
  refuse.mockRestore();
});

describe('a planned memory', () => {
  it('has no size that it cannot refuse, or plan', () => {
    for (const bytes of [2 ** 48, 2 ** 49, 2 ** 52]) {
      expect(() => createLinearMemory({ shared: false }).allocate(bytes, 'vast')).toThrow(LimitError);
      const planned = createPlannedMemory();
      const pointer = planned.allocate(bytes, 'vast');
      planned.free(pointer);
      expect(planned.allocate(bytes, 'vast again')).toBe(pointer);
    }
  });

  it('gives the pointers of a real one, and knows how far they reach', () => {
    const [real, planned] = [createLinearMemory({ shared: false }), createPlannedMemory()];
    const random = createRandom(5);
    const live: number[] = [];
    for (let turn = 0; turn < 3000; turn++) {
      if (random.uniform() < 0.55 || live.length === 0) {
        const size = 1 + Math.floor(random.uniform() ** 4 * 300_000);
        const pointer = planned.allocate(size, 'block');
        expect(pointer).toBe(real.allocate(size, 'block'));
        live.push(pointer);
      } else {
        const [pointer] = live.splice(Math.floor(random.uniform() * live.length), 1);
        for (const memory of [real, planned]) memory.free(pointer!);
      }
      expect(planned.reachedBytes).toBe(real.reachedBytes);
      expect(planned.heldBytes).toBe(real.memory.buffer.byteLength);
    }
    expect(planned.reachedBytes).toBeLessThanOrEqual(planned.heldBytes);
  });

  it('has no end: blocks beyond 32 bits are found again, and merge', () => {
    const memory = createPlannedMemory();
    const GiB = 2 ** 30;
    const blocks = [3 * GiB, 5 * GiB, 9 * GiB, 64].map((size) => memory.allocate(size, 'block'));
    expect(memory.usedBytes).toBe(17 * GiB + 64);
    expect(memory.reachedBytes).toBeGreaterThan(17 * GiB);
    const reached = memory.reachedBytes;
    for (const pointer of blocks.slice(0, 3)) memory.free(pointer);
    // All of them in one piece, or the one of a middling size again: where the first began.
    for (const size of [17 * GiB, 5 * GiB]) {
      const pointer = memory.allocate(size, 'again');
      expect(pointer).toBeLessThan(blocks[1]!);
      memory.free(pointer);
    }
    expect(memory.reachedBytes).toBe(reached);
  });
});
