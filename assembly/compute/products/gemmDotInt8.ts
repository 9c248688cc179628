// Products with b, the weight, transposed and stored as bytes, as dot products of integers: twice as fast as floats,
// for any number of rows of a. b is read once for every ROWS rows of a, unpacked. Range: columns of c.
import { dotGroups, dotGroups4 } from './shared/dotGroups';
import {
  dotBytes, dotBytes4, dotRowsOfBytes4, INTEGER_SUMS_BYTES, integersStride, layIntegers, paddedBytes, scalesOfFour,
} from './shared/dotIntegers';
import { putFour, putOne } from './shared/putProducts';
import { scratch } from '../shared/scratch';

/** Rows of a that are laid out at a time. */
const ROWS: u32 = 32;
/** Bytes of rows of a that a row of b is multiplied with at once; with the strip they stay in the first-level cache. */
const TOGETHER: usize = 16384;
/** Bytes of rows of b that are multiplied with these rows of a before the next rows of a. */
const STRIP: u32 = 16384;

/** Working memory of a thread, in bytes: sums, a row of b, and rows of a. */
export function gemmDotInt8Scratch(m: u32, n: u32, k: u32): usize {
  return INTEGER_SUMS_BYTES + paddedBytes(k) + <usize>min(m, ROWS) * integersStride(k);
}

/**
 * c [m, n] (+)= a [m, k] b[n, k]^T, b bytes with `groups` scales a row: one, or one for 32 elements, which a row has whole
 * groups of then. a is rounded to 15 bits of the largest of every GROUP.
 */
export function gemmDotInt8(
  a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, groups: u32, accumulate: u32, begin: u32, end: u32,
): void {
  const width = integersStride(k);
  const left = scratch() + INTEGER_SUMS_BYTES + paddedBytes(k);
  for (let i: u32 = 0; i < m; i += ROWS) {
    const rows = min(m - i, ROWS);
    for (let r: u32 = 0; r < rows; r++) layIntegers(a + ((<usize>(i + r) * k) << 2), k, left + <usize>r * width);
    const to = c + ((<usize>i * n) << 2);
    const single = rows == 1 && groups == 1 && k == paddedBytes(k);
    const first = single ? multiplyRow(left, b, scales, to, k, accumulate != 0, begin, end) : begin;
    multiplyStrips(left, rows, b, scales, to, n, k, groups, accumulate != 0, first, end);
  }
}

/**
 * The same for one left row and rows of whole blocks, of which there may be up to three more: four rows of b at a time, each
 * a long stretch of memory. Returns the first row that is left.
 */
function multiplyRow(
  left: usize, b: usize, scales: usize, c: usize, k: u32, accumulate: bool, begin: u32, end: u32,
): u32 {
  const sums = scratch();
  const quarter = (end - begin) >> 2;
  for (let j = begin; j < begin + quarter; j++) {
    const y = dotRowsOfBytes4(left, b + <usize>j * k, <usize>quarter * k, k, sums);
    putFour(f32x4.mul(y, scalesOfFour(scales + (j << 2), quarter << 2)), c + (j << 2), quarter << 2, accumulate);
  }
  return begin + (quarter << 2);
}

/** c [rows, n] (+)= left rows times rows [begin, end) of b, transposed, each with its scale. */
function multiplyStrips(
  left: usize, rows: u32, b: usize, scales: usize, c: usize, n: u32, k: u32, groups: u32, accumulate: bool, begin: u32, end: u32,
): void {
  const sums = scratch();
  const copy = sums + INTEGER_SUMS_BYTES;
  const across = (<usize>n) << 2;
  const width = integersStride(k);
  const count = paddedBytes(k);
  const together = max(<u32>(TOGETHER / width) & ~3, 4);
  const strip = rows <= together ? end - begin : max(STRIP / k, 1);
  memory.fill(copy, 0, count);
  for (let from = begin; from < end; from += strip) {
    const to = min(from + strip, end);
    for (let first: u32 = 0; first < rows; first += together) {
      const last = min(first + together, rows);
      for (let j = from; j < to; j++) {
        let row = b + <usize>j * k;
        // Its last block is padded with zeros.
        if (k < count) {
          memory.copy(copy, row, k);
          row = copy;
        }
        const rowScales = scales + ((<usize>j * groups) << 2);
        const at = c + (j << 2);
        let i = first;
        if (groups > 1) {
          for (; i + 4 <= last; i += 4) {
            putFour(dotGroups4(left + <usize>i * width, width, row, count, rowScales, sums), at + <usize>i * across, across, accumulate);
          }
          for (; i < last; i++) {
            putOne(dotGroups(left + <usize>i * width, row, count, rowScales, sums), at + <usize>i * across, accumulate);
          }
          continue;
        }
        const scale = load<f32>(rowScales);
        for (; i + 4 <= last; i += 4) {
          const y = f32x4.mul(dotBytes4(left + <usize>i * width, width, row, count, sums), f32x4.splat(scale));
          putFour(y, at + <usize>i * across, across, accumulate);
        }
        for (; i < last; i++) {
          putOne(dotBytes(left + <usize>i * width, row, count, sums) * scale, at + <usize>i * across, accumulate);
        }
      }
    }
  }
}
