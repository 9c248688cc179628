/** How matrices become f16, int8 and int4 ones: functions of their values alone. assembly/numbers/ does the arithmetic. */
import { f16ToF32, f32ToF16 } from '../halfFloats.js';
import { hostNumbers, PART, partsOf } from '../hostNumbers.js';
import { groupElements, groupsOf, int4Bytes } from '../int4.js';
import type { Floats } from './values.js';

/**
 * Halves and the power of two (from 2^-64 to 1) that gives the values when multiplied with them. The largest half is at
 * least 2^14 where the scale allows, so that only values 2^28 times smaller are subnormal: those lose bits, and
 * processors take a hundred cycles over each. Values over 65504 become infinity. Halves that need no scale are not copied.
 */
export function halve(values: Floats): { halves: Uint16Array; scale: number } {
  const largest = largestMagnitude(values);
  const exponent = (largest >>> 23) - 127;
  const shift = largest === 0 ? 0 : Math.max(0, Math.min(64, 14 - exponent));
  const scale = 2 ** -shift;
  if (!(values instanceof Uint16Array)) return { halves: f32ToF16(values, shift), scale };
  return { halves: shift === 0 ? values : scaledUp(values, shift), scale };
}

/** The bits of the largest magnitude as f32. */
function largestMagnitude(values: Floats): number {
  const isHalves = values instanceof Uint16Array;
  const { exports, buffer, at } = hostNumbers(4 * PART);
  const [from] = at as [number];
  const part = isHalves ? new Uint16Array(buffer, from, PART) : new Float32Array(buffer, from, PART);
  let largest = 0;
  for (const [first, end] of partsOf(values.length)) {
    part.set(values.subarray(first, end));
    largest = Math.max(largest, isHalves ? exports.largestHalf(from, end - first) : exports.largest(from, end - first));
  }
  return isHalves ? (new Uint32Array(f16ToF32(Uint16Array.of(largest)).buffer)[0] as number) : largest;
}

/** Halves times 2^shift: subnormal ones may become normal. */
function scaledUp(values: Uint16Array, shift: number): Uint16Array {
  const result = new Uint16Array(values.length);
  const { exports, buffer, at } = hostNumbers(2 * PART, 2 * PART);
  const [from, to] = at as [number, number];
  for (const [first, end] of partsOf(values.length)) {
    new Uint16Array(buffer, from, PART).set(values.subarray(first, end));
    exports.scaleHalves(from, end - first, to, shift);
    result.set(new Uint16Array(buffer, to, end - first), first);
  }
  return result;
}

/**
 * Symmetric rounding of values [outputs, inputs], a scale each output: weight = integer * scale. NaN or infinity makes
 * a scale not finite.
 * @throws LimitError when there is no room for one output feature
 */
export function quantise(values: Float32Array, outputs: number): { integers: Int8Array; scales: Float32Array } {
  const inputs = values.length / outputs;
  const scales = new Float32Array(outputs);
  const integers = new Int8Array(values.length);
  const together = rowsTogether(inputs);
  const { exports, buffer, at } = hostNumbers(4 * together * inputs, together * inputs, 4 * together);
  const [from, bytes, factors] = at as [number, number, number];
  for (const [first, end] of partsOf(outputs, together)) {
    const rows = end - first;
    new Float32Array(buffer, from, rows * inputs).set(values.subarray(first * inputs, end * inputs));
    exports.roundRows(from, rows, inputs, bytes, factors);
    integers.set(new Int8Array(buffer, bytes, rows * inputs), first * inputs);
    scales.set(new Float32Array(buffer, factors, rows), first);
  }
  return { integers, scales };
}

/** Rows that are converted together. */
const rowsTogether = (cols: number): number => Math.max(1, Math.floor(PART / cols));

/**
 * Rounding of values [outputs, inputs] to integers from 0 to 15, packed, with a scale for each group of 32 inputs:
 * weight = scale * (integer - 8). Scales are [outputs, ceil(inputs / 32)]. NaN or infinity makes a scale not
 * finite.
 * @throws LimitError when there is no room for one output feature
 */
export function quantiseGroups(
  values: Float32Array,
  outputs: number,
): { integers: Uint8Array<ArrayBuffer>; scales: Float32Array } {
  const inputs = values.length / outputs;
  const [groups, stride] = [groupsOf(inputs), int4Bytes([inputs])];
  const scales = new Float32Array(outputs * groups);
  const integers = new Uint8Array(outputs * stride);
  const together = rowsTogether(inputs);
  const sizes = [4 * together * inputs, together * stride, 4 * together * groups, 4 * groupElements];
  const { exports, buffer, at } = hostNumbers(...sizes);
  const [from, bytes, factors, padded] = at as [number, number, number, number];
  for (const [first, end] of partsOf(outputs, together)) {
    const rows = end - first;
    new Float32Array(buffer, from, rows * inputs).set(values.subarray(first * inputs, end * inputs));
    exports.roundGroups(from, rows, inputs, bytes, factors, padded);
    integers.set(new Uint8Array(buffer, bytes, rows * stride), first * stride);
    scales.set(new Float32Array(buffer, factors, rows * groups), first * groups);
  }
  return { integers, scales };
}

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
