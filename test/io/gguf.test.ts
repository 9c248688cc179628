import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { concatenate } from '../../src/io/concatenate.js';
import { blockFormats } from '../../src/io/gguf/blockFormats.js';
import { openGguf } from '../../src/io/gguf/index.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloatPieces, readFloats } from '../../src/io/tensorSource.js';
import { openFolder } from '../../src/platform/openFolder.js';
import { f32Tensor, flag, float32, floats, ggufBytes, number, text, textBytes, texts, uint32 } from './ggufBytes.js';

const oracles = openFolder(new URL('../oracles/gguf', import.meta.url).pathname);
const open = (bytes: Uint8Array) => openGguf(memoryStore({ 'm.gguf': bytes }), 'm.gguf');
const failure = (bytes: Uint8Array) =>
  open(bytes).then(
    () => expect.unreachable(),
    (error: unknown) => error as CheckpointError,
  );
const bitsOf = (values: Float32Array) => new Uint32Array(values.slice().buffer);

describe('a GGUF file', () => {
  it('has the values that the gguf package dequantizes to, to the bit, whole and in pieces', async () => {
    const { tensors } = await openGguf(oracles, 'types.gguf');
    const expected = await openSafetensors(oracles, 'types.safetensors');
    expect([...tensors.entries.keys()].sort()).toEqual([...expected.entries.keys()].sort());
    expect([...tensors.entries.keys()]).toEqual(expect.arrayContaining(Object.keys(blockFormats)));
    for (const name of tensors.entries.keys()) {
      expect(tensors.entries.get(name)).toMatchObject({ dtype: name, shape: [3, 256] });
      const wanted = bitsOf(await readFloats(expected, name));
      expect([name, bitsOf(await readFloats(tensors, name))]).toEqual([name, wanted]);
      const pieces: number[] = [];
      // No multiple of any block.
      for await (const piece of readFloatPieces(tensors, name, new Uint8Array(308))) pieces.push(...bitsOf(piece));
      expect([name, Uint32Array.from(pieces)]).toEqual([name, wanted]);
    }
  });

  it.each([2, 3])('of version %i has its metadata', async (version) => {
    const { metadata, tensors, name } = await open(
      ggufBytes(
        {
          'a.text': text('ä'),
          'a.count': uint32(7),
          'a.number': float32(0.5),
          'a.flag': flag(true),
          'a.large': { type: 10, value: 2n ** 63n },
          'a.negative': { type: 11, value: -5n },
          'a.texts': texts(['x', '']),
          'a.floats': floats([1, 2.5]),
          'a.bytes': { type: 0, list: [1, 255] },
        },
        [f32Tensor('t', [2, 3], [1, 2, 3, 4, 5, 6]), f32Tensor('scalar', [], [9])],
        { version },
      ),
    );
    expect(name).toBe('memory/m.gguf');
    expect(Object.fromEntries(metadata)).toEqual({
      'a.text': 'ä',
      'a.count': 7,
      'a.number': 0.5,
      'a.flag': true,
      'a.large': 2n ** 63n,
      'a.negative': -5,
      'a.texts': ['x', ''],
      'a.floats': Float32Array.of(1, 2.5),
      'a.bytes': Uint8Array.of(1, 255),
    });
    expect(tensors.entries.get('t')).toMatchObject({ dtype: 'F32', shape: [2, 3] });
    expect(await readFloats(tensors, 't')).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await readFloats(tensors, 'scalar')).toEqual(Float32Array.of(9));
  });

  it('may have a header of many megabytes', async () => {
    const long = 'x'.repeat(5_000_000);
    const { metadata, tensors } = await open(ggufBytes({ a: text(long) }, [f32Tensor('t', [1], [3])]));
    expect(metadata.get('a')).toBe(long);
    expect(await readFloats(tensors, 't')).toEqual(Float32Array.of(3));
  });

  const whole = ggufBytes({ a: uint32(1) }, [f32Tensor('t', [2], [1, 2])]);
  const changed = (at: number, ...bytes: number[]) => {
    const copy = whole.slice();
    copy.set(bytes, at);
    return copy;
  };
  const tensor = f32Tensor('t', [2], [1, 2]);
  it.each<[string, Uint8Array, RegExp]>([
    ['another file', ggufBytes({}, [], { magic: 'GGLA' }), /does not begin with GGUF\. Download/],
    ['a page', new TextEncoder().encode('<!doctype html><p>'), /m\.gguf is an HTML page, expected a GGUF file/],
    ['a pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'), /is a Git LFS pointer/],
    ['version 1', ggufBytes({}, [], { version: 1 }), /its version is 1, expected version 2 or 3/],
    ['the other byte order', changed(4, 0, 0, 0, 3), /big-endian byte order, expected version 2 or 3/],
    [
      'more tensors than bytes',
      changed(8, 255, 255, 255, 255, 255),
      /the number of tensors is 1099511627775, the rest/,
    ],
    [
      'more keys than bytes',
      changed(16, 255, 255, 255, 255, 255, 255, 255, 255),
      /the number of keys is 18446744073709551615/,
    ],
    [
      'more keys than any file has',
      concatenate([whole.slice(0, 16), number(10, 70_000), new Uint8Array(2_000_000)]),
      /the number of keys is 70000, expected at most 65536/,
    ],
    ['a long key', changed(24, 255, 255, 255), /the length of a key is 16777215, the rest of the file has room for/],
    ['a type that there is not', changed(33, 99), /'a' has the type 99, expected 0 to 12/],
    ['a cut end', whole.subarray(0, whole.length - 32), /tensor 't' ends at byte \d+, the file has \d+/],
    ['a cut header', whole.subarray(0, 30), /the file ends in|has room for/],
    ['a key twice', doubleKey(), /the key 'a' is there twice/],
    ['a tensor twice', ggufBytes({}, [tensor, tensor]), /tensor 't' is there twice/],
    [
      'tensors on each other',
      ggufBytes({}, [tensor, { ...tensor, name: 'u', offset: 0 }]),
      /before the one before ends/,
    ],
    [
      'a crooked place',
      ggufBytes({}, [{ ...tensor, offset: 4 }]),
      /begins at byte 4 of the data, expected a multiple of 32/,
    ],
    ['five axes', ggufBytes({}, [{ ...tensor, shape: [1, 1, 1, 1, 2] }]), /has 5 axes, expected at most 4/],
    ['a huge shape', ggufBytes({}, [{ ...tensor, shape: [2 ** 40, 2 ** 13] }]), /tensor 't' ends at byte/],
    ['a shape beyond numbers', ggufBytes({}, [{ ...tensor, shape: [2 ** 50, 2 ** 50, 2 ** 50] }]), /'t' ends at byte/],
    [
      'half a block',
      ggufBytes({}, [{ ...tensor, shape: [1, 16], type: 2 }]),
      /rows of 16, expected a multiple of 32 for Q4_0/,
    ],
    [
      'a quantization that is not read',
      ggufBytes({}, [{ ...tensor, type: 10 }]),
      /'t' has dtype Q2_K, expected one of F32, F16, Q4_0/,
    ],
    ['an alignment', ggufBytes({ 'general.alignment': uint32(3) }), /general.alignment is 3, expected a power of two/],
    ['text that is none', changed(32, 0xff), /a key: line 1, byte 1 of the file \(0xFF\) is not UTF-8/],
    ['nothing', new Uint8Array(), /does not begin with GGUF/],
  ])('is refused for %s', async (_, bytes, message) => {
    const error = await failure(bytes);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(message);
  });

  it('is refused at every byte that is cut off, by an error of ours', async () => {
    for (let length = 0; length < whole.length - 24; length++) {
      expect(await failure(whole.subarray(0, length))).toBeInstanceOf(CheckpointError);
    }
  });

  it('that is replaced while it is read is not read on', async () => {
    const store = memoryStore({ 'm.gguf': whole });
    const { tensors } = await openGguf(store, 'm.gguf');
    await store.write('m.gguf', [whole]);
    await expect(readFloats(tensors, 't')).rejects.toThrow(/m\.gguf: the file was replaced while it was read/);
  });
});

function doubleKey(): Uint8Array {
  const bytes = ggufBytes({ a: uint32(1), b: uint32(2) });
  const copy = bytes.slice();
  copy[24 + 9 + 8 + 8] = 'a'.charCodeAt(0);
  expect(new TextDecoder().decode(copy.subarray(24 + 8, 24 + 9))).toBe('a');
  expect(textBytes('b').length + number(4, 4).length).toBe(13);
  return copy;
}
