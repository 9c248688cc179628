import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { f16ToF32 } from '../../src/halfFloats.js';
import type { FileStore } from '../../src/io/fileStore.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { openShards } from '../../src/io/shards.js';
import { readElements, readFloatPieces, readFloats } from '../../src/io/tensorSource.js';
import { type TensorToWrite, writeSafetensors } from '../../src/io/writeSafetensors.js';

/** A file with this header and so many bytes of data. */
function file(header: unknown, dataBytes = 0, { headerBytes }: { headerBytes?: bigint } = {}): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, headerBytes ?? BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return bytes;
}
const f32 = (shape: unknown, data_offsets: unknown, more: object = {}) => ({
  dtype: 'F32',
  shape,
  data_offsets,
  ...more,
});
const tensor = (name: string, values: number[], shape = [values.length]): TensorToWrite => ({
  name,
  dtype: 'F32',
  shape,
  read: async () => Float32Array.from(values),
});
const open = (bytes: Uint8Array) => openSafetensors(memoryStore({ x: bytes }), 'x');

describe('malformed files', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /memory\/x: the file has 0 bytes, expected a header length of 8/],
    ['a file of seven bytes', new Uint8Array(7), /the file has 7 bytes/],
    ['a header longer than the file', file('{}', 0, { headerBytes: 3n }), /header says it has 3 bytes, the file has 2/],
    ['a header length near 2^64', file('{}', 0, { headerBytes: 2n ** 64n - 1n }), /18446744073709551615 bytes/],
    ['a header cut short', file('{"a": {', 0), /not valid JSON/],
    ['a broken UTF-8 sequence', file('{"??": {}}').map((byte) => (byte === 0x3f ? 0xc3 : byte)), /UTF-8/],
    ['a byte order mark', file('\ufeff{}'), /not valid JSON/],
    ['a header that is an array', file([]), /the header is an array, expected an object/],
    ['white space before the header', file(' {}'), /begins at its first byte/],
    ['a tensor that is no object', file({ a: 3 }), /tensor 'a' is number, expected {data_offsets, dtype, shape}/],
    ['a tensor nested too deep', file({ a: { b: f32([1], [0, 4]) } }, 4), /tensor 'a' is {b}/],
    ['a missing field', file({ a: { dtype: 'F32', shape: [1] } }, 4), /tensor 'a' is {dtype, shape}/],
    ['a field too many', file({ a: f32([1], [0, 4], { strides: [1] }) }, 4), /strides}, expected/],
    [
      'an unknown dtype',
      file({ a: { ...f32([1], [0, 4]), dtype: 'F31' } }, 4),
      /dtype "F31", expected one of F64, F32/,
    ],
    ['a dtype from the prototype', file({ a: { ...f32([1], [0, 4]), dtype: 'toString' } }, 4), /dtype "toString"/],
    ['a dtype that is a number', file({ a: { ...f32([1], [0, 4]), dtype: 1 } }, 4), /dtype 1/],
    ['a negative extent', file({ a: f32([-1], [0, 4]) }, 4), /shape \[-1\]/],
    ['a fractional extent', file({ a: f32([0.5, 2], [0, 4]) }, 4), /shape \[0.5,2\]/],
    ['a shape that is no array', file({ a: f32(1, [0, 4]) }, 4), /shape 1, expected an array/],
    ['an overflowing shape', file({ a: f32([2 ** 40, 2 ** 40], [0, 4]) }, 4), /4 bytes, expected 4.8\d+e\+24/],
    ['one offset', file({ a: f32([1], [0]) }, 4), /data_offsets \[0\], expected \[begin, end\]/],
    ['offsets in reverse', file({ a: f32([1], [4, 0]) }, 4), /data_offsets \[4,0\]/],
    ['a negative offset', file({ a: f32([1], [-4, 0]) }, 4), /data_offsets \[-4,0\]/],
    ['an offset beyond 2^53', file(`{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e300]}}`, 4), /1e\+300/],
    ['a size that is not the shape', file({ a: f32([3], [0, 8]) }, 8), /'a' has 8 bytes, expected 12 for F32 \[3\]/],
    ['a tensor that ends after the file', file({ a: f32([3], [0, 12]) }, 8), /'a' ends at byte 12 .* the file has 8/],
    ['bytes after the last tensor', file({ a: f32([1], [0, 4]) }, 5), /tensors end at byte 4 .* the file has 5/],
    ['bytes and no tensor', file({}, 4), /tensors end at byte 0 .* the file has 4/],
    ['a hole at the start', file({ a: f32([1], [4, 8]) }, 8), /'a' begins at byte 4 .* hole after the header/],
    [
      'a hole',
      file({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12),
      /'b' begins at byte 8 .* after 'a', expected 4/,
    ],
    ['an overlap', file({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), /'b' begins at byte 4 .* overlaps 'a'/],
    ['two tensors at one place', file({ a: f32([1], [0, 4]), b: f32([1], [0, 4]) }, 4), /overlaps 'a'/],
    [
      'a name twice',
      file(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        4,
      ),
      /'a' is in the header twice/,
    ],
    [
      'a field twice',
      file('{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4),
      /'dtype' is .* twice/,
    ],
    [
      'half of a character as a name',
      file('{"a\\ud83d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
      /half of a/,
    ],
    [
      'a shape nested without end',
      file(`{"a":{"dtype":"F32","shape":${'['.repeat(1e5)}${']'.repeat(1e5)},"data_offsets":[0,4]}}`, 4),
      /the header: arrays and objects are nested 100002 deep/,
    ],
    ['metadata that is no object', file({ __metadata__: [] }), /__metadata__ is an array/],
    ['metadata that is no string', file({ __metadata__: { step: 3 } }), /__metadata__ 'step' is number/],
  ];
  it.each(cases)('%s', async (_, bytes, message) => {
    const failure = await open(bytes).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CheckpointError);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).toMatch(/Download the file again/);
  });

  it('are refused before anything larger than the file is asked for', async () => {
    const store = memoryStore({ x: file('{}', 0, { headerBytes: 2n ** 40n }) });
    const lengths: number[] = [];
    const spying: FileStore = {
      ...store,
      read: (path, offset, length) => {
        lengths.push(length ?? Number.POSITIVE_INFINITY);
        return store.read(path, offset, length);
      },
    };
    await expect(openSafetensors(spying, 'x')).rejects.toThrow(CheckpointError);
    expect(lengths).toEqual([8]);
  });
});

