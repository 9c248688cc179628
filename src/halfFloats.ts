/**
 * 16-bit floats to and from f32, exactly: reading loses nothing (subnormals, infinities and NaN payloads included),
 * writing rounds to nearest, ties to even.
 */
import { CheckpointError } from './errors.js';

let f16Bits: Uint32Array | undefined;

/** f32 bits of every f16: 256 KiB, made on first use. */
function f16Table(): Uint32Array {
  if (f16Bits) return f16Bits;
  f16Bits = new Uint32Array(65536);
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  for (let half = 0; half < 65536; half++) {
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    let magnitude: number;
    if (exponent === 31) magnitude = 0x7f800000 | (fraction << 13);
    else if (exponent > 0) magnitude = ((exponent + 112) << 23) | (fraction << 13);
    else {
      value[0] = fraction * 2 ** -24;
      magnitude = bits[0] as number;
    }
    f16Bits[half] = (magnitude | ((half & 0x8000) << 16)) >>> 0;
  }
  return f16Bits;
}

/** IEEE half precision to f32. */
export function f16ToF32(half: Uint16Array): Float32Array<ArrayBuffer> {
  const table = f16Table();
  const bits = new Uint32Array(half.length);
  for (let i = 0; i < half.length; i++) bits[i] = table[half[i] as number] as number;
  return new Float32Array(bits.buffer);
}

/** bfloat16 (the upper half of an f32) to f32. */
export function bf16ToF32(half: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(half.length);
  for (let i = 0; i < half.length; i++) bits[i] = (half[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

/**
 * f32 to IEEE half precision; above 65519.99 it becomes infinity.
 * @param shift the values times 2^shift: from 0 to 64, and no product may be beyond f32
 */
export function f32ToF16(values: Float32Array, shift = 0): Uint16Array<ArrayBuffer> {
  // Signed: engines compute with integers of 32 bits, and with doubles beyond.
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const half = new Uint16Array(values.length);
  for (let first = 0; first < bits.length; first += BLOCK) {
    const end = Math.min(first + BLOCK, bits.length);
    if (!putNormals(bits, half, first, end, shift << 23)) putAny(bits, half, first, end, shift << 23);
  }
  return half;
}

/** Elements that are tried together. */
const BLOCK = 1024;

/** The halves of a block where all are normal, without a branch; false: some are not, and those that were put are wrong. */
function putNormals(bits: Int32Array, half: Uint16Array, first: number, end: number, exponents: number): boolean {
  let outside = 0;
  for (let i = first; i < end; i++) {
    const value = bits[i] as number;
    const magnitude = ((value & 0x7fffffff) + exponents) | 0;
    outside |= (magnitude - LEAST_NORMAL) | (BEYOND - 1 - magnitude);
    half[i] = ((value >>> 16) & 0x8000) | roundedNormal(magnitude);
  }
  return outside >= 0;
}

function putAny(bits: Int32Array, half: Uint16Array, first: number, end: number, exponents: number): void {
  for (let i = first; i < end; i++) {
    const value = bits[i] as number;
    // Subnormal f32 numbers times 2^64 are still 0 as halves.
    half[i] = halfBits((value & 0x7f800000) === 0 ? value : (value + exponents) | 0);
  }
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

/** f32 bits of 2^-14, the least f16 that is not subnormal. */
const LEAST_NORMAL = 0x38800000;
/** f32 bits of 65520, halfway between the largest f16 and the next power of two: it rounds up to infinity. */
const BEYOND = 0x477ff000;

/** f32 bits between the two to those of the nearest f16. */
const roundedNormal = (magnitude: number): number => (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;

function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= BEYOND) return sign | 0x7c00;
  if (magnitude >= LEAST_NORMAL) return sign | roundedNormal(magnitude);
  // Subnormal f16: the significand with its hidden bit, shifted down to units of 2^-24.
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}
