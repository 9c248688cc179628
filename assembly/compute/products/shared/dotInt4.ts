// Dot products of rows in int4 with rows of integers that represent floats, as dotIntegers.ts lays them. The sum of a
// group's products, which is exact, is multiplied with the group's scale; minima are multiplied with sums of the left row's
// groups, which follow it, so that what a row of b needs of its scales is two rows of floats: scales, then minima. Every
// form sums an element in the same order, which depends on the depth alone.
import { NIBBLES, word } from '../../shared/constants';
import { groupsOf, hasLeast, INT4_GROUP_BYTES } from '../../shared/int4';
import { madd, madd1, storePairs, sumLanes, sumPair, zero } from '../../shared/simd';
import { HALF_FACTOR, unpackEven, unpackOdd } from '../../shared/stored';
import { sumFour } from './dotFloats';
import { GROUP, integersStride, layIntegers, paddedBytes, scalesOfFour } from './dotIntegers';

/** Bytes of a float for each group of a row, padded to whole pairs of vectors. */
// @ts-ignore: decorator
@inline
export function groupFloats(k: u32): usize {
  return (<usize>((groupsOf(k) + 7) & ~7)) << 2;
}

/** Distance of left rows in bytes: integers, their scales, and the sums of groups; whole cache lines. */
// @ts-ignore: decorator
@inline
export function int4LeftBytes(k: u32): usize {
  return integersStride(k) + ((groupFloats(k) + 63) & ~63);
}

/** Stores a row of the left operand. */
export function layInt4Left(from: usize, k: u32, to: usize): void {
  layIntegers(from, k, to);
  const sums = to + integersStride(k);
  const ones = i16x8.splat(1);
  memory.fill(sums, 0, groupFloats(k));
  for (let p: u32 = 0; p < k; p += 32) {
    const at = to + ((<usize>p) << 1);
    let sum = i32x4.dot_i16x8_s(v128.load(at), ones);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(at, 16), ones));
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(at, 32), ones));
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(at, 48), ones));
    store<f32>(sums + (p >> 5 << 2), sumLanes(f32x4.convert_i32x4_s(sum)));
  }
}

/** Eight halves of a row of scales from half `h` on, as floats. */
// @ts-ignore: decorator
@inline
function layEight(from: usize, h: u32, pairs: bool, factor: v128, to: usize, width: usize): void {
  const words = v128.load(from + (h << 1));
  const even = f32x4.mul(unpackEven(words), factor);
  const odd = f32x4.mul(unpackOdd(words), factor);
  if (pairs) {
    v128.store(to + (h << 1), even);
    v128.store(to + width + (h << 1), odd);
    return;
  }
  const eight = f32x4.splat(-8);
  const s0 = v128.shuffle<i32>(even, odd, 0, 4, 1, 5);
  const s1 = v128.shuffle<i32>(even, odd, 2, 6, 3, 7);
  const out = to + (h << 2);
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out + width, f32x4.mul(s0, eight));
  v128.store(out + width, f32x4.mul(s1, eight), 16);
}

/**
 * Scales and minima of a row of b as floats, `groupFloats` each, whose padding must be zeros already.
 * @param work 48 bytes of working memory
 */
export function layInt4Scales(from: usize, k: u32, halves: u32, scale: f32, to: usize, work: usize): void {
  const factor = f32x4.splat(HALF_FACTOR * scale);
  const pairs = hasLeast(k, halves);
  const width = groupFloats(k);
  if (halves >= 8) {
    for (let h: u32 = 0; h + 8 <= halves; h += 8) layEight(from, h, pairs, factor, to, width);
    // The last eight once more, instead of a few.
    if (halves & 7) layEight(from, halves - 8, pairs, factor, to, width);
    return;
  }
  v128.store(work, zero());
  for (let h: u32 = 0; h < halves; h++) store<u16>(work + (h << 1), load<u16>(from + (h << 1)));
  layEight(work, 0, pairs, factor, to, width);
}