describe('a safetensors file', () => {
  it('gives back what was written, tensors in any order, scalars and empty ones too', async () => {
    const store = memoryStore();
    await writeSafetensors(store, 'x', [
      tensor('b', [1, -2.5, 3, 4, 5, 6], [2, 3]),
      tensor('__proto__', [7], []),
      tensor('none', [], [0, 4]),
      tensor('é"\\', [1e-42, Number.POSITIVE_INFINITY]),
    ]);
    const header = new DataView((await store.read('x', 0, 8)).buffer).getBigUint64(0, true);
    expect(header % 8n).toBe(0n);
    const weights = await openSafetensors(store, 'x');
    expect(weights.metadata).toEqual({ format: 'pt' });
    expect([...weights.entries].map(([name, { shape }]) => [name, shape])).toEqual(
      expect.arrayContaining([
        ['b', [2, 3]],
        ['__proto__', []],
        ['none', [0, 4]],
        ['é"\\', [2]],
      ]),
    );
    expect(await readFloats(weights, 'b')).toEqual(Float32Array.of(1, -2.5, 3, 4, 5, 6));
    expect(await readFloats(weights, '__proto__')).toEqual(Float32Array.of(7));
    expect(await readFloats(weights, 'none')).toEqual(new Float32Array(0));
    expect(await readFloats(weights, 'é"\\')).toEqual(Float32Array.of(1e-42, Number.POSITIVE_INFINITY));
    await expect(weights.read('c')).rejects.toThrow(/no tensor 'c'/);
  });

  it('reads a tensor that does not begin at a multiple of four', async () => {
    const bytes = file({ a: { dtype: 'U8', shape: [3], data_offsets: [0, 3] }, b: f32([1], [3, 7]) }, 7);
    bytes.set(new Uint8Array(Float32Array.of(1.5).buffer), bytes.byteLength - 4);
    const weights = await open(bytes);
    expect(await readFloats(weights, 'b')).toEqual(Float32Array.of(1.5));
    await expect(readFloats(weights, 'a')).rejects.toThrow(
      /'a' has dtype U8, expected F32, F16, BF16, F64, Q4_0, .* or Q6_K\./,
    );
    await expect(readElements(weights, 'a', 'I32')).rejects.toThrow(/'a' has dtype U8, expected I32\./);
  });

  it('knows dtypes of less than a byte', async () => {
    const header = { a: { dtype: 'F4', shape: [2, 3], data_offsets: [0, 3] } };
    expect((await open(file(header, 3))).entries.get('a')?.shape).toEqual([2, 3]);
    await expect(open(file(header, 4))).rejects.toThrow(/end at byte 3/);
  });

  it('holds each dtype that is written, as it was', async () => {
    const store = memoryStore();
    const elements = {
      F16: Uint16Array.of(0x3c00, 0x7e01, 0xfc00),
      U8: Uint8Array.of(0, 255, 7),
      F32: Float32Array.of(-0, 0.1, Number.POSITIVE_INFINITY),
      I32: Int32Array.of(-1, 2 ** 31 - 1, 0),
    };
    await writeSafetensors(
      store,
      'x',
      // Odd sizes: what follows the bytes does not begin at a multiple of four.
      Object.entries(elements).map(
        ([dtype, values]) => ({ name: dtype, dtype, shape: [3, 1], read: async () => values }) as TensorToWrite,
      ),
      { metadata: { format: 'pt', by: 'me' } },
    );
    const weights = await openSafetensors(store, 'x');
    expect(weights.metadata.by).toBe('me');
    for (const [name, values] of Object.entries(elements)) {
      expect(weights.entries.get(name)).toMatchObject({ dtype: name, shape: [3, 1], byteLength: values.byteLength });
      const found = await readElements(weights, name, name as keyof typeof elements);
      expect(found).toEqual(values);
      expect(Object.is(found[0], values[0])).toBe(true);
      const part = new Uint8Array(2);
      await weights.readInto(name, values.byteLength - 2, part);
      expect(part).toEqual((await weights.read(name)).subarray(-2));
      await expect(weights.readInto(name, values.byteLength - 1, part)).rejects.toThrow(CheckpointError);
    }
    expect(await readFloats(weights, 'F16')).toEqual(Float32Array.of(1, Number.NaN, Number.NEGATIVE_INFINITY));
    await expect(weights.readInto('none', 0, new Uint8Array(1))).rejects.toThrow(/no tensor 'none'/);
  });

  it('gives floats whole and in pieces', async () => {
    const store = memoryStore();
    const length = 2 * 64 + 3;
    // Two pieces of 128 bytes.
    const buffer = new Uint8Array(256);
    const halves = Uint16Array.from({ length }, (_, i) => (i * 7919) & 0x7bff);
    await writeSafetensors(store, 'x', [
      { name: 'a', dtype: 'F16', shape: [length], read: async () => halves },
      { name: 'b', dtype: 'F32', shape: [length], read: async () => f16ToF32(halves) },
      { name: 'c', dtype: 'F32', shape: [0], read: async () => new Float32Array(0) },
      { name: 'd', dtype: 'I32', shape: [1], read: async () => Int32Array.of(1) },
    ]);
    const weights = await openSafetensors(store, 'x');
    for (const [name, lengths] of [
      ['a', [64, 64, 3]],
      ['b', [32, 32, 32, 32, 3]],
      ['c', []],
    ] as const) {
      const whole = await readFloats(weights, name);
      const found: number[] = [];
      let at = 0;
      for await (const piece of readFloatPieces(weights, name, buffer)) {
        found.push(piece.length);
        expect(piece.every((value, i) => value === whole[at + i])).toBe(true);
        at += piece.length;
      }
      expect(found).toEqual(lengths);
      expect(at).toBe(whole.length);
    }
    const integers = readFloatPieces(weights, 'd', buffer).next();
    await expect(integers).rejects.toThrow(/'d' has dtype I32, expected F32, F16, BF16, F64, Q4_0, .* or Q6_K\./);
  });

  it('is not written when a tensor does not fill its shape', async () => {
    const store = memoryStore();
    await expect(writeSafetensors(store, 'x', [tensor('a', [1, 2, 3], [2])])).rejects.toThrow(/'a' has 3 elements/);
    const bytes = { ...tensor('a', [1, 2]), dtype: 'F16' } as TensorToWrite;
    await expect(writeSafetensors(store, 'x', [bytes])).rejects.toThrow(
      /'a' has 2 elements in a Float32Array, expected F16 \[2\]/,
    );
    expect(store.files.size).toBe(0);
  });
});

