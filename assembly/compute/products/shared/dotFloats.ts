// Dot products of rows of floats, in blocks of 16. Every form sums an element in the same order, which depends on the
// depth alone: eight partial sums, then their sum. f16 pairs unpack into even elements, then odd ones; the f32 operand
// is stored in that order. Each inner loop is a function of its own: V8 compiles it better there than inside another
// loop.
import { HALF_BITS, word } from '../../shared/constants';
import { loadPadded, madd, storePairs, sumLanes4, sumPair, zero } from '../../shared/simd';
import { F32, F16, unpackEven, unpackOdd } from '../../shared/stored';

/** Elements that are multiplied at a time. */
export const BLOCK: u32 = 16;
/** Bytes of a block of floats. */
export const BLOCK_BYTES: usize = 64;
/** Bytes of `sums` [2][4][8] or [8][8]: eight partial sums for each product. */
export const SUMS_BYTES: usize = 256;
/**
 * Unpacked f16 elements are 2^112 too small. The f32 operand takes half of that factor, so that no product is
 * subnormal.
 */
export const HALF_SCALE: f32 = 7.205759403792794e16;

/** Elements of a row, padded to whole blocks. */
// @ts-ignore: decorator
@inline
export function paddedFloats(k: u32): u32 {
  return (k + BLOCK - 1) & ~(BLOCK - 1);
}

/**
 * Stores a row of the left operand, its blocks `step` bytes apart. For an f16 right operand in its order and times
 * HALF_SCALE.
 */
export function layLeft(kind: u32, from: usize, k: u32, to: usize, step: usize = BLOCK_BYTES): void {
  const scale = f32x4.splat(HALF_SCALE);
  for (let p: u32 = 0; p < k; p += BLOCK) {
    const at = from + (p << 2);
    const v0 = loadPadded(at, k - p, 0);
    const v1 = loadPadded(at, k - p, 4);
    const v2 = loadPadded(at, k - p, 8);
    const v3 = loadPadded(at, k - p, 12);
    if (kind == F16) {
      v128.store(to, f32x4.mul(v128.shuffle<i32>(v0, v1, 0, 2, 4, 6), scale));
      v128.store(to, f32x4.mul(v128.shuffle<i32>(v2, v3, 0, 2, 4, 6), scale), 16);
      v128.store(to, f32x4.mul(v128.shuffle<i32>(v0, v1, 1, 3, 5, 7), scale), 32);
      v128.store(to, f32x4.mul(v128.shuffle<i32>(v2, v3, 1, 3, 5, 7), scale), 48);
    } else {
      v128.store(to, v0);
      v128.store(to, v1, 16);
      v128.store(to, v2, 32);
      v128.store(to, v3, 48);
    }
    to += step;
  }
}

/** Unpacks a row of the right operand to floats, padded to whole blocks. */
export function layRight(kind: u32, from: usize, k: u32, to: usize): void {
  if (kind == F32) return layLeft(F32, from, k, to);
  const whole = k & ~(BLOCK - 1);
  unpack(from, whole, to);
  if (whole == k) return;
  const last = to + (whole << 2);
  // The block's f16 elements, padded with zeros, in the upper half of the space for its floats.
  memory.fill(last + 32, 0, 32);
  memory.copy(last + 32, from + (whole << 1), (k - whole) << 1);
  unpack(last + 32, BLOCK, last);
}

/** Unpacks whole blocks. A block is read before it is written. */
function unpack(from: usize, count: u32, to: usize): void {
  for (let p: u32 = 0; p < count; p += BLOCK) {
    const u = v128.load(from + (p << 1));
    const v = v128.load(from + (p << 1), 16);
    const out = to + (p << 2);
    v128.store(out, unpackEven(u));
    v128.store(out, unpackEven(v), 16);
    v128.store(out, unpackOdd(u), 32);
    v128.store(out, unpackOdd(v), 48);
  }
}

// @ts-ignore: decorator
@inline
function addStretch(kind: u32, x: usize, b: usize, count: u32, sums: usize): void {
  let lo = zero();
  let hi = zero();
  for (let p: u32 = 0; p < count; p += BLOCK) {
    const at = x + ((<usize>p) << 2);
    const from = b + ((<usize>p) << kind);
    const u = v128.load(from);
    const v = v128.load(from, 16);
    lo = madd(v128.load(at), kind == F16 ? unpackEven(u) : u, lo);
    hi = madd(v128.load(at, 16), kind == F16 ? unpackEven(v) : v, hi);
    lo = madd(v128.load(at, 32), kind == F16 ? unpackOdd(u) : v128.load(from, 32), lo);
    hi = madd(v128.load(at, 48), kind == F16 ? unpackOdd(v) : v128.load(from, 48), hi);
  }
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
}

