// Dot products of rows of signed bytes, each 32 of which have a scale, with rows of integers that represent floats, as
// dotIntegers.ts lays them. The sum of a group's products, which is exact, is multiplied with the group's scale.
import { madd, madd1, storePairs, sumPair, zero } from '../../shared/simd';
import { sumFour } from './dotFloats';
import { GROUP, scalesOfFour } from './dotIntegers';

/** Half of a group's products, in four lanes: eight bytes meet 16 bytes of the left row, those 16 further meet those 32 further. */
// @ts-ignore: decorator
@inline
function multiplyHalf(x: usize, first: v128, second: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.add(i32x4.dot_i16x8_s(v128.load(x), first), i32x4.dot_i16x8_s(v128.load(x, 32), second)));
}

/** sums [8] = partial sums of the products of `count` elements, whole groups, with their scales. */
function sumGroups(x: usize, b: usize, count: u32, scales: usize, sums: usize): void {
  let lo = zero();
  let hi = zero();
  for (let p: u32 = 0; p < count; p += 32) {
    const from = b + p;
    const at = x + ((<usize>p) << 1);
    const scale = v128.load32_splat(scales + (p >> 3));
    lo = madd(multiplyHalf(at, v128.load_ext<i8>(from), v128.load_ext<i8>(from, 16)), scale, lo);
    hi = madd(multiplyHalf(at + 16, v128.load_ext<i8>(from, 8), v128.load_ext<i8>(from, 24)), scale, hi);
  }
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
}

/** sums [4][8] = the same for four left rows, `stride` bytes apart. */
function sumGroups4(x: usize, stride: usize, b: usize, count: u32, scales: usize, sums: usize): void {
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
  for (let p: u32 = 0; p < count; p += 32) {
    const from = b + p;
    const at = (<usize>p) << 1;
    const u0 = v128.load_ext<i8>(from);
    const v0 = v128.load_ext<i8>(from, 8);
    const u1 = v128.load_ext<i8>(from, 16);
    const v1 = v128.load_ext<i8>(from, 24);
    const scale = v128.load32_splat(scales + (p >> 3));
    lo0 = madd(multiplyHalf(x + at, u0, u1), scale, lo0);
    hi0 = madd(multiplyHalf(x + at + 16, v0, v1), scale, hi0);
    lo1 = madd(multiplyHalf(x1 + at, u0, u1), scale, lo1);
    hi1 = madd(multiplyHalf(x1 + at + 16, v0, v1), scale, hi1);
    lo2 = madd(multiplyHalf(x2 + at, u0, u1), scale, lo2);
    hi2 = madd(multiplyHalf(x2 + at + 16, v0, v1), scale, hi2);
    lo3 = madd(multiplyHalf(x3 + at, u0, u1), scale, lo3);
    hi3 = madd(multiplyHalf(x3 + at + 16, v0, v1), scale, hi3);
  }
  storePairs(sums, lo0, hi0, lo1, hi1, lo2, hi2, lo3, hi3);
}

/** The dot product of `end` bytes, whole groups, and a left row. */
export function dotGroups(x: usize, b: usize, end: u32, scales: usize, sums: usize): f32 {
  const xScales = x + ((<usize>end) << 1);
  let total: f32 = 0;
  for (let first: u32 = 0; first < end; first += GROUP) {
    sumGroups(x + (first << 1), b + first, min(end - first, GROUP), scales + (first >> 3), sums);
    total = madd1(sumPair(sums), load<f32>(xScales + (first / GROUP << 2)), total);
  }
  return total;
}

/** The same with four left rows, `stride` bytes apart: a lane each. */
export function dotGroups4(x: usize, stride: usize, b: usize, end: u32, scales: usize, sums: usize): v128 {
  let xScale = x + ((<usize>end) << 1);
  let total = zero();
  for (let first: u32 = 0; first < end; first += GROUP) {
    sumGroups4(x + (first << 1), stride, b + first, min(end - first, GROUP), scales + (first >> 3), sums);
    total = madd(sumFour(sums), scalesOfFour(xScale, stride), total);
    xScale += 4;
  }
  return total;
}
