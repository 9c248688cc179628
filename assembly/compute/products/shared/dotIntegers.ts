// Dot products of rows of signed bytes, in blocks of 32, with rows of 16-bit integers that represent floats: each GROUP
// of them is scaled so that its largest is 16383, and the scales are stored behind the row. Sums of integers are exact,
// in any order.
import { loadPadded, loadUpTo, madd, madd1, maxLanes, storePairs, sumLanes4, zero } from '../../shared/simd';

/** Elements that are multiplied at a time. */
const BLOCK: u32 = 32;
/** Elements that share a scale: the sum of their products, 128 * 16383 * GROUP at most, fits 32 bits. */
export const GROUP: u32 = 1024;
const LARGEST: f32 = 16383;
/** A group whose numbers are all smaller becomes zeros: its scale would have no reciprocal. */
const SMALLEST: f32 = 1e-30;
/** Bytes of `sums` [4][8] below: eight partial sums for each left row. */
export const INTEGER_SUMS_BYTES: usize = 128;

/** Elements of a row, padded to whole blocks. */
// @ts-ignore: decorator
@inline
export function paddedBytes(k: u32): u32 {
  return (k + BLOCK - 1) & ~(BLOCK - 1);
}

/** Distance of left rows in bytes: whole cache lines, since a load across two of them takes twice as long. */
// @ts-ignore: decorator
@inline
export function integersStride(k: u32): usize {
  const groups = (k + GROUP - 1) / GROUP;
  return ((<usize>paddedBytes(k)) << 1) + ((<usize>((groups + 15) & ~15)) << 2);
}

/** Stores a row of k floats as integers, with the scales behind them. NaN or infinity in a group becomes its scale. */
export function layIntegers(from: usize, k: u32, to: usize): void {
  const end = paddedBytes(k);
  const scales = to + ((<usize>end) << 1);
  for (let first: u32 = 0; first < k; first += GROUP) {
    const last = min(first + GROUP, k);
    let most = zero();
    for (let p = first; p < last; p += 4) {
      most = f32x4.max(most, f32x4.abs(loadUpTo(from + (p << 2), last - p, zero())));
    }
    const largest = maxLanes(most);
    // Not `largest > SMALLEST`, which would hide NaN.
    const inverse = f32x4.splat(largest < SMALLEST ? 0 : LARGEST / largest);
    for (let p = first; p < min(first + GROUP, end); p += 8) {
      const at = from + (p << 2);
      const left = p < last ? last - p : 0;
      const lo = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(loadPadded(at, left, 0), inverse)));
      const hi = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(loadPadded(at, left, 4), inverse)));
      v128.store(to + (p << 1), i16x8.narrow_i32x4_s(lo, hi));
    }
    store<f32>(scales + (first / GROUP << 2), largest / LARGEST);
  }
}

/** Products are 32 bits wide, neighbours added up. */
// @ts-ignore: decorator
@inline
function addProducts(x: v128, w: v128, sum: v128): v128 {
  return i32x4.add(i32x4.dot_i16x8_s(x, w), sum);
}

/** sums [8] = partial sums of `count` products. */
function sumStretch(x: usize, b: usize, count: u32, sums: usize): void {
  let lo = zero();
  let hi = zero();
  for (let p: u32 = 0; p < count; p += BLOCK) {
    const from = b + p;
    const at = x + ((<usize>p) << 1);
    lo = addProducts(v128.load(at), v128.load_ext<i8>(from), lo);
    hi = addProducts(v128.load(at, 16), v128.load_ext<i8>(from, 8), hi);
    lo = addProducts(v128.load(at, 32), v128.load_ext<i8>(from, 16), lo);
    hi = addProducts(v128.load(at, 48), v128.load_ext<i8>(from, 24), hi);
  }
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
}

/** sums [4][8] = the same for four left rows, `stride` bytes apart. */
function sumStretch4(x: usize, stride: usize, b: usize, count: u32, sums: usize): void {
  const x1 = x + stride;
  const x2 = x1 + stride;
  const x3 = x2 + stride;
  let lo0 = zero();
  let hi0 = zero();
  let lo1 = zero();
  let hi1 = zero();
  let lo2 = zero();
  let hi2 = zero();
  let lo3 = zero();
  let hi3 = zero();
  for (let p: u32 = 0; p < count; p += BLOCK) {
    const from = b + p;
    const at = (<usize>p) << 1;
    let u = v128.load_ext<i8>(from);
    let v = v128.load_ext<i8>(from, 8);
    lo0 = addProducts(v128.load(x + at), u, lo0);
    hi0 = addProducts(v128.load(x + at, 16), v, hi0);
    lo1 = addProducts(v128.load(x1 + at), u, lo1);
    hi1 = addProducts(v128.load(x1 + at, 16), v, hi1);
    lo2 = addProducts(v128.load(x2 + at), u, lo2);
    hi2 = addProducts(v128.load(x2 + at, 16), v, hi2);
    lo3 = addProducts(v128.load(x3 + at), u, lo3);
    hi3 = addProducts(v128.load(x3 + at, 16), v, hi3);
    u = v128.load_ext<i8>(from, 16);
    v = v128.load_ext<i8>(from, 24);
    lo0 = addProducts(v128.load(x + at, 32), u, lo0);
    hi0 = addProducts(v128.load(x + at, 48), v, hi0);
    lo1 = addProducts(v128.load(x1 + at, 32), u, lo1);
    hi1 = addProducts(v128.load(x1 + at, 48), v, hi1);
    lo2 = addProducts(v128.load(x2 + at, 32), u, lo2);
    hi2 = addProducts(v128.load(x2 + at, 48), v, hi2);
    lo3 = addProducts(v128.load(x3 + at, 32), u, lo3);
    hi3 = addProducts(v128.load(x3 + at, 48), v, hi3);
  }
  storePairs(sums, lo0, hi0, lo1, hi1, lo2, hi2, lo3, hi3);
}