/** Half of a group's products, in four lanes: 16 bytes of the left row meet lower halves of bytes, those 32 further upper ones. */
// @ts-ignore: decorator
@inline
function multiplyHalf(x: usize, low: v128, high: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.add(i32x4.dot_i16x8_s(v128.load(x), low), i32x4.dot_i16x8_s(v128.load(x, 32), high)));
}

/**
 * sums [2][8] = partial sums of the products of a left row's `groups` groups with two rows of b, which are two chains of
 * sums side by side. `xSums`: sums of the left row's groups. Scales of the second row are `apart` bytes further.
 */
function sumGroups2(
  x: usize, xSums: usize, b: usize, b1: usize, groups: u32, scales: usize, apart: usize, width: usize, sums: usize,
): void {
  const nibble = word(NIBBLES);
  const scales1 = scales + apart;
  let lo0 = zero();
  let hi0 = zero();
  let lo1 = zero();
  let hi1 = zero();
  for (let g: u32 = 0; g < groups; g++) {
    const u0 = v128.load_ext<u8>(b);
    const v0 = v128.load_ext<u8>(b, 8);
    const u1 = v128.load_ext<u8>(b1);
    const v1 = v128.load_ext<u8>(b1, 8);
    const scale0 = v128.load32_splat(scales + (g << 2));
    const scale1 = v128.load32_splat(scales1 + (g << 2));
    lo0 = madd(multiplyHalf(x, v128.and(u0, nibble), i16x8.shr_u(u0, 4)), scale0, lo0);
    hi0 = madd(multiplyHalf(x + 16, v128.and(v0, nibble), i16x8.shr_u(v0, 4)), scale0, hi0);
    lo1 = madd(multiplyHalf(x, v128.and(u1, nibble), i16x8.shr_u(u1, 4)), scale1, lo1);
    hi1 = madd(multiplyHalf(x + 16, v128.and(v1, nibble), i16x8.shr_u(v1, 4)), scale1, hi1);
    x += 64;
    b += INT4_GROUP_BYTES;
    b1 += INT4_GROUP_BYTES;
  }
  for (let g: u32 = 0; g < groups; g += 8) {
    const least = width + (g << 2);
    const lo = v128.load(xSums + (g << 2));
    const hi = v128.load(xSums + (g << 2), 16);
    lo0 = madd(lo, v128.load(scales + least), lo0);
    hi0 = madd(hi, v128.load(scales + least, 16), hi0);
    lo1 = madd(lo, v128.load(scales1 + least), lo1);
    hi1 = madd(hi, v128.load(scales1 + least, 16), hi1);
  }
  v128.store(sums, lo0);
  v128.store(sums, hi0, 16);
  v128.store(sums, lo1, 32);
  v128.store(sums, hi1, 48);
}

