import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device, Storage } from '../../../src/backend/backend.js';
import { compileKernels } from '../../../src/backend/wasm/compile.js';
import { createDevice } from '../../../src/backend/wasm/createDevice.js';
import { openWasm } from '../../../src/backend/wasm/index.js';
import { DisposedError, OptionError } from '../../../src/errors.js';
import { createLinearMemory } from '../../../src/hardware/wasm/memory.js';
import { openPool } from '../../../src/hardware/wasm/pool.js';
import { createRandom } from '../../../src/testing/random.js';

/** m, n, k around the panels of 16, the blocks of 32, the parts of 256 and 2,048, 32 and 96 rows; segments even and uneven. */
const shapes = [
  [1, 1, 1],
  [1, 16, 32],
  [1, 17, 33],
  [1, 70, 37],
  [1, 96, 300],
  [1, 1040, 512],
  [1, 1031, 517],
  [2, 1031, 520],
  [3, 7, 5],
  [4, 48, 64],
  [5, 1024, 516],
  [8, 2050, 260],
  [13, 15, 259],
  [32, 530, 999],
  [33, 531, 11],
  [49, 35, 513],
  [100, 560, 257],
  [101, 35, 2311],
  [34, 33, 4097],
] as const;

/** Sums of 16 columns, which 256-bit vectors hold. */
async function openWide(arithmetic: 'fused' | 'plain'): Promise<Device> {
  const memory = createLinearMemory({ shared: true });
  const module = await compileKernels({ arithmetic, shared: true });
  const pool = await openPool(module, memory, 2, { wideTiles: 1 });
  return createDevice({ memory, pool }, { revectorized: false, arithmetic });
}

