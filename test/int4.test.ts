import { describe, expect, it } from 'vitest';
import { packInt4, unpackInt4 } from '../src/int4.js';

describe('integers of four bits', () => {
  it("lie as in GGUF's blocks: byte i of a group has the elements i and i + 16", () => {
    const integers = Uint8Array.from({ length: 64 }, (_, i) => (7 * i + (i >> 3)) % 16);
    const expected = Uint8Array.from({ length: 32 }, (_, byte) => {
      const first = 32 * (byte >> 4) + (byte & 15);
      return integers[first]! | (integers[first + 16]! << 4);
    });
    expect(packInt4(integers, [64])).toEqual(expected);
  });

  it.each([
    [1, 1],
    [3, 7],
    [2, 64],
    [4, 65],
    [3, 150],
  ])('of [%i, %i] are packed and unpacked, rows in whole groups', (rows, cols) => {
    const integers = Uint8Array.from({ length: rows * cols }, (_, i) => (11 * i + 3) % 16);
    const bytes = packInt4(integers, [rows, cols]);
    expect(bytes.length).toBe(16 * rows * Math.ceil(cols / 32));
    expect(unpackInt4(bytes, [rows, cols])).toEqual(integers);
  });
});
