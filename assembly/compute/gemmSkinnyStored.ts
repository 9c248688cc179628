// gemmSkinny for weights that are stored as halves or bytes: they are read once, straight from memory, and widened in
// registers for one row, into the first-level cache for several. Bytes are multiplied as the integers that they are; the
// scale of their column goes onto the finished sum. Range: columns of c. Every element is summed in an order that depends
// on the depth alone.
import { addRow, addRows4, addSums, dot2x4, dot4, dotTail4, FETCH, fetchAhead } from './gemmSkinny';
import { fillFloats, loadUpTo, madd, storeUpTo, zero } from './simd';
import { scratch } from './scratch';
import { HALF, INT8, loadEight, widenElements, widenHigh, widenLow } from './stored';

/** NN: columns that are summed at a time, and rows of a at most: their sums (16 KiB) stay in the first-level cache. */
const COLS: u32 = 512;
const ROWS: u32 = 8;
/** Rows of b that are widened at a time. */
const WIDE: u32 = 4;

/** Working memory of a thread, in bytes: sums, and widened rows of b, which are `k` long where b is transposed. */
export function gemmSkinnyStoredScratch(k: u32): usize {
  return (<usize>(ROWS * COLS) + WIDE * max(COLS, k)) << 2;
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

/** dot4 on stored rows, without the detour through memory. */
// @ts-ignore: decorator
@inline
function dotStored4(
  kind: u32, a: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: u32, sums: usize, wide: usize,
): void {
  let lo0 = zero();
  let hi0 = zero();
  let lo1 = zero();
  let hi1 = zero();
  let lo2 = zero();
  let hi2 = zero();
  let lo3 = zero();
  let hi3 = zero();
  const whole = k & ~7;
  for (let p: u32 = 0; p < whole; p += 8) {
    const at = (<usize>p) << kind;
    const x = v128.load(a + ((<usize>p) << 2));
    const y = v128.load(a + ((<usize>p) << 2), 16);
    const e0 = loadEight(kind, b0 + at);
    const e1 = loadEight(kind, b1 + at);
    const e2 = loadEight(kind, b2 + at);
    const e3 = loadEight(kind, b3 + at);
    lo0 = madd(x, widenLow(kind, e0), lo0);
    hi0 = madd(y, widenHigh(kind, e0), hi0);
    lo1 = madd(x, widenLow(kind, e1), lo1);
    hi1 = madd(y, widenHigh(kind, e1), hi1);
    lo2 = madd(x, widenLow(kind, e2), lo2);
    hi2 = madd(y, widenHigh(kind, e2), hi2);
    lo3 = madd(x, widenLow(kind, e3), lo3);
    hi3 = madd(y, widenHigh(kind, e3), hi3);
  }
  v128.store(sums, lo0);
  v128.store(sums, hi0, 16);
  v128.store(sums, lo1, 32);
  v128.store(sums, hi1, 48);
  v128.store(sums, lo2, 64);
  v128.store(sums, hi2, 80);
  v128.store(sums, lo3, 96);
  v128.store(sums, hi3, 112);
  const left = k - whole;
  if (left == 0) return;
  const at = (<usize>whole) << kind;
  widenElements(kind, b0 + at, wide, left);
  widenElements(kind, b1 + at, wide + 32, left);
  widenElements(kind, b2 + at, wide + 64, left);
  widenElements(kind, b3 + at, wide + 96, left);
  dotTail4(a + ((<usize>whole) << 2), wide, wide + 32, wide + 64, wide + 96, left, sums);
}

// @ts-ignore: decorator
@inline
function skinnyNT(
  kind: u32, a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  const stride = (<usize>k) << kind;
  const width = (<usize>k) << 2;
  const sums = scratch();
  const wide = sums + ((ROWS * COLS) << 2);
  const last = b + <usize>end * stride;
  let fetched = b + <usize>begin * stride;
  for (let j = begin; j < end; j += WIDE) {
    const count = min(end - j, WIDE);
    const b0 = b + <usize>j * stride;
    // Columns beyond the last read the first again; their sums are not stored.
    const b1 = count > 1 ? b0 + stride : b0;
    const b2 = count > 2 ? b1 + stride : b0;
    const b3 = count > 3 ? b2 + stride : b0;
    while (fetched < min(b0 + WIDE * stride, last)) {
      const to = min(fetched + FETCH, last);
      fetchAhead(fetched, to, sums);
      fetched = to;
    }
    const columnScales = kind == INT8 ? scales + (j << 2) : 0;
    if (m == 1) {
      dotStored4(kind, a, b0, b1, b2, b3, k, sums, wide);
      addSums(sums, columnScales, c + (j << 2), count, accumulate);
      continue;
    }
    const w1 = wide + width;
    const w2 = w1 + width;
    const w3 = w2 + width;
    widenElements(kind, b0, wide, k);
    widenElements(kind, b1, w1, k);
    widenElements(kind, b2, w2, k);
    widenElements(kind, b3, w3, k);
    for (let i: u32 = 0; i < m; i += 2) {
      const a0 = a + <usize>i * width;
      const at = c + ((<usize>i * n + j) << 2);
      if (i + 1 == m) {
        dot4(a0, wide, w1, w2, w3, k, sums);
      } else {
        dot2x4(a0, a0 + width, wide, w1, w2, w3, k, sums);
        addSums(sums + 128, columnScales, at + (<usize>n << 2), count, accumulate);
      }
      addSums(sums, columnScales, at, count, accumulate);
    }
  }
}

/** c [m, n] (+)= a [m, k] b[n, k]^T, b halves */
export function gemmSkinnyNTHalf(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  skinnyNT(HALF, a, b, 0, c, m, n, k, accumulate, begin, end);
}

/** c [m, n] (+)= (a [m, k] b[n, k]^T) scales [n], b bytes */
export function gemmSkinnyNTInt8(
  a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  skinnyNT(INT8, a, b, scales, c, m, n, k, accumulate, begin, end);
}