describe.each([
  ['one thread', () => openWasm({ threads: 1 })],
  ['two threads', () => openWasm({ threads: 2 })],
  ['plain', () => openWasm({ threads: 2, arithmetic: 'plain' })],
  ['wide sums', () => openWide('fused')],
  ['wide sums, plain', () => openWide('plain')],
])('matrices held as panels, %s', (_, open) => {
  let device: Device;
  beforeAll(async () => {
    device = await open();
  });
  afterAll(async () => {
    await device.dispose();
  });

  const { normal } = createRandom(7);
  const pool = Float32Array.from({ length: 4099 }, normal);
  let taken = 0;
  /** The same normal numbers again and again, from another one on each time. */
  const values = (length: number) => {
    const first = taken++;
    return Float32Array.from({ length }, (_, i) => pool[(first + i) % pool.length] as number);
  };
  const put = (data: Float32Array, label = 'test'): Storage => {
    const storage = device.allocate(data.byteLength, label);
    device.write(storage, data);
    return storage;
  };
  /** toEqual takes a second for a million numbers. */
  const equal = (a: Uint32Array, b: Uint32Array) => a.length === b.length && a.every((bits, i) => bits === b[i]);
  const floats = async (storage: Storage) => (await device.read(storage, 'f32')) as Float32Array;
  /** The bits of c (+)= a b, and what was added to. */
  async function product(a: Storage, b: Storage, c: Float32Array, [m, n, k]: readonly [number, number, number]) {
    const to = put(c);
    const accumulate = Number.isNaN(c[0]) ? 0 : 1;
    device.run('gemmNN', { dims: { m, n, k }, operands: { a, b, c: to }, params: { accumulate } });
    const bits = new Uint32Array((await floats(to)).buffer);
    device.free(to);
    return bits;
  }

  it.each(shapes)('gives the bits of rows, m %i, n %i, k %i', async (m, n, k) => {
    const shape = [m, n, k] as const;
    const [a, b] = [put(values(m * k)), put(values(k * n))];
    for (const c of [new Float32Array(m * n).fill(Number.NaN), values(m * n)]) {
      const panels = put(await floats(b));
      device.arrange(panels, [k, n]);
      const expected = await product(a, b, c, shape);
      expect(equal(await product(a, panels, c, shape), expected)).toBe(true);
      expect(equal(await product(a, panels, c, shape), expected), 'when they are there').toBe(true);
      device.free(panels);
    }
    for (const storage of [a, b]) device.free(storage);
    expect(device.memory().liveStorages).toBe(0);
  });

  describe('a storage that products have rearranged', () => {
    const [m, n, k] = [5, 37, 21];
    const content = values(k * n);
    const left = values(m * k);
    const none = new Float32Array(m * n).fill(Number.NaN);
    let [a, b, plain] = [] as unknown as [Storage, Storage, Storage];
    const setUp = async () => {
      [a, b, plain] = [put(left, 'a'), put(content, 'b'), put(content, 'plain')];
      device.arrange(b, [k, n]);
      await product(a, b, none, [m, n, k]);
    };
    const tearDown = () => {
      for (const storage of [a, b, plain]) device.free(storage);
      expect(device.memory()).toMatchObject({ liveStorages: 0, liveBytes: 0 });
    };
    const with_ = (name: string, work: () => Promise<void>) =>
      it(name, async () => {
        await setUp();
        await work();
        tearDown();
      });

    with_('is read as it was, whole and in part, and stays arranged', async () => {
      const before = device.memory();
      expect(await floats(b)).toEqual(content);
      expect(await device.read(b, 'f32', 4 * 30, 100)).toEqual(content.slice(30, 130));
      expect(await device.read(b, 'u32', 8, 3)).toEqual(new Uint32Array(content.buffer, 8, 3));
      await expect(device.read(b, 'f32', 4, k * n)).rejects.toThrow(OptionError);
      expect(device.memory()).toEqual(before);
    });
    with_('is what other kernels and copies find', async () => {
      const sum = device.allocate(4 * k * n, 'sum');
      device.run('add', { dims: { size: k * n }, operands: { a: b, b: plain, y: sum }, params: {} });
      expect(await floats(sum)).toEqual(content.map((value) => 2 * value));
      device.arrange(b, [k, n]);
      await product(a, b, none, [m, n, k]);
      device.copy(b, 8, sum, 4, 40);
      expect((await floats(sum)).slice(1, 11)).toEqual(content.slice(2, 12));
      device.free(sum);
    });
    with_('is multiplied transposed, in the shape of another matrix, and as a left operand', async () => {
      const x = put(values(3 * n));
      const dx = [b, plain].map((weight) => {
        const y = device.allocate(4 * 3 * k, 'dx');
        const operands = { a: x, b: weight, c: y };
        device.run('gemmNT', { dims: { m: 3, n: k, k: n }, operands, params: { accumulate: 0 } });
        return y;
      });
      expect(await floats(dx[0]!)).toEqual(await floats(dx[1]!));
      const other = put(values(2 * n));
      device.arrange(b, [k, n]);
      await product(a, b, none, [m, n, k]);
      const flipped = new Float32Array(2 * k).fill(Number.NaN);
      expect(await product(other, b, flipped, [2, k, n])).toEqual(await product(other, plain, flipped, [2, k, n]));
      device.arrange(b, [k, n]);
      await product(a, b, none, [m, n, k]);
      const square = new Float32Array(k * k).fill(Number.NaN);
      const right = put(values(n * k));
      expect(await product(b, right, square, [k, k, n])).toEqual(await product(plain, right, square, [k, k, n]));
      for (const storage of [x, ...dx, other, right]) device.free(storage);
    });
    with_('takes what is written, copied and cleared', async () => {
      const expected = async (change: (storage: Storage) => void) => {
        for (const storage of [b, plain]) change(storage);
        const bits = await product(a, plain, none, [m, n, k]);
        expect(await product(a, b, none, [m, n, k])).toEqual(bits);
        device.arrange(b, [k, n]);
        expect(await product(a, b, none, [m, n, k])).toEqual(bits);
      };
      await expected((storage) => device.write(storage, Float32Array.of(8, 9, 10), 4 * 40));
      await expected((storage) => device.copy(a, 0, storage, 16, 40));
      await expected((storage) => device.clear(storage));
    });
    with_('is multiplied by itself, onto another such one', async () => {
      const side = 48;
      const dims = { m: side, n: side, k: side };
      const matrices = [values(side * side), values(side * side)];
      const row = put(values(side));
      const [found, expected] = [true, false].map((arranged) => {
        const [square, onto] = matrices.map((matrix) => put(matrix)) as [Storage, Storage];
        const y = device.allocate(4 * side, 'y');
        for (const storage of arranged ? [square, onto] : []) {
          device.arrange(storage, [side, side]);
          device.run('gemmNN', {
            dims: { ...dims, m: 1 },
            operands: { a: row, b: storage, c: y },
            params: { accumulate: 0 },
          });
        }
        device.run('gemmNN', { dims, operands: { a: square, b: square, c: onto }, params: { accumulate: 1 } });
        for (const storage of [square, y]) device.free(storage);
        return onto;
      }) as [Storage, Storage];
      expect(await floats(found)).toEqual(await floats(expected));
      for (const storage of [row, found, expected]) device.free(storage);
    });
    with_('is a whole matrix', async () => {
      expect(() => device.arrange(plain, [k, n - 1])).toThrow(OptionError);
      expect(() => device.arrange(plain, [k + 1, n])).toThrow(/no f32 matrix \[22, 37\], which has 3256/);
    });
    with_('is freed as any other', async () => {
      device.free(b);
      expect(() => device.arrange(b, [k, n])).toThrow(DisposedError);
      const call = { dims: { m, n, k }, operands: { a, b, c: plain }, params: { accumulate: 0 } };
      expect(() => device.run('gemmNN', call)).toThrow(DisposedError);
      await expect(device.read(b, 'f32')).rejects.toThrow(DisposedError);
    });
  });
});

it('copies a matrix that is held as panels where the memory grows to put it back', async () => {
  const linear = createLinearMemory({ shared: false });
  let growing = false;
  // A memory that is not shared gets a new buffer whenever it grows, and views of the old one are empty.
  const memory = {
    ...linear,
    allocate: (byteLength: number, label: string) => {
      if (growing) linear.memory.grow(1);
      return linear.allocate(byteLength, label);
    },
  };
  const pool = await openPool(await compileKernels({ arithmetic: 'plain', shared: false }), linear, 1, {
    wideTiles: 0,
  });
  const device = createDevice({ memory, pool }, { revectorized: false, arithmetic: 'plain' });
  const matrix = Float32Array.from({ length: 32 * 48 }, (_, i) => i);
  const [b, to] = [0, 0].map(() => device.allocate(matrix.byteLength, 'matrix')) as [Storage, Storage];
  const [a, c] = [device.allocate(4 * 32, 'a'), device.allocate(4 * 48, 'c')];
  device.write(b, matrix);
  device.arrange(b, [32, 48]);
  device.run('gemmNN', { dims: { m: 1, n: 48, k: 32 }, operands: { a, b, c }, params: { accumulate: 0 } });
  growing = true;
  device.copy(b, 0, to, 0, matrix.byteLength);
  expect(await device.read(to, 'f32')).toEqual(matrix);
  await device.dispose();
});