describe('sharded weights', () => {
  const index = 'model.safetensors.index.json';
  async function shards(list: unknown, { without }: { without?: string } = {}) {
    const store = memoryStore();
    await writeSafetensors(store, 'one.safetensors', [tensor('a', [1]), tensor('b', [2])]);
    await writeSafetensors(store, 'two.safetensors', [tensor('c', [3])]);
    const files = Object.fromEntries([...store.files].filter(([name]) => name !== without));
    return memoryStore({ ...files, [index]: JSON.stringify(list) });
  }
  const map = { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' };

  it('are read where the index lists them', async () => {
    const weights = await openShards(await shards({ weight_map: map }), index, '.safetensors', openSafetensors);
    expect([...weights.entries.keys()].sort()).toEqual(['a', 'b', 'c']);
    expect(await readFloats(weights, 'c')).toEqual(Float32Array.of(3));
    await expect(weights.read('d')).rejects.toThrow(/no tensor 'd'/);
  });

  it.each([
    ['no map', {}, {}, /weight_map is undefined, expected an object/],
    ['a missing shard', { weight_map: map }, { without: 'two.safetensors' }, /shard 'two.safetensors' is missing/],
    [
      'a tensor that is not there',
      { weight_map: { ...map, d: 'two.safetensors' } },
      {},
      /'d' is not in 'two.safetensors'/,
    ],
    ['a tensor elsewhere', { weight_map: { ...map, c: 'one.safetensors' } }, {}, /'c' is not in 'one.safetensors'/],
    [
      'a tensor that is not listed',
      { weight_map: { ...map, b: undefined } },
      {},
      /'b' is here, the index lists it nowhere/,
    ],
    [
      'a path out of the folder',
      { weight_map: { ...map, a: '../one.safetensors' } },
      {},
      /"..\/one.safetensors", expected the name/,
    ],
    ['a shard that is no string', { weight_map: { ...map, a: 1 } }, {}, /is in 1, expected the name/],
  ] as const)('%s is refused', async (_, list, options, message) => {
    const failure = await openShards(await shards(list, options), index, '.safetensors', openSafetensors).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(CheckpointError);
    expect((failure as Error).message).toMatch(message);
  });
});