/** sums [4][8] = the same for one left row and four rows of bytes, `apart` bytes from one to the next. */
function sumRows4(x: usize, b: usize, apart: usize, count: u32, sums: usize): void {
  const b1 = b + apart;
  const b2 = b1 + apart;
  const b3 = b2 + apart;
  let lo0 = zero();
  let hi0 = zero();
  let lo1 = zero();
  let hi1 = zero();
  let lo2 = zero();
  let hi2 = zero();
  let lo3 = zero();
  let hi3 = zero();
  for (let p: u32 = 0; p < count; p += 16) {
    const at = x + ((<usize>p) << 1);
    const u = v128.load(at);
    const v = v128.load(at, 16);
    lo0 = addProducts(u, v128.load_ext<i8>(b + p), lo0);
    hi0 = addProducts(v, v128.load_ext<i8>(b + p, 8), hi0);
    lo1 = addProducts(u, v128.load_ext<i8>(b1 + p), lo1);
    hi1 = addProducts(v, v128.load_ext<i8>(b1 + p, 8), hi1);
    lo2 = addProducts(u, v128.load_ext<i8>(b2 + p), lo2);
    hi2 = addProducts(v, v128.load_ext<i8>(b2 + p, 8), hi2);
    lo3 = addProducts(u, v128.load_ext<i8>(b3 + p), lo3);
    hi3 = addProducts(v, v128.load_ext<i8>(b3 + p, 8), hi3);
  }
  storePairs(sums, lo0, hi0, lo1, hi1, lo2, hi2, lo3, hi3);
}

/** Adds the eight partial sums of left row `row` to four lanes. */
// @ts-ignore: decorator
@inline
function fold(sums: usize, row: usize): v128 {
  return i32x4.add(v128.load(sums + (row << 5)), v128.load(sums + (row << 5), 16));
}

/** The dot product of `end` bytes, whole blocks, and a left row. */
// @ts-ignore: decorator
@inline
export function dotBytes(x: usize, b: usize, end: u32, sums: usize): f32 {
  const scales = x + ((<usize>end) << 1);
  let total: f32 = 0;
  for (let first: u32 = 0; first < end; first += GROUP) {
    sumStretch(x + (first << 1), b + first, min(end - first, GROUP), sums);
    const four = fold(sums, 0);
    const two = i32x4.add(four, v128.shuffle<i32>(four, four, 2, 3, 2, 3));
    const sum = i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
    total = madd1(<f32>sum, load<f32>(scales + (first / GROUP << 2)), total);
  }
  return total;
}

/** A scale of each of four left rows, `stride` bytes apart, from that of the first. */
// @ts-ignore: decorator
@inline
export function scalesOfFour(scale: usize, stride: usize): v128 {
  let scales = v128.load32_splat(scale);
  scales = v128.load_lane<f32>(scale + stride, scales, 1);
  scales = v128.load_lane<f32>(scale + 2 * stride, scales, 2);
  return v128.load_lane<f32>(scale + 3 * stride, scales, 3);
}

/** The same with four left rows, a lane each. */
// @ts-ignore: decorator
@inline
export function dotBytes4(x: usize, stride: usize, b: usize, end: u32, sums: usize): v128 {
  let scale = x + ((<usize>end) << 1);
  let total = zero();
  for (let first: u32 = 0; first < end; first += GROUP) {
    sumStretch4(x + (first << 1), stride, b + first, min(end - first, GROUP), sums);
    const sum = sumLanes4(true, fold(sums, 0), fold(sums, 1), fold(sums, 2), fold(sums, 3));
    total = madd(f32x4.convert_i32x4_s(sum), scalesOfFour(scale, stride), total);
    scale += 4;
  }
  return total;
}

/** The dot products of a left row and of four rows of `end` bytes, whole blocks, `apart` bytes from one to the next. */
export function dotRowsOfBytes4(x: usize, b: usize, apart: usize, end: u32, sums: usize): v128 {
  const scales = x + ((<usize>end) << 1);
  let total = zero();
  for (let first: u32 = 0; first < end; first += GROUP) {
    sumRows4(x + (first << 1), b + first, apart, min(end - first, GROUP), sums);
    const four = sumLanes4(true, fold(sums, 0), fold(sums, 1), fold(sums, 2), fold(sums, 3));
    total = madd(f32x4.convert_i32x4_s(four), v128.load32_splat(scales + (first / GROUP << 2)), total);
  }
  return total;
}
