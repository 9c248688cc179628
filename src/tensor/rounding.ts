/** How matrices become f16, int8 and int4 ones: pure functions of their values. */
import { f32ToF16 } from '../halfFloats.js';
import { groupElements, groupsOf, int4Bytes, putInteger } from '../int4.js';
import type { Floats } from './values.js';

/**
 * Halves and the power of two (from 2^-64 to 1) that gives the values when multiplied with them. The largest half is at
 * least 2^14 where the scale allows, so that only values 2^28 times smaller are subnormal: those lose bits, and
 * processors take a hundred cycles over each. Values over 65504 become infinity.
 */
export function halve(values: Floats): { halves: Uint16Array; scale: number } {
  if (values instanceof Uint16Array) return scaleHalves(values);
  const largest = largestMagnitude(bitsOf(values), 0, values.length);
  const exponent = (largest >>> 23) - 127;
  const shift = largest === 0 ? 0 : Math.max(0, Math.min(64, 14 - exponent));
  return { halves: f32ToF16(values, shift), scale: 2 ** -shift };
}

const bitsOf = (values: Float32Array) => new Int32Array(values.buffer, values.byteOffset, values.length);

/** The bits of the largest magnitude: those of f32 numbers without their signs are in the order of the numbers. */
function largestMagnitude(bits: Int32Array, first: number, end: number): number {
  let largest = 0;
  for (let i = first; i < end; i++) {
    const magnitude = (bits[i] as number) & 0x7fffffff;
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/**
 * `halve` of the f32 numbers that these halves stand for, without widening them: a power of two is added to exponents.
 */
function scaleHalves(values: Uint16Array): { halves: Uint16Array; scale: number } {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, (values[i] as number) & 0x7fff);
  // The largest is finite and its exponent below 14, or nothing is scaled. Of a subnormal it is that of its first bit.
  const exponent = largest >= 0x400 ? (largest >>> 10) - 15 : 7 - Math.clz32(largest);
  const shift = largest === 0 ? 0 : Math.max(0, 14 - exponent);
  // What is subnormal may become normal: it is scaled as a number, once for each of the 1024.
  const subnormals = f32ToF16(Float32Array.from({ length: 0x400 }, (_, bits) => bits * 2 ** (shift - 24)));
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const half = values[i] as number;
    const magnitude = half & 0x7fff;
    halves[i] = magnitude >= 0x400 ? half + (shift << 10) : (half & 0x8000) | (subnormals[magnitude] as number);
  }
  return { halves, scale: 2 ** -shift };
}

/**
 * Symmetric rounding of values [outputs, inputs], a scale each output: weight = integer * scale. NaN or infinity makes
 * a scale not finite.
 */
export function quantise(values: Float32Array, outputs: number): { integers: Int8Array; scales: Float32Array } {
  const inputs = values.length / outputs;
  const scales = new Float32Array(outputs);
  const integers = new Int8Array(values.length);
  const bits = bitsOf(values);
  const magnitude = new Int32Array(1);
  const largest = new Float32Array(magnitude.buffer);
  for (let output = 0; output < outputs; output++) {
    const [first, end] = [output * inputs, (output + 1) * inputs];
    magnitude[0] = largestMagnitude(bits, first, end);
    // Of subnormal numbers alone a row is zeros: there is no f32 number to divide them by.
    scales[output] = (magnitude[0] as number) < 0x00800000 ? 1 : (largest[0] as number) / 127;
    const scale = scales[output] as number;
    // A quotient of two f32 numbers is never so near to a half that adding one more half would round it up.
    for (let i = first; i < end; i++) integers[i] = Math.floor((values[i] as number) / scale + 0.5);
  }
  return { integers, scales };
}

/**
 * Rounding of values [outputs, inputs] to integers from 0 to 15, packed, with a scale for each group of 32 inputs:
 * weight = scale * (integer - 8). Scales are [outputs, ceil(inputs / 32)]. NaN or infinity makes a scale not
 * finite.
 */
export function quantiseGroups(
  values: Float32Array,
  outputs: number,
): { integers: Uint8Array<ArrayBuffer>; scales: Float32Array } {
  const inputs = values.length / outputs;
  const groups = groupsOf(inputs);
  const stride = int4Bytes([inputs]);
  const scales = new Float32Array(outputs * groups);
  const integers = new Uint8Array(outputs * stride);
  for (let output = 0; output < outputs; output++) {
    const row = values.subarray(output * inputs, (output + 1) * inputs);
    for (let first = 0; first < inputs; first += groupElements) {
      const group = row.subarray(first, first + groupElements);
      const { inverse, scale } = scaleOf(group);
      scales[output * groups + first / groupElements] = scale;
      for (let i = 0; i < group.length; i++) {
        putInteger(nearest((group[i] as number) * inverse) + 8, integers, output * stride, first + i);
      }
    }
  }
  return { integers, scales };
}

/** Scales that are tried: the largest weight, by its size, over each of these. Source: `make_qx_quants` of ggml-quants.c. */
const largestSteps = [-8, -7.5, -7, -8.5, -9];

/**
 * Of the scales that are tried the one that leaves the least sum of squared errors, when for its integers the best scale is
 * taken.
 * @returns the inverse of the one that was tried, which makes the integers, and the best scale for them
 */
function scaleOf(group: Float32Array): { readonly inverse: number; readonly scale: number } {
  let largest = 0;
  for (let i = 0; i < group.length; i++) {
    const value = group[i] as number;
    // Not `>`, which would hide NaN.
    if (!(Math.abs(value) <= Math.abs(largest))) largest = value;
  }
  if (largest === 0 || !Number.isFinite(largest)) return { inverse: 0, scale: largest };
  let best = { inverse: 0, scale: 0 };
  let most = -1;
  for (const steps of largestSteps) {
    const inverse = steps / largest;
    let [products, squares] = [0, 0];
    for (let i = 0; i < group.length; i++) {
      const value = group[i] as number;
      const integer = nearest(value * inverse);
      products += value * integer;
      squares += integer * integer;
    }
    // With the best scale, products / squares, the squared errors are those of zeros less this.
    const gain = (products * products) / squares;
    if (gain > most) [most, best] = [gain, { inverse, scale: products / squares }];
  }
  return best;
}

/** To the integers from -8 to 7; twice as fast as Math.round. What is below -8.5 is cut off towards zero. */
const nearest = (value: number): number => Math.min(15, (value + 8.5) | 0) - 8;

/** Side of the blocks that `transpose` copies one after the other: a whole cache line in either direction. */
const block = 32;

/** [rows, cols] -> [cols, rows] */
export function transpose<A extends Float32Array | Uint16Array>(values: A, rows: number, cols: number): A {
  const result = values.slice() as A;
  for (let top = 0; top < rows; top += block) {
    const bottom = Math.min(top + block, rows);
    for (let col = 0; col < cols; col++) {
      for (let row = top; row < bottom; row++) result[col * rows + row] = values[row * cols + col] as number;
    }
  }
  return result;
}
