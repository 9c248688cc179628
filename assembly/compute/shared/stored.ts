// Weights that are stored in fewer bits than they are multiplied with: IEEE half precision or signed bytes, each
// widened to f32 exactly, times a scale. `kind` is a constant wherever these functions are inlined, so that only one
// form remains.
import { HALF_BITS, word } from './constants';

/** The binary logarithm of an element's bytes. */
export const INT8: u32 = 0;
export const F16: u32 = 1;
export const F32: u32 = 2;
/** Two elements a byte: see int4.ts. */
export const INT4: u32 = 4;

/** 2^112: the difference of the exponent biases of f32 and f16. */
export const HALF_FACTOR: f32 = 5.192296858534828e33;

/** Eight elements as 16-bit integers: bytes sign-extended, halves as their bits. */
// @ts-ignore: decorator
@inline
function loadEight(kind: u32, from: usize): v128 {
  return kind == INT8 ? v128.load_ext<i8>(from) : v128.load(from);
}

/** Four sign-extended elements as floats, times `factor`. Halves are finite: what stores them checks it. */
// @ts-ignore: decorator
@inline
function widen(kind: u32, four: v128, factor: v128): v128 {
  return f32x4.mul(kind == INT8 ? f32x4.convert_i32x4_s(four) : v128.and(i32x4.shl(four, 13), word(HALF_BITS)), factor);
}

/**
 * The even elements of eight f16 as floats, all 2^112 too small: the bits of the f16 in those of a float, exponent
 * unchanged. `bits` is passed in where a loop keeps it in a register. Subnormal f16 become subnormal floats, exactly;
 * some processors take a hundred cycles for those, which is why matrices are scaled before they are stored
 * (src/tensor/rounding.ts).
 */
// @ts-ignore: decorator
@inline
export function unpackEven(eight: v128, bits: v128 = word(HALF_BITS)): v128 {
  return v128.and(i32x4.shr_s(i32x4.shl(eight, 16), 3), bits);
}

/** The odd elements likewise. */
// @ts-ignore: decorator
@inline
export function unpackOdd(eight: v128, bits: v128 = word(HALF_BITS)): v128 {
  return v128.and(i32x4.shr_s(eight, 3), bits);
}

// @ts-ignore: decorator
@inline
function widenOne(kind: u32, from: usize, factor: v128): f32 {
  return f32x4.extract_lane(widen(kind, i32x4.splat(kind == INT8 ? load<i8>(from) : load<i16>(from)), factor), 0);
}

// @ts-ignore: decorator
@inline
function widenEight(kind: u32, from: usize, to: usize, factor: v128): void {
  const eight = loadEight(kind, from);
  v128.store(to, widen(kind, i32x4.extend_low_i16x8_s(eight), factor));
  v128.store(to, widen(kind, i32x4.extend_high_i16x8_s(eight), factor), 16);
}

/** `count` elements as floats, times `scale`: at most 1, and for halves a power of two from 2^-64 on. */
// @ts-ignore: decorator
@inline
export function widenElements(kind: u32, from: usize, to: usize, count: u32, scale: f32): void {
  const factor = f32x4.splat(kind == F16 ? HALF_FACTOR * scale : scale);
  let i: u32 = 0;
  for (; i + 32 <= count; i += 32) {
    const at = from + ((<usize>i) << kind);
    const out = to + (i << 2);
    widenEight(kind, at, out, factor);
    widenEight(kind, at + (8 << kind), out + 32, factor);
    widenEight(kind, at + (16 << kind), out + 64, factor);
    widenEight(kind, at + (24 << kind), out + 96, factor);
  }
  for (; i + 8 <= count; i += 8) widenEight(kind, from + ((<usize>i) << kind), to + (i << 2), factor);
  for (; i < count; i++) store<f32>(to + (i << 2), widenOne(kind, from + ((<usize>i) << kind), factor));
}
