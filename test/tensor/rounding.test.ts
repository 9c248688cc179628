import { describe, expect, it } from 'vitest';
import { f16ToF32 } from '../../src/halfFloats.js';
import { unpackInt4 } from '../../src/int4.js';
import { halve, quantise, quantiseGroups } from '../../src/tensor/rounding.js';
import { createRandom } from '../../src/testing/random.js';

describe('rounding weights', () => {
  it('int8 rounds to the nearest of 255 steps, one size an output feature', () => {
    const values = Float32Array.of(1, -0.4, 0, 127, 63.4, 0);
    expect(quantise(values, 2)).toEqual({
      integers: Int8Array.of(127, -51, 0, 127, 63, 0),
      scales: Float32Array.of(1 / 127, 1),
    });
    expect(quantise(values, 3)).toEqual({
      integers: Int8Array.of(127, -51, 0, 127, 127, 0),
      scales: Float32Array.of(1 / 127, 1, Math.fround(63.4) / 127),
    });
  });

  it('int4 has a scale for 32 inputs of an output feature, by which its sixteen steps are exact', () => {
    // Two output features of 70 inputs: the steps of their three groups, from -8 to 7, and a group of zeros.
    const steps = [0.5, 0, -0.125, 2, 0.25, 3];
    const inputs = 70;
    const values = Float32Array.from({ length: 2 * inputs }, (_, i) => {
      const [output, input] = [Math.floor(i / inputs), i % inputs];
      return steps[3 * output + (input >> 5)]! * (((5 * input) % 16) - 8);
    });
    const { integers, scales } = quantiseGroups(values, 2);
    expect(scales).toEqual(Float32Array.of(0.5, 0, -0.125, 2, 0.25, 3));
    const found = unpackInt4(integers, [2, inputs]);
    for (const [i, value] of values.entries()) {
      const scale = scales[3 * Math.floor(i / inputs) + ((i % inputs) >> 5)]!;
      expect(scale * (found[i]! - 8) + 0).toBe(value + 0);
    }
  });

  it('int4 takes the scale of least squares among those that it tries', () => {
    const { normal } = createRandom(5);
    for (let group = 0; group < 20; group++) {
      const values = Float32Array.from({ length: 32 }, normal);
      const { integers, scales } = quantiseGroups(values, 1);
      const found = unpackInt4(integers, [32]);
      const errors = (scale: number, rounded: (value: number, i: number) => number) =>
        values.reduce((sum, value, i) => sum + (value - scale * rounded(value, i)) ** 2, 0);
      const own = errors(scales[0]!, (_, i) => found[i]! - 8);
      const largest = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
      // As llama.cpp's Q4_0.
      const plain = largest / -8;
      expect(own).toBeLessThanOrEqual(errors(plain, (value) => Math.min(7, Math.round(value / plain))) * 1.00001);
      for (const factor of [0.99, 1.01]) {
        expect(errors(scales[0]! * factor, (_, i) => found[i]! - 8)).toBeGreaterThan(own);
      }
    }
  });

  it('int8 of a row of subnormal numbers is zeros, and of the least others as of any', () => {
    expect(quantise(Float32Array.of(2e-43, -1e-43), 1)).toEqual({
      integers: Int8Array.of(0, 0),
      scales: Float32Array.of(1),
    });
    const { integers } = quantise(Float32Array.of(2 ** -126, -(2 ** -128), 0), 1);
    expect(integers).toEqual(Int8Array.of(127, -32, 0));
  });

  it('f16 is a power of two times halves, none of which are subnormal beside a largest weight of any size', () => {
    for (const size of [1, 0.02, 1e-6, 1e-12, 65504]) {
      const values = Float32Array.of(size, -size / 3, size * 2 ** -27, 0, -0);
      const { halves, scale } = halve(values);
      expect(Number.isInteger(Math.log2(scale))).toBe(true);
      f16ToF32(halves).forEach((half, i) => {
        const [found, value] = [half * scale, values[i]!];
        if (value === 0) expect(found).toBe(value);
        else if (i < 2 || size < 4) expect(Math.abs(found / value - 1)).toBeLessThanOrEqual(2 ** -11);
      });
    }
    // Nothing to scale by; no further down than the kernels take; beyond the range.
    expect(halve(Float32Array.of(0, -0))).toEqual({ halves: Uint16Array.of(0, 0x8000), scale: 1 });
    expect(halve(Float32Array.of(2 ** -60)).scale).toBe(2 ** -64);
    expect(halve(Float32Array.of(1, Number.NaN))).toEqual({ halves: Uint16Array.of(0x3c00, 0x7e00), scale: 1 });
    expect(halve(Float32Array.of(-65520))).toEqual({ halves: Uint16Array.of(0xfc00), scale: 1 });
  });

  it('halves are scaled to the bits that their numbers are', () => {
    // Every finite half up to each of these, with both signs; the largest is subnormal, normal, beyond 2^14, infinite.
    for (const largest of [0, 1, 2, 3, 0x3ff, 0x400, 0x401, 0x1234, 0x3c00, 0x73ff, 0x7400, 0x7bff, 0x7c00]) {
      const halves = Uint16Array.from({ length: 2 * (largest + 1) }, (_, i) => (i >> 1) | ((i & 1) << 15));
      const { halves: found, scale } = halve(halves);
      const expected = halve(f16ToF32(halves));
      expect(scale).toBe(expected.scale);
      expect(found.every((half, i) => half === expected.halves[i])).toBe(true);
    }
  });

  it('long matrices are rounded row by row as each row alone', () => {
    const { normal } = createRandom(6);
    // Rows of no whole vectors: many to a part, and one of more than a part.
    for (const [outputs, inputs] of [
      [900, 77],
      [2, 40003],
    ] as const) {
      const values = Float32Array.from({ length: outputs * inputs }, () => 0.02 * normal());
      const [bytes, groups] = [quantise(values, outputs), quantiseGroups(values, outputs)];
      const [stride, each] = [groups.integers.length / outputs, groups.scales.length / outputs];
      for (let output = 0; output < outputs; output++) {
        const row = values.subarray(output * inputs, (output + 1) * inputs);
        const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const scale = Math.fround(largest / 127);
        expect(bytes.scales[output]).toBe(scale);
        const found = bytes.integers.subarray(output * inputs, (output + 1) * inputs);
        expect(found.every((integer, i) => integer === Math.floor(row[i]! / scale + 0.5))).toBe(true);
        const alone = quantiseGroups(row.slice(), 1);
        expect(groups.integers.subarray(output * stride, (output + 1) * stride)).toEqual(alone.integers);
        expect(groups.scales.subarray(output * each, (output + 1) * each)).toEqual(alone.scales);
      }
      const { halves, scale } = halve(values);
      const near = f16ToF32(halves).every(
        (half, i) => Math.abs(half * scale - values[i]!) <= Math.abs(values[i]!) * 2 ** -11,
      );
      expect(near).toBe(true);
    }
  });

  it('int4 of what is not finite has a scale that is not, and of what no half can hold is zeros', () => {
    for (const spoilt of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = new Float32Array(64).fill(1);
      values[40] = spoilt;
      const { scales } = quantiseGroups(values, 1);
      expect([...scales].map(Number.isFinite)).toEqual([true, false]);
      expect(Number.isFinite(quantise(values, 1).scales[0])).toBe(false);
    }
    const { integers, scales } = quantiseGroups(new Float32Array(32).fill(1e-40), 1);
    expect(unpackInt4(integers, [32]).every((integer) => integer === 8)).toBe(true);
    expect([...scales]).toEqual([0]);
  });
});
