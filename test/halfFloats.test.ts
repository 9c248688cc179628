import { describe, expect, it } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToF16 } from '../src/halfFloats.js';

const bitsOf = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];

describe('f16', () => {
  it('widens every finite value to what sign, exponent and fraction say', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const floats = f16ToF32(halves);
    for (let half = 0; half < 65536; half++) {
      const exponent = (half >> 10) & 31;
      const fraction = half & 1023;
      if (exponent === 31) continue;
      const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
      if (!Object.is(floats[half], half & 0x8000 ? -magnitude : magnitude)) expect.fail(`f16 ${half.toString(16)}`);
    }
  });

  it('keeps infinities and NaN payloads', () => {
    const floats = f16ToF32(Uint16Array.of(0x7c00, 0xfc00, 0x7e00, 0xfc01));
    expect(bitsOf(floats)).toEqual([0x7f800000, 0xff800000, 0x7fc00000, 0xff802000]);
  });

  it('comes back the same from f32', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((half) => (half & 0x7fff) <= 0x7c00);
    expect(f32ToF16(f16ToF32(halves))).toEqual(halves);
  });

  it('is rounded to nearest, ties to even', () => {
    const cases: [number, number][] = [
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [1 + 2 ** -11 + 2 ** -20, 0x3c01],
      [65504, 0x7bff],
      [65519.99, 0x7bff],
      [65520, 0x7c00],
      [-1e30, 0xfc00],
      [2 ** -25, 0x0000],
      [1.001 * 2 ** -25, 0x0001],
      [3 * 2 ** -25, 0x0002],
      [2 ** -14 - 2 ** -26, 0x0400],
      [-(2 ** -24), 0x8001],
      [1e-40, 0x0000],
      [-0, 0x8000],
      [Number.NaN, 0x7e00],
    ];
    expect([...f32ToF16(Float32Array.from(cases, ([value]) => value))]).toEqual(cases.map(([, half]) => half));
  });

  it('times a power of two is the half of the product, in long arrays with and without what is not normal', () => {
    const values = Float32Array.from(
      { length: 5000 },
      (_, i) => Math.sin(i) * 2 ** -(i % 7) * (i < 2048 ? 1 : 2 ** -(i % 50)),
    );
    values.set([0, -0, 1e-40, -1e-40], 4000);
    for (const shift of [0, 1, 13, 15]) {
      const scaled = values.map((value) => value * 2 ** shift);
      const halves = f32ToF16(values, shift);
      // One by one each is a block of its own.
      for (let i = 0; i < values.length; i++) {
        if (halves[i] !== f32ToF16(scaled.subarray(i, i + 1))[0]) expect.fail(`element ${i} at 2^${shift}`);
        const back = f16ToF32(halves.subarray(i, i + 1))[0] as number;
        const exact = scaled[i] as number;
        const spacing = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(exact) || 1)) - 10));
        if (Math.abs(back - exact) > spacing / 2) expect.fail(`element ${i} at 2^${shift}: ${back} of ${exact}`);
      }
    }
  });

  it('reads a view that begins inside its buffer', () => {
    expect([...f32ToF16(Float32Array.of(9, 1, 2).subarray(1))]).toEqual([0x3c00, 0x4000]);
  });
});

it('bf16 is the upper half of an f32', () => {
  expect(bitsOf(bf16ToF32(Uint16Array.of(0x3f80, 0xc049, 0x0001, 0xff80, 0x7fc1)))).toEqual([
    0x3f800000, 0xc0490000, 0x00010000, 0xff800000, 0x7fc10000,
  ]);
});
