// gemmNT for few rows of a (decoding; the LM head), as dot products of rows: b is read once, unpacked. Range: columns
// of c. There are three ways, and src/backend/wasm/products/choose.ts chooses among them. Straight: b is read row by
// row, and for one row of a in four sequential streams, far apart, which memory delivers fastest. Strips: rows of b are unpacked into a strip that stays in the
// first caches, and two of them are multiplied with four rows of a at a time. Eight: as straight, with up to eight rows
// of a at once. All sum an element in the same order.
import {
  BLOCK_BYTES, dotFloats, dotFloats2x4, dotFloats4, dotHalfRows4, dotHalves, dotHalves4, dotHalves8, dotRows4, HALF_SCALE, layLeft,
  layRight, paddedFloats, sumFour, SUMS_BYTES,
} from './shared/dotFloats';
import { fetchAhead, fetchPages } from './shared/fetchAhead';
import { putFour, putOne, putUpTo } from './shared/putProducts';
import { scratch } from '../shared/scratch';
import { F32, F16 } from '../shared/stored';
import { WIDE } from '../shared/tile';

/** Bytes of a strip of b, as floats. */
const STRIP: usize = 32768;
/** Prefetch distance in bytes ahead of the f16 elements that are multiplied. */
const AHEAD: usize = 8192;

/** Rows of a strip, an even number. */
// @ts-ignore: decorator
@inline
function stripRows(k: u32): u32 {
  return max(<u32>(STRIP / ((<usize>paddedFloats(k)) << 2)) & ~1, 2);
}

/** Working memory of a thread, in bytes: sums, one strip of b, and a's rows padded to a multiple of 4 (at least 8). */
export function gemmDotScratch(m: u32, n: u32, k: u32): usize {
  return SUMS_BYTES + ((<usize>(max((m + 3) & ~3, 8) + stripRows(k)) * paddedFloats(k)) << 2);
}

/** The strip of b in a thread's working memory, behind the sums. */
// @ts-ignore: decorator
@inline
function stripAt(): usize {
  return scratch() + SUMS_BYTES;
}

/**
 * a's rows behind the strip, laid out as b's format wants them, and rows of zeros up to a multiple of four. Returns
 * where.
 */
// @ts-ignore: decorator
@inline
function layRows(kind: u32, a: usize, m: u32, k: u32): usize {
  const width = (<usize>paddedFloats(k)) << 2;
  const left = stripAt() + <usize>stripRows(k) * width;
  for (let i: u32 = 0; i < m; i++) layLeft(kind, a + ((<usize>i * k) << 2), k, left + <usize>i * width);
  memory.fill(left + <usize>m * width, 0, <usize>(((m + 3) & ~3) - m) * width);
  return left;
}

/**
 * c [m, n] (+)= a times rows [begin, end) of b, transposed, a row of b at a time; for one row of a four at a time, each a
 * long stretch of memory.
 */
// @ts-ignore: decorator
@inline
function straight(
  kind: u32, a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: bool, scale: f32, begin: u32, end: u32,
): void {
  const sums = scratch();
  const wide = stripAt();
  const left = layRows(kind, a, m, k);
  const count = paddedFloats(k);
  const stride = (<usize>k) << kind;
  const scales = f32x4.splat(scale);
  let first = begin;
  if (m == 1 && k == count) {
    const quarter = (end - begin) >> 2;
    const apart = <usize>quarter * stride;
    for (let j = begin; j < begin + quarter; j++) {
      const row = b + <usize>j * stride;
      if (kind == F16) dotHalfRows4(left, row, apart, k, sums);
      else dotRows4(left, row, apart, k, sums);
      const products = sumFour(sums);
      putFour(kind == F16 ? f32x4.mul(products, scales) : products, c + (<usize>j << 2), <usize>quarter << 2, accumulate);
    }
    first += quarter << 2;
  }
  for (let j = first; j < end; j++) {
    const row = b + <usize>j * stride;
    if (k < count) layRight(kind, row, k, wide);
    const floats = k < count ? wide : row;
    let i: u32 = 0;
    // f16 is unpacked once for four rows of a, or for two or three and padding.
    for (; kind == F16 && i + 1 < m; i += 4) {
      const x = left + ((<usize>i * count) << 2);
      if (k == count) dotHalves4(x, (<usize>count) << 2, row, count, sums);
      else dotFloats4(x, (<usize>count) << 2, wide, count, sums);
      putUpTo(f32x4.mul(sumFour(sums), scales), c + ((<usize>i * n + j) << 2), (<usize>n) << 2, m - i, accumulate);
    }
    for (; i < m; i++) {
      const x = left + ((<usize>i * count) << 2);
      const half = kind == F16 && k == count;
      const sum = half ? dotHalves(x, row, count, sums) : dotFloats(x, floats, count, sums);
      putOne(kind == F16 ? sum * scale : sum, c + ((<usize>i * n + j) << 2), accumulate);
    }
  }
}