/** The dot product of whole blocks of a left row and of a row of floats. */
export function dotFloats(x: usize, b: usize, count: u32, sums: usize): f32 {
  addStretch(F32, x, b, count, sums);
  return sumPair(sums);
}

/** The same with an f16 row. */
export function dotHalves(x: usize, b: usize, count: u32, sums: usize): f32 {
  addStretch(F16, x, b, count, sums);
  return sumPair(sums);
}

// @ts-ignore: decorator
@inline
function addRows4(kind: u32, x: usize, b: usize, apart: usize, count: u32, sums: usize): void {
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
  for (let p: u32 = 0; p < count; p += BLOCK) {
    const from = (<usize>p) << kind;
    const at = x + ((<usize>p) << 2);
    let lo = v128.load(at);
    let hi = v128.load(at, 16);
    if (kind == F16) {
      const u0 = v128.load(b + from);
      const v0 = v128.load(b + from, 16);
      const u1 = v128.load(b1 + from);
      const v1 = v128.load(b1 + from, 16);
      const u2 = v128.load(b2 + from);
      const v2 = v128.load(b2 + from, 16);
      const u3 = v128.load(b3 + from);
      const v3 = v128.load(b3 + from, 16);
      lo0 = madd(lo, unpackEven(u0), lo0);
      hi0 = madd(hi, unpackEven(v0), hi0);
      lo1 = madd(lo, unpackEven(u1), lo1);
      hi1 = madd(hi, unpackEven(v1), hi1);
      lo2 = madd(lo, unpackEven(u2), lo2);
      hi2 = madd(hi, unpackEven(v2), hi2);
      lo3 = madd(lo, unpackEven(u3), lo3);
      hi3 = madd(hi, unpackEven(v3), hi3);
      lo = v128.load(at, 32);
      hi = v128.load(at, 48);
      lo0 = madd(lo, unpackOdd(u0), lo0);
      hi0 = madd(hi, unpackOdd(v0), hi0);
      lo1 = madd(lo, unpackOdd(u1), lo1);
      hi1 = madd(hi, unpackOdd(v1), hi1);
      lo2 = madd(lo, unpackOdd(u2), lo2);
      hi2 = madd(hi, unpackOdd(v2), hi2);
      lo3 = madd(lo, unpackOdd(u3), lo3);
      hi3 = madd(hi, unpackOdd(v3), hi3);
      continue;
    }
    lo0 = madd(lo, v128.load(b + from), lo0);
    hi0 = madd(hi, v128.load(b + from, 16), hi0);
    lo1 = madd(lo, v128.load(b1 + from), lo1);
    hi1 = madd(hi, v128.load(b1 + from, 16), hi1);
    lo2 = madd(lo, v128.load(b2 + from), lo2);
    hi2 = madd(hi, v128.load(b2 + from, 16), hi2);
    lo3 = madd(lo, v128.load(b3 + from), lo3);
    hi3 = madd(hi, v128.load(b3 + from, 16), hi3);
    lo = v128.load(at, 32);
    hi = v128.load(at, 48);
    lo0 = madd(lo, v128.load(b + from, 32), lo0);
    hi0 = madd(hi, v128.load(b + from, 48), hi0);
    lo1 = madd(lo, v128.load(b1 + from, 32), lo1);
    hi1 = madd(hi, v128.load(b1 + from, 48), hi1);
    lo2 = madd(lo, v128.load(b2 + from, 32), lo2);
    hi2 = madd(hi, v128.load(b2 + from, 48), hi2);
    lo3 = madd(lo, v128.load(b3 + from, 32), lo3);
    hi3 = madd(hi, v128.load(b3 + from, 48), hi3);
  }
  storePairs(sums, lo0, hi0, lo1, hi1, lo2, hi2, lo3, hi3);
}

/**
 * sums [4][8] = eight partial sums each of the products of whole blocks of a left row with four rows of floats, `apart`
 * bytes from one to the next. Sums of one row alone wait for each other.
 */
export function dotRows4(x: usize, b: usize, apart: usize, count: u32, sums: usize): void {
  addRows4(F32, x, b, apart, count, sums);
}

/** The same with f16 rows. */
export function dotHalfRows4(x: usize, b: usize, apart: usize, count: u32, sums: usize): void {
  addRows4(F16, x, b, apart, count, sums);
}

