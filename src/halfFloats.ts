/**
 * 16-bit floats to and from f32, exactly: reading loses nothing (subnormals, infinities and NaN payloads included),
 * writing rounds to nearest, ties to even. assembly/numbers/floats.ts does it.
 */
import { CheckpointError } from './errors.js';
import { hostNumbers, PART, partsOf } from './hostNumbers.js';

/** IEEE half precision to f32. */
export const f16ToF32 = (half: Uint16Array): Float32Array<ArrayBuffer> => widened(half, 'widen');

/** bfloat16 (the upper half of an f32) to f32. */
export const bf16ToF32 = (half: Uint16Array): Float32Array<ArrayBuffer> => widened(half, 'widenUpper');

function widened(half: Uint16Array, format: 'widen' | 'widenUpper'): Float32Array<ArrayBuffer> {
  const result = new Float32Array(half.length);
  const { exports, buffer, at } = hostNumbers(2 * PART, 4 * PART);
  const [from, to] = at as [number, number];
  for (const [first, end] of partsOf(half.length)) {
    new Uint16Array(buffer, from, PART).set(half.subarray(first, end));
    exports[format](from, end - first, to);
    // As integers: engines may change the bits of a NaN that they copy as a number.
    new Uint32Array(result.buffer, 4 * first).set(new Uint32Array(buffer, to, end - first));
  }
  return result;
}

/**
 * f32 to IEEE half precision; above 65519.99 it becomes infinity.
 * @param shift the values times 2^shift: from 0 to 64, and no product may be beyond f32
 */
export function f32ToF16(values: Float32Array, shift = 0): Uint16Array<ArrayBuffer> {
  const result = new Uint16Array(values.length);
  const { exports, buffer, at } = hostNumbers(4 * PART, 2 * PART);
  const [from, to] = at as [number, number];
  for (const [first, end] of partsOf(values.length)) {
    new Float32Array(buffer, from, PART).set(values.subarray(first, end));
    exports.narrow(from, end - first, to, shift);
    result.set(new Uint16Array(buffer, to, end - first), first);
  }
  return result;
}

/**
 * Checks that tensor `name` lost nothing but digits in f16.
 * @param halves what became of `values`, which may be halves themselves
 * @throws CheckpointError where one is infinite or not a number
 */
export function checkHalves(
  halves: Uint16Array,
  values: Float32Array | Uint16Array,
  { where, name, advice }: { readonly where: string; readonly name: string; readonly advice: string },
): void {
  for (let i = 0; i < halves.length; i++) {
    if (((halves[i] as number) & HALF_EXPONENT) !== HALF_EXPONENT) continue;
    const found = values instanceof Uint16Array ? f16ToF32(values.subarray(i, i + 1))[0] : values[i];
    throw new CheckpointError(`${where}: element ${i} of '${name}' is ${found}, f16 holds -65504 to 65504. ${advice}`, {
      found,
      expected: 65504,
    });
  }
}

/** Exponent bits of an f16; all set in infinities and NaN. */
const HALF_EXPONENT = 0x7c00;