/** sums [4][8] = the same for four left rows, `stride` bytes apart. */
function sumGroups4(
  x: usize, stride: usize, xSums: usize, b: usize, groups: u32, scales: usize, width: usize, sums: usize,
): void {
  const nibble = word(NIBBLES);
  let x1 = x + stride;
  let x2 = x1 + stride;
  let x3 = x2 + stride;
  let lo0 = zero();
  let hi0 = zero();
  let lo1 = zero();
  let hi1 = zero();
  let lo2 = zero();
  let hi2 = zero();
  let lo3 = zero();
  let hi3 = zero();
  for (let g: u32 = 0; g < groups; g++) {
    const u = v128.load_ext<u8>(b);
    const v = v128.load_ext<u8>(b, 8);
    const uLow = v128.and(u, nibble);
    const vLow = v128.and(v, nibble);
    const uHigh = i16x8.shr_u(u, 4);
    const vHigh = i16x8.shr_u(v, 4);
    const scale = v128.load32_splat(scales + (g << 2));
    lo0 = madd(multiplyHalf(x, uLow, uHigh), scale, lo0);
    hi0 = madd(multiplyHalf(x + 16, vLow, vHigh), scale, hi0);
    lo1 = madd(multiplyHalf(x1, uLow, uHigh), scale, lo1);
    hi1 = madd(multiplyHalf(x1 + 16, vLow, vHigh), scale, hi1);
    lo2 = madd(multiplyHalf(x2, uLow, uHigh), scale, lo2);
    hi2 = madd(multiplyHalf(x2 + 16, vLow, vHigh), scale, hi2);
    lo3 = madd(multiplyHalf(x3, uLow, uHigh), scale, lo3);
    hi3 = madd(multiplyHalf(x3 + 16, vLow, vHigh), scale, hi3);
    x += 64;
    x1 += 64;
    x2 += 64;
    x3 += 64;
    b += INT4_GROUP_BYTES;
  }
  const xSums1 = xSums + stride;
  const xSums2 = xSums1 + stride;
  const xSums3 = xSums2 + stride;
  for (let g: u32 = 0; g < groups; g += 8) {
    const at = g << 2;
    const lo = v128.load(scales + width + at);
    const hi = v128.load(scales + width + at, 16);
    lo0 = madd(v128.load(xSums + at), lo, lo0);
    hi0 = madd(v128.load(xSums + at, 16), hi, hi0);
    lo1 = madd(v128.load(xSums1 + at), lo, lo1);
    hi1 = madd(v128.load(xSums1 + at, 16), hi, hi1);
    lo2 = madd(v128.load(xSums2 + at), lo, lo2);
    hi2 = madd(v128.load(xSums2 + at, 16), hi, hi2);
    lo3 = madd(v128.load(xSums3 + at), lo, lo3);
    hi3 = madd(v128.load(xSums3 + at, 16), hi, hi3);
  }
  storePairs(sums, lo0, hi0, lo1, hi1, lo2, hi2, lo3, hi3);
}

/** Groups of b along GROUP elements of the left row, which share a scale. */
const GROUPS: u32 = GROUP / 32;

/**
 * The dot products of a left row with two rows of b, b and b1, to `results`.
 * @param scales `layInt4Scales` of the first, those of the second being `apart` bytes further
 */
export function dotInt4x2(
  x: usize, b: usize, b1: usize, k: u32, scales: usize, apart: usize, sums: usize, results: usize,
): void {
  const width = groupFloats(k);
  const all = groupsOf(k);
  const xScales = x + ((<usize>paddedBytes(k)) << 1);
  const xSums = x + integersStride(k);
  let total0: f32 = 0;
  let total1: f32 = 0;
  for (let first: u32 = 0; first < all; first += GROUPS) {
    const at = first << 2;
    const from = <usize>first * INT4_GROUP_BYTES;
    sumGroups2(
      x + (first << 6), xSums + at, b + from, b1 + from, min(all - first, GROUPS), scales + at, apart, width, sums,
    );
    const xScale = load<f32>(xScales + (first / GROUPS << 2));
    total0 = madd1(sumPair(sums), xScale, total0);
    total1 = madd1(sumPair(sums + 32), xScale, total1);
  }
  store<f32>(results, total0);
  store<f32>(results, total1, 4);
}

/**
 * The dot products of four left rows, `stride` bytes apart, with a row of b: a lane each.
 * @param scales `layInt4Scales` of the row
 */
export function dotInt4x4(x: usize, stride: usize, b: usize, k: u32, scales: usize, sums: usize): v128 {
  const width = groupFloats(k);
  const all = groupsOf(k);
  let xScale = x + ((<usize>paddedBytes(k)) << 1);
  const xSums = x + integersStride(k);
  let total = zero();
  for (let first: u32 = 0; first < all; first += GROUPS) {
    const at = first << 2;
    sumGroups4(
      x + (first << 6), stride, xSums + at, b + <usize>first * INT4_GROUP_BYTES, min(all - first, GROUPS), scales + at, width,
      sums,
    );
    total = madd(sumFour(sums), scalesOfFour(xScale, stride), total);
    xScale += 4;
  }
  return total;
}
