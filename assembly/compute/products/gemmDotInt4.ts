// gemmNT with the weight b in int4, as dot products of integers: b is read once, in order. A strip of its rows stays in the first-level cache for all rows of a, four at a time. Range: columns of c.
import { int4RowBytes } from '../shared/int4';
import { scratch } from '../shared/scratch';
import { dotInt4x2, dotInt4x4, groupFloats, int4LeftBytes, layInt4Left, layInt4Scales } from './shared/dotInt4';
import { putOne, putUpTo } from './shared/putProducts';

/** Bytes of `sums` [4][8], which is working memory of `layInt4Scales` too, and of two results. */
const SUMS_BYTES: usize = 192;
const RESULTS: usize = 128;
/** Bytes of a strip of b. */
const STRIP: usize = 8192;

/** Rows of a strip. */
// @ts-ignore: decorator
@inline
function stripRows(k: u32): u32 {
  return max(<u32>(STRIP / int4RowBytes(k)), 1);
}

/** Working memory of a thread, in bytes: sums, a's rows, padded to a multiple of four, and the scales of a strip of b. */
export function gemmDotInt4Scratch(m: u32, n: u32, k: u32): usize {
  return SUMS_BYTES + <usize>((m + 3) & ~3) * int4LeftBytes(k) + <usize>stripRows(k) * 2 * groupFloats(k);
}

/** c [m, n] (+)= a [m, k] b[n, k]^T, b int4 with groups along k, times a scale; a rounded to 15 bits of the largest of every GROUP */
export function gemmDotInt4(
  a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, halves: u32, accumulate: u32, scale: f32, begin: u32,
  end: u32,
): void {
  const sums = scratch();
  const left = sums + SUMS_BYTES;
  const leftBytes = int4LeftBytes(k);
  const stripScales = left + <usize>((m + 3) & ~3) * leftBytes;
  const scalesEach = 2 * groupFloats(k);
  const stride = int4RowBytes(k);
  const across = (<usize>n) << 2;
  const add = accumulate != 0;
  for (let i: u32 = 0; i < m; i++) layInt4Left(a + ((<usize>i * k) << 2), k, left + <usize>i * leftBytes);
  // Two or three remaining rows are padded with zeros to four; one is multiplied alone.
  if ((m & 3) > 1) memory.fill(left + <usize>m * leftBytes, 0, <usize>(4 - (m & 3)) * leftBytes);
  memory.fill(stripScales, 0, <usize>stripRows(k) * scalesEach);
  for (let from = begin; from < end; from += stripRows(k)) {
    const rows = min(end - from, stripRows(k));
    for (let r: u32 = 0; r < rows; r++) {
      const row = scales + ((<usize>(from + r) * halves) << 1);
      layInt4Scales(row, k, halves, scale, stripScales + <usize>r * scalesEach, sums);
    }
    for (let i: u32 = 0; i < m; i += 4) {
      const x = left + <usize>i * leftBytes;
      let row = b + <usize>from * stride;
      let rowScales = stripScales;
      let to = c + <usize>i * across + ((<usize>from) << 2);
      if (m - i == 1) {
        for (let r: u32 = 0; r < rows; r += 2) {
          const pair = r + 1 < rows;
          dotInt4x2(x, row, pair ? row + stride : row, k, rowScales, pair ? scalesEach : 0, sums, sums + RESULTS);
          putOne(load<f32>(sums + RESULTS), to, add);
          if (pair) putOne(load<f32>(sums + RESULTS, 4), to + 4, add);
          row += stride << 1;
          rowScales += scalesEach << 1;
          to += 8;
        }
        continue;
      }
      for (let r: u32 = 0; r < rows; r++) {
        putUpTo(dotInt4x4(x, leftBytes, row, k, rowScales, sums), to, across, m - i, add);
        row += stride;
        rowScales += scalesEach;
        to += 4;
      }
    }
  }
}
