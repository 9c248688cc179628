// gemmSkinnyNN for weights that are stored as halves or bytes: they are read once, straight from memory, and widened in
// registers for one row, into the first-level cache for several. Bytes are multiplied as the integers that they are; the
// scale of their column goes onto the finished sum. Range: columns of c. Every element is summed in an order that depends
// on the depth alone.
import { addRow, addRows4 } from './gemmSkinny';
import { fillFloats, loadUpTo, madd, storeUpTo, zero } from './simd';
import { scratch } from './scratch';
import { HALF, INT8, loadEight, widenElements, widenHigh, widenLow } from './stored';

/** Columns that are summed at a time, and rows of a at most: their sums (16 KiB) stay in the first-level cache. */
const COLS: u32 = 512;
const ROWS: u32 = 8;
/** Rows of b that are widened at a time. */
const WIDE: u32 = 4;

/** Working memory of a thread, in bytes: sums, and widened rows of b. */
export function gemmSkinnyStoredScratch(): usize {
  return ((ROWS + WIDE) * COLS) << 2;
}

/** c [cols] (+)= sums [cols], times their scales where they have some. */
// @ts-ignore: decorator
@inline
function finish(kind: u32, sums: usize, scales: usize, c: usize, cols: u32, accumulate: u32): void {
  for (let j: u32 = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const count = min(cols - j, 4);
    let v = loadUpTo(sums + at, count, zero());
    if (kind == INT8) v = f32x4.mul(v, loadUpTo(scales + at, count, zero()));
    if (accumulate) v = f32x4.add(loadUpTo(c + at, count, zero()), v);
    storeUpTo(c + at, v, count);
  }
}

/** y [cols] += sum of four rows of b, weighted, in order: addRows4 without the detour through memory. */
// @ts-ignore: decorator
@inline
function addStoredRows4(kind: u32, weights: usize, b: usize, stride: usize, y: usize, cols: u32, wide: usize): void {
  const w0 = v128.load32_splat(weights);
  const w1 = v128.load32_splat(weights, 4);
  const w2 = v128.load32_splat(weights, 8);
  const w3 = v128.load32_splat(weights, 12);
  const b1 = b + stride;
  const b2 = b1 + stride;
  const b3 = b2 + stride;
  let j: u32 = 0;
  for (; j + 8 <= cols; j += 8) {
    const at = (<usize>j) << kind;
    const to = y + ((<usize>j) << 2);
    const e0 = loadEight(kind, b + at);
    const e1 = loadEight(kind, b1 + at);
    const e2 = loadEight(kind, b2 + at);
    const e3 = loadEight(kind, b3 + at);
    let lo = v128.load(to);
    let hi = v128.load(to, 16);
    lo = madd(w0, widenLow(kind, e0), lo);
    hi = madd(w0, widenHigh(kind, e0), hi);
    lo = madd(w1, widenLow(kind, e1), lo);
    hi = madd(w1, widenHigh(kind, e1), hi);
    lo = madd(w2, widenLow(kind, e2), lo);
    hi = madd(w2, widenHigh(kind, e2), hi);
    lo = madd(w3, widenLow(kind, e3), lo);
    hi = madd(w3, widenHigh(kind, e3), hi);
    v128.store(to, lo);
    v128.store(to, hi, 16);
  }
  if (j == cols) return;
  const left = cols - j;
  const step = (<usize>left) << 2;
  for (let r: u32 = 0; r < 4; r++) widenElements(kind, b + <usize>r * stride + ((<usize>j) << kind), wide + r * step, left);
  addRows4(weights, wide, step, y + ((<usize>j) << 2), left);
}

// @ts-ignore: decorator
@inline
function skinnyNN(
  kind: u32, a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  const stride = (<usize>n) << kind;
  const sums = scratch();
  const wide = sums + ((ROWS * COLS) << 2);
  for (let first = begin; first < end; first += COLS) {
    const cols = min(end - first, COLS);
    const width = (<usize>cols) << 2;
    fillFloats(sums, m * cols, 0);
    for (let p: u32 = 0; p < k; p += WIDE) {
      const rows = min(k - p, WIDE);
      const from = b + <usize>p * stride + ((<usize>first) << kind);
      if (m == 1 && rows == WIDE) {
        addStoredRows4(kind, a + (p << 2), from, stride, sums, cols, wide);
        continue;
      }
      for (let r: u32 = 0; r < rows; r++) widenElements(kind, from + <usize>r * stride, wide + r * width, cols);
      for (let i: u32 = 0; i < m; i++) {
        const weights = a + ((i * k + p) << 2);
        const sum = sums + <usize>i * width;
        if (rows == WIDE) addRows4(weights, wide, width, sum, cols);
        else for (let r: u32 = 0; r < rows; r++) addRow(load<f32>(weights + (r << 2)), wide + r * width, sum, cols);
      }
    }
    const at = (<usize>first) << 2;
    for (let i: u32 = 0; i < m; i++) {
      finish(kind, sums + <usize>i * width, scales + at, c + ((<usize>i * n) << 2) + at, cols, accumulate);
    }
  }
}

/** c [m <= 8, n] (+)= a [m, k] b [k, n], b halves */
export function gemmSkinnyNNHalf(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  skinnyNN(HALF, a, b, 0, c, m, n, k, accumulate, begin, end);
}

/** c [m <= 8, n] (+)= (a [m, k] b [k, n]) scales [n], b bytes */
export function gemmSkinnyNNInt8(
  a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  skinnyNN(INT8, a, b, scales, c, m, n, k, accumulate, begin, end);
}