// @ts-ignore: decorator
@inline
function addStretch4(kind: u32, x: usize, stride: usize, b: usize, count: u32, sums: usize): void {
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
    const at = (<usize>p) << 2;
    const from = b + ((<usize>p) << kind);
    const u = v128.load(from);
    const v = v128.load(from, 16);
    let lo = kind == F16 ? unpackEven(u) : u;
    let hi = kind == F16 ? unpackEven(v) : v;
    lo0 = madd(v128.load(x + at), lo, lo0);
    hi0 = madd(v128.load(x + at, 16), hi, hi0);
    lo1 = madd(v128.load(x1 + at), lo, lo1);
    hi1 = madd(v128.load(x1 + at, 16), hi, hi1);
    lo2 = madd(v128.load(x2 + at), lo, lo2);
    hi2 = madd(v128.load(x2 + at, 16), hi, hi2);
    lo3 = madd(v128.load(x3 + at), lo, lo3);
    hi3 = madd(v128.load(x3 + at, 16), hi, hi3);
    lo = kind == F16 ? unpackOdd(u) : v128.load(from, 32);
    hi = kind == F16 ? unpackOdd(v) : v128.load(from, 48);
    lo0 = madd(v128.load(x + at, 32), lo, lo0);
    hi0 = madd(v128.load(x + at, 48), hi, hi0);
    lo1 = madd(v128.load(x1 + at, 32), lo, lo1);
    hi1 = madd(v128.load(x1 + at, 48), hi, hi1);
    lo2 = madd(v128.load(x2 + at, 32), lo, lo2);
    hi2 = madd(v128.load(x2 + at, 48), hi, hi2);
    lo3 = madd(v128.load(x3 + at, 32), lo, lo3);
    hi3 = madd(v128.load(x3 + at, 48), hi, hi3);
  }
  storePairs(sums, lo0, hi0, lo1, hi1, lo2, hi2, lo3, hi3);
}

/** sums [4][8] = eight partial sums each of the products of a row of floats with four left rows, `stride` bytes apart. */
export function dotFloats4(x: usize, stride: usize, b: usize, count: u32, sums: usize): void {
  addStretch4(F32, x, stride, b, count, sums);
}

/** The same with an f16 row. */
export function dotHalves4(x: usize, stride: usize, b: usize, count: u32, sums: usize): void {
  addStretch4(F16, x, stride, b, count, sums);
}

/**
 * sums [8][8] = the same with eight left rows: the f16 row is unpacked once for all of them. The left rows are
 * interleaved by blocks, since eight pointers would not fit the registers.
 */
export function dotHalves8(x: usize, b: usize, count: u32, sums: usize): void {
  const bits = word(HALF_BITS);
  let lo0 = zero();
  let hi0 = zero();
  let lo1 = zero();
  let hi1 = zero();
  let lo2 = zero();
  let hi2 = zero();
  let lo3 = zero();
  let hi3 = zero();
  let lo4 = zero();
  let hi4 = zero();
  let lo5 = zero();
  let hi5 = zero();
  let lo6 = zero();
  let hi6 = zero();
  let lo7 = zero();
  let hi7 = zero();
  const end = b + ((<usize>count) << 1);
  while (b < end) {
    const u = v128.load(b);
    const v = v128.load(b, 16);
    let lo = unpackEven(u, bits);
    let hi = unpackEven(v, bits);
    lo0 = madd(v128.load(x), lo, lo0);
    hi0 = madd(v128.load(x, 16), hi, hi0);
    lo1 = madd(v128.load(x, 64), lo, lo1);
    hi1 = madd(v128.load(x, 80), hi, hi1);
    lo2 = madd(v128.load(x, 128), lo, lo2);
    hi2 = madd(v128.load(x, 144), hi, hi2);
    lo3 = madd(v128.load(x, 192), lo, lo3);
    hi3 = madd(v128.load(x, 208), hi, hi3);
    lo4 = madd(v128.load(x, 256), lo, lo4);
    hi4 = madd(v128.load(x, 272), hi, hi4);
    lo5 = madd(v128.load(x, 320), lo, lo5);
    hi5 = madd(v128.load(x, 336), hi, hi5);
    lo6 = madd(v128.load(x, 384), lo, lo6);
    hi6 = madd(v128.load(x, 400), hi, hi6);
    lo7 = madd(v128.load(x, 448), lo, lo7);
    hi7 = madd(v128.load(x, 464), hi, hi7);
    lo = unpackOdd(u, bits);
    hi = unpackOdd(v, bits);
    lo0 = madd(v128.load(x, 32), lo, lo0);
    hi0 = madd(v128.load(x, 48), hi, hi0);
    lo1 = madd(v128.load(x, 96), lo, lo1);
    hi1 = madd(v128.load(x, 112), hi, hi1);
    lo2 = madd(v128.load(x, 160), lo, lo2);
    hi2 = madd(v128.load(x, 176), hi, hi2);
    lo3 = madd(v128.load(x, 224), lo, lo3);
    hi3 = madd(v128.load(x, 240), hi, hi3);
    lo4 = madd(v128.load(x, 288), lo, lo4);
    hi4 = madd(v128.load(x, 304), hi, hi4);
    lo5 = madd(v128.load(x, 352), lo, lo5);
    hi5 = madd(v128.load(x, 368), hi, hi5);
    lo6 = madd(v128.load(x, 416), lo, lo6);
    hi6 = madd(v128.load(x, 432), hi, hi6);
    lo7 = madd(v128.load(x, 480), lo, lo7);
    hi7 = madd(v128.load(x, 496), hi, hi7);
    x += 8 * BLOCK_BYTES;
    b += 2 * BLOCK;
  }
  storePairs(sums, lo0, hi0, lo1, hi1, lo2, hi2, lo3, hi3);
  storePairs(sums + 128, lo4, hi4, lo5, hi5, lo6, hi6, lo7, hi7);
}