/**
 * c [m, n] (+)= a [m, k] b[n, k]^T, b f16 times a scale, for 5 to 8 rows of a at once, padded with zeros to 8.
 * k is whole blocks of 16.
 */
export function gemmDotEightF16(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, scale: f32, begin: u32, end: u32,
): void {
  const sums = scratch();
  const left = stripAt();
  const add = accumulate != 0;
  const across = (<usize>n) << 2;
  const stride = (<usize>k) << 1;
  const last = b + <usize>end * stride;
  const scales = f32x4.splat(HALF_SCALE * scale);
  memory.fill(left, 0, (<usize>k) << 5);
  for (let i: u32 = 0; i < m; i++) {
    layLeft(F16, a + ((<usize>i * k) << 2), k, left + i * BLOCK_BYTES, 8 * BLOCK_BYTES);
  }
  for (let j = begin; j < end; j++) {
    const row = b + <usize>j * stride;
    fetchPages(row + AHEAD, min(row + stride + AHEAD, last), sums);
    dotHalves8(left, row, k, sums);
    const to = c + (<usize>j << 2);
    putFour(f32x4.mul(sumFour(sums), scales), to, across, add);
    putUpTo(f32x4.mul(sumFour(sums + 128), scales), to + 4 * across, across, m - 4, add);
  }
}

/**
 * The same, a strip of b at a time: f16 and incomplete blocks are unpacked into the working memory first. Two or three
 * remaining rows of a are padded to four.
 */
// @ts-ignore: decorator
@inline
function strips(
  kind: u32, a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: bool, scale: f32, begin: u32, end: u32,
): void {
  const sums = scratch();
  const strip = stripAt();
  const left = layRows(kind, a, m, k);
  const count = paddedFloats(k);
  const width = (<usize>count) << 2;
  const across = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const stride = (<usize>k) << kind;
  for (let from = begin; from < end; from += stripRows(k)) {
    const rows = min(end - from, stripRows(k));
    let first = b + <usize>from * stride;
    fetchAhead(first, first + <usize>rows * stride, sums);
    if (kind == F16 || k < count) {
      for (let r: u32 = 0; r < rows; r++) layRight(kind, first + <usize>r * stride, k, strip + <usize>r * width);
      first = strip;
    }
    for (let i: u32 = 0; i < m; i += 4) {
      const x = left + <usize>i * width;
      const to = c + <usize>i * across + (from << 2);
      if (m - i == 1) {
        for (let r: u32 = 0; r < rows; r++) {
          putOne(dotFloats(x, first + <usize>r * width, count, sums) * scale, to + (r << 2), accumulate);
        }
        continue;
      }
      // Two rows of b at once would need more registers than 128-bit vectors have.
      if (!WIDE) {
        for (let r: u32 = 0; r < rows; r++) {
          dotFloats4(x, width, first + <usize>r * width, count, sums);
          putUpTo(f32x4.mul(sumFour(sums), scales), to + (r << 2), across, m - i, accumulate);
        }
        continue;
      }
      for (let r: u32 = 0; r < rows; r += 2) {
        const row = first + <usize>r * width;
        const pair = r + 1 < rows;
        dotFloats2x4(x, width, row, pair ? row + width : row, count, sums);
        putUpTo(f32x4.mul(sumFour(sums), scales), to + (r << 2), across, m - i, accumulate);
        if (pair) putUpTo(f32x4.mul(sumFour(sums + 128), scales), to + (r << 2) + 4, across, m - i, accumulate);
      }
    }
  }
}

/** c [m, n] (+)= a [m, k] b[n, k]^T */
export function gemmDotStraight(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  straight(F32, a, b, c, m, n, k, accumulate != 0, 1, begin, end);
}

export function gemmDotStrips(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  strips(F32, a, b, c, m, n, k, accumulate != 0, 1, begin, end);
}

/** c [m, n] (+)= a [m, k] b[n, k]^T, b f16 times a scale, a power of two from 2^-64 to 1 */
export function gemmDotStraightF16(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, scale: f32, begin: u32, end: u32,
): void {
  straight(F16, a, b, c, m, n, k, accumulate != 0, HALF_SCALE * scale, begin, end);
}

export function gemmDotStripsF16(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, scale: f32, begin: u32, end: u32,
): void {
  strips(F16, a, b, c, m, n, k, accumulate != 0, HALF_SCALE * scale, begin, end);
}
