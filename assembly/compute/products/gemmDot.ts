// Products with b, the weight, transposed, for few rows of a (decoding; the LM head), as dot products of rows: b is read once,
// unpacked. Range: columns of c. For the fewest rows of a, b is read row by row, straight on: memory delivers a single stream
// fastest. For more, strips of b go to the nearest caches, as floats, and two rows of b meet four rows of a there.
import {
  BLOCK_BYTES, dotFloats, dotFloats2x4, dotHalves, dotHalves4, dotHalves8, HALF_SCALE, layLeft, layRight, paddedFloats,
  sumFour, SUMS_BYTES,
} from './shared/dotFloats';
import { fetchAhead, fetchPages } from './shared/fetchAhead';
import { putFour, putOne, putUpTo } from './shared/putProducts';
import { scratch } from '../shared/scratch';
import { F32, F16 } from '../shared/stored';

/** Bytes of a strip of b, as floats. */
const STRIP: usize = 32768;
/** How far ahead of the halves that are multiplied memory is asked for the next ones, in bytes. */
const AHEAD: usize = 8192;

/** Rows of a strip, an even number. */
// @ts-ignore: decorator
@inline
function stripRows(k: u32): u32 {
  return max(<u32>(STRIP / ((<usize>paddedFloats(k)) << 2)) & ~1, 2);
}

/** Working memory of a thread, in bytes: sums, a strip of b, the rows of a with those that are missing from eight or from four. */
export function gemmDotScratch(m: u32, k: u32): usize {
  return SUMS_BYTES + ((<usize>(max((m + 3) & ~3, 8) + stripRows(k)) * paddedFloats(k)) << 2);
}

// @ts-ignore: decorator
@inline
function product(
  kind: u32, a: usize, b: usize, scale: f32, c: usize, m: u32, n: u32, k: u32, accumulate: bool, begin: u32, end: u32,
): void {
  const count = paddedFloats(k);
  const width = (<usize>count) << 2;
  const sums = scratch();
  const strip = sums + SUMS_BYTES;
  const left = strip + <usize>stripRows(k) * width;
  if (kind == F16 && k == count && m > 5 && m <= 8) {
    return multiplyEight(a, left, b, scale, c, m, n, k, accumulate, begin, end, sums);
  }
  for (let i: u32 = 0; i < m; i++) layLeft(kind, a + ((<usize>i * k) << 2), k, left + <usize>i * width);
  if (m < 4 || (kind == F16 && m <= 8)) multiplyStraight(kind, left, b, scale, c, m, n, k, accumulate, begin, end, sums, strip);
  else multiplyStrips(kind, left, b, scale, c, m, n, k, accumulate, begin, end, sums, strip);
}

/** c [m, n] (+)= left rows times rows [begin, end) of b, transposed, a row of b at a time. */
// @ts-ignore: decorator
@inline
function multiplyStraight(
  kind: u32, left: usize, b: usize, scale: f32, c: usize, m: u32, n: u32, k: u32, accumulate: bool, begin: u32, end: u32,
  sums: usize, wide: usize,
): void {
  const count = paddedFloats(k);
  const stride = (<usize>k) << kind;
  for (let j = begin; j < end; j++) {
    const row = b + <usize>j * stride;
    if (k < count) layRight(kind, row, k, wide);
    let i: u32 = 0;
    if (kind == F16 && k == count) {
      for (; i + 4 <= m; i += 4) {
        dotHalves4(left + ((<usize>i * count) << 2), (<usize>count) << 2, row, count, sums);
        putFour(f32x4.mul(sumFour(sums), f32x4.splat(scale)), c + ((<usize>i * n + j) << 2), (<usize>n) << 2, accumulate);
      }
    }
    for (; i < m; i++) {
      const x = left + ((<usize>i * count) << 2);
      const at = c + ((<usize>i * n + j) << 2);
      if (k < count) putOne(dotFloats(x, wide, count, sums) * scale, at, accumulate);
      else if (kind == F16) putOne(dotHalves(x, row, count, sums) * scale, at, accumulate);
      else putOne(dotFloats(x, row, count, sums), at, accumulate);
    }
  }
}

/**
 * The same with 6 to 8 rows of a, all at once, zeros for those that are missing, and with whole blocks of halves. Of 5 rows, four
 * and then the last are faster.
 */
function multiplyEight(
  a: usize, left: usize, b: usize, scale: f32, c: usize, m: u32, n: u32, k: u32, accumulate: bool, begin: u32, end: u32,
  sums: usize,
): void {
  const across = (<usize>n) << 2;
  const stride = (<usize>k) << 1;
  const last = b + <usize>end * stride;
  const scales = f32x4.splat(scale);
  memory.fill(left, 0, (<usize>k) << 5);
  for (let i: u32 = 0; i < m; i++) {
    layLeft(F16, a + ((<usize>i * k) << 2), k, left + i * BLOCK_BYTES, 8 * BLOCK_BYTES);
  }
  for (let j = begin; j < end; j++) {
    const row = b + <usize>j * stride;
    fetchPages(row + AHEAD, min(row + stride + AHEAD, last), sums);
    dotHalves8(left, row, k, sums);
    const to = c + (<usize>j << 2);
    putFour(f32x4.mul(sumFour(sums), scales), to, across, accumulate);
    putUpTo(f32x4.mul(sumFour(sums + 128), scales), to + 4 * across, across, m - 4, accumulate);
  }
}

/**
 * The same, a strip of b at a time: halves and incomplete blocks are laid out in `strip` first. Two or three rows of a that
 * are left over are multiplied as four.
 */
// @ts-ignore: decorator
@inline
function multiplyStrips(
  kind: u32, left: usize, b: usize, scale: f32, c: usize, m: u32, n: u32, k: u32, accumulate: bool, begin: u32, end: u32,
  sums: usize, strip: usize,
): void {
  const count = paddedFloats(k);
  const width = (<usize>count) << 2;
  const across = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const stride = (<usize>k) << kind;
  memory.fill(left + <usize>m * width, 0, <usize>(((m + 3) & ~3) - m) * width);
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
export function gemmDot(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  product(F32, a, b, 1, c, m, n, k, accumulate != 0, begin, end);
}

/** c [m, n] (+)= a [m, k] b[n, k]^T, b halves times a scale, a power of two from 2^-64 to 1 */
export function gemmDotF16(
  a: usize, b: usize, scale: f32, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  product(F16, a, b, HALF_SCALE * scale, c, m, n, k, accumulate != 0, begin, end);
}
