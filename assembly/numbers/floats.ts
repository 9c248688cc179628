/*
 * f32 numbers as the halves of IEEE 754 and as bfloat16, which is the upper half of an f32. Both ways go by the bits and by
 * one addition where halves are subnormal, so that no operand is: processors take a hundred cycles over each of those. Source: F. Giesen, "Half to float done quic(k)", 2012, and "Float->half variants".
 */
const SIGN: i32 = <i32>0x80000000;
const MAGNITUDE: i32 = 0x7fffffff;

/** Bits of the largest magnitude of f32 numbers: without their signs they are in the order of the numbers, NaN last. */
export function largest(from: usize, count: usize): u32 {
  const mask = i32x4.splat(MAGNITUDE);
  let most = i32x4.splat(0);
  let i: usize = 0;
  for (; i + 4 <= count; i += 4) most = i32x4.max_u(most, v128.and(v128.load(from + 4 * i), mask));
  let result: u32 = 0;
  const halves = i32x4.max_u(most, v128.shuffle<i32>(most, most, 2, 3, 0, 1));
  result = max(<u32>i32x4.extract_lane(halves, 0), <u32>i32x4.extract_lane(halves, 1));
  for (; i < count; i++) result = max(result, load<u32>(from + 4 * i) & MAGNITUDE);
  return result;
}

/** Bits of the largest magnitude of halves. */
export function largestHalf(from: usize, count: usize): u32 {
  const mask = i16x8.splat(0x7fff);
  let most = i16x8.splat(0);
  let i: usize = 0;
  for (; i + 8 <= count; i += 8) most = i16x8.max_u(most, v128.and(v128.load(from + 2 * i), mask));
  let result: u32 = 0;
  // Each lane of 32 bits has two of them.
  const both = i32x4.max_u(v128.and(most, i32x4.splat(0xffff)), i32x4.shr_u(most, 16));
  const halves = i32x4.max_u(both, v128.shuffle<i32>(both, both, 2, 3, 0, 1));
  result = max(<u32>i32x4.extract_lane(halves, 0), <u32>i32x4.extract_lane(halves, 1));
  for (; i < count; i++) result = max(result, <u32>load<u16>(from + 2 * i) & 0x7fff);
  return result;
}

/** Halves times 2^shift, from 1 to 29, none of which may be beyond the range: subnormal ones may become normal. */
export function scaleHalves(from: usize, count: usize, to: usize, shift: i32): void {
  const exponents = i16x8.splat(<i16>(shift << 10));
  for (let i: usize = 0; i < count; i += 8) {
    const halves = v128.load(from + 2 * i);
    const magnitude = v128.and(halves, i16x8.splat(0x7fff));
    const isZero = i16x8.eq(magnitude, i16x8.splat(0));
    const isSmall = i16x8.lt_u(magnitude, i16x8.splat(0x400));
    let scaled = i16x8.add(halves, v128.andnot(exponents, isZero));
    if (v128.any_true(v128.andnot(isSmall, isZero))) {
      const low = narrowed(widened(i32x4.extend_low_i16x8_u(halves)), shift << 23);
      const high = narrowed(widened(i32x4.extend_high_i16x8_u(halves)), shift << 23);
      scaled = i16x8.narrow_i32x4_u(low, high);
    }
    v128.store(to + 2 * i, scaled);
  }
}

/** Halves to f32. */
export function widen(from: usize, count: usize, to: usize): void {
  for (let i: usize = 0; i < count; i += 8) {
    const halves = v128.load(from + 2 * i);
    v128.store(to + 4 * i, widened(i32x4.extend_low_i16x8_u(halves)));
    v128.store(to + 4 * i + 16, widened(i32x4.extend_high_i16x8_u(halves)));
  }
}

/** Four halves, each in a lane of 32 bits. */
// @ts-ignore: decorator
@inline
function widened(halves: v128): v128 {
  const sign = i32x4.shl(v128.and(halves, i32x4.splat(0x8000)), 16);
  const bits = i32x4.shl(v128.and(halves, i32x4.splat(0x7fff)), 13);
  const normal = i32x4.add(bits, i32x4.splat(112 << 23));
  // Infinity and NaN have the largest exponent.
  const infinite = i32x4.add(normal, i32x4.splat(112 << 23));
  // A significand behind the exponent of 2^-14, less 2^-14.
  const subnormal = f32x4.sub(i32x4.add(normal, i32x4.splat(1 << 23)), i32x4.splat(113 << 23));
  const magnitude = v128.bitselect(
    infinite,
    v128.bitselect(subnormal, normal, i32x4.lt_s(bits, i32x4.splat(1 << 23))),
    i32x4.ge_s(bits, i32x4.splat(31 << 23)),
  );
  return v128.or(sign, magnitude);
}

/** bfloat16 to f32. */
export function widenUpper(from: usize, count: usize, to: usize): void {
  for (let i: usize = 0; i < count; i += 8) {
    const upper = v128.load(from + 2 * i);
    v128.store(to + 4 * i, i32x4.shl(i32x4.extend_low_i16x8_u(upper), 16));
    v128.store(to + 4 * i + 16, i32x4.shl(i32x4.extend_high_i16x8_u(upper), 16));
  }
}

/**
 * f32 to the nearest halves, ties to even; from 65520 on they are infinite, and all NaN become one.
 * @param shift the numbers times 2^shift: from 0 to 64, and no product may be beyond f32
 */
export function narrow(from: usize, count: usize, to: usize, shift: i32): void {
  for (let i: usize = 0; i < count; i += 8) {
    const low = narrowed(v128.load(from + 4 * i), shift << 23);
    const high = narrowed(v128.load(from + 4 * i + 16), shift << 23);
    v128.store(to + 2 * i, i16x8.narrow_i32x4_u(low, high));
  }
}

/** Bits of 2^-14, the least half that is not subnormal; of 65520, from which on a half is infinite; of infinity. */
const LEAST_NORMAL: i32 = 0x38800000;
const BEYOND: i32 = 0x477ff000;
const INFINITE: i32 = 0x7f800000;
/** 0.5: the last bit of its significand is 2^-24, that of subnormal halves. */
const HALF: i32 = 0x3f000000;

/** Four halves, each in a lane of 32 bits. */
// @ts-ignore: decorator
@inline
function narrowed(numbers: v128, exponents: i32): v128 {
  const sign = i32x4.shr_u(v128.and(numbers, i32x4.splat(SIGN)), 16);
  const unscaled = v128.and(numbers, i32x4.splat(MAGNITUDE));
  // Subnormal f32 numbers times 2^64 are still 0 as halves.
  const scales = i32x4.ge_s(unscaled, i32x4.splat(1 << 23));
  const bits = i32x4.add(unscaled, v128.and(scales, i32x4.splat(exponents)));
  const odd = v128.and(i32x4.shr_u(bits, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(bits, i32x4.splat(0xfff - 0x38000000)), odd), 13);
  const subnormal = i32x4.sub(f32x4.add(bits, i32x4.splat(HALF)), i32x4.splat(HALF));
  const infinite = v128.bitselect(i32x4.splat(0x7e00), i32x4.splat(0x7c00), i32x4.gt_s(bits, i32x4.splat(INFINITE)));
  const magnitude = v128.bitselect(
    infinite,
    v128.bitselect(normal, subnormal, i32x4.ge_s(bits, i32x4.splat(LEAST_NORMAL))),
    i32x4.ge_s(bits, i32x4.splat(BEYOND)),
  );
  return v128.or(sign, magnitude);
}
