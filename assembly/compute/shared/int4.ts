// Weights of four bits (src/int4.ts). A row is groups of 32 elements, padded to whole ones: byte i of 16 has element i in its
// lower half and element i + 16 in the upper one. An element is scale (s q + m), q its integer from 0 to 15, s and m halves
// of its group: a row of scales has the s of each group, m being -8 s, or s and m of each.
import { NIBBLES, word } from './constants';
import { madd, storeUpTo } from './simd';
import { HALF_FACTOR } from './stored';

/** Bytes of a group. */
export const INT4_GROUP_BYTES: usize = 16;

/** Groups of a row. */
// @ts-ignore: decorator
@inline
export function groupsOf(cols: u32): u32 {
  return (cols + 31) >> 5;
}

/** Bytes of a row. */
// @ts-ignore: decorator
@inline
export function int4RowBytes(cols: u32): usize {
  return <usize>groupsOf(cols) * INT4_GROUP_BYTES;
}

/** Whether groups have minima. */
// @ts-ignore: decorator
@inline
export function hasLeast(cols: u32, halves: u32): bool {
  return halves > groupsOf(cols);
}

/** A half as a float, 2^112 too small. */
// @ts-ignore: decorator
@inline
function halfAt(at: usize): f32 {
  const bits = <u32>load<u16>(at);
  return reinterpret<f32>(((bits & 0x8000) << 16) | ((bits & 0x7fff) << 13));
}

/**
 * Elements [first, first + count) of a row of `cols` as floats, rounded once. `first` is a multiple of eight.
 * @param scales those of the row
 */
export function widenInt4(
  row: usize, scales: usize, cols: u32, halves: u32, scale: f32, first: u32, count: u32, to: usize,
): void {
  const pairs = hasLeast(cols, halves);
  const factor = HALF_FACTOR * scale;
  const nibble = word(NIBBLES);
  const end = first + count;
  for (let e = first; e < end; e += 8) {
    const group = <usize>(e >> 5);
    const at = scales + (group << (pairs ? 2 : 1));
    const s = halfAt(at) * factor;
    const m = pairs ? halfAt(at + 2) * factor : -8 * s;
    const bytes = v128.load_ext<u8>(row + group * INT4_GROUP_BYTES + (e & 8));
    const eight = v128.and(i16x8.shr_u(bytes, (e >> 2) & 4), nibble);
    const lo = widen(i32x4.extend_low_i16x8_s(eight), s, m);
    const hi = widen(i32x4.extend_high_i16x8_s(eight), s, m);
    const left = end - e;
    if (left >= 8) {
      v128.store(to, lo);
      v128.store(to, hi, 16);
    } else {
      storeUpTo(to, lo, left);
      if (left > 4) storeUpTo(to + 16, hi, left - 4);
    }
    to += 32;
  }
}

/** s q + m: s q is exact, so that both arithmetics give the same bits. */
// @ts-ignore: decorator
@inline
function widen(integers: v128, s: f32, m: f32): v128 {
  return madd(f32x4.convert_i32x4_s(integers), f32x4.splat(s), f32x4.splat(m));
}