/**
 * sums [2][4][8] = eight partial sums each of the products of two rows of floats, b and b1, with four left rows,
 * `stride` bytes apart.
 */
export function dotFloats2x4(x: usize, stride: usize, b: usize, b1: usize, count: u32, sums: usize): void {
  const x1 = x + stride;
  const x2 = x1 + stride;
  const x3 = x2 + stride;
  let lo00 = zero();
  let hi00 = zero();
  let lo01 = zero();
  let hi01 = zero();
  let lo02 = zero();
  let hi02 = zero();
  let lo03 = zero();
  let hi03 = zero();
  let lo10 = zero();
  let hi10 = zero();
  let lo11 = zero();
  let hi11 = zero();
  let lo12 = zero();
  let hi12 = zero();
  let lo13 = zero();
  let hi13 = zero();
  for (let p: u32 = 0; p < count; p += 8) {
    const at = (<usize>p) << 2;
    const u0 = v128.load(b + at);
    const v0 = v128.load(b + at, 16);
    const u1 = v128.load(b1 + at);
    const v1 = v128.load(b1 + at, 16);
    let lo = v128.load(x + at);
    let hi = v128.load(x + at, 16);
    lo00 = madd(lo, u0, lo00);
    hi00 = madd(hi, v0, hi00);
    lo10 = madd(lo, u1, lo10);
    hi10 = madd(hi, v1, hi10);
    lo = v128.load(x1 + at);
    hi = v128.load(x1 + at, 16);
    lo01 = madd(lo, u0, lo01);
    hi01 = madd(hi, v0, hi01);
    lo11 = madd(lo, u1, lo11);
    hi11 = madd(hi, v1, hi11);
    lo = v128.load(x2 + at);
    hi = v128.load(x2 + at, 16);
    lo02 = madd(lo, u0, lo02);
    hi02 = madd(hi, v0, hi02);
    lo12 = madd(lo, u1, lo12);
    hi12 = madd(hi, v1, hi12);
    lo = v128.load(x3 + at);
    hi = v128.load(x3 + at, 16);
    lo03 = madd(lo, u0, lo03);
    hi03 = madd(hi, v0, hi03);
    lo13 = madd(lo, u1, lo13);
    hi13 = madd(hi, v1, hi13);
  }
  storePairs(sums, lo00, hi00, lo01, hi01, lo02, hi02, lo03, hi03);
  storePairs(sums + 128, lo10, hi10, lo11, hi11, lo12, hi12, lo13, hi13);
}

/** Four products, a lane each: the sums of sums [4][8], in the order of sumPair. */
// @ts-ignore: decorator
@inline
export function sumFour(sums: usize): v128 {
  const s0 = f32x4.add(v128.load(sums), v128.load(sums, 16));
  const s1 = f32x4.add(v128.load(sums, 32), v128.load(sums, 48));
  const s2 = f32x4.add(v128.load(sums, 64), v128.load(sums, 80));
  const s3 = f32x4.add(v128.load(sums, 96), v128.load(sums, 112));
  return sumLanes4(false, s0, s1, s2, s3);
}
