// Products with b transposed for few rows (decoding; the LM head): b, the weight, is read once, straight from memory,
// unpacked. Stored weights are widened in registers for one row, into the first-level cache for several. Range: columns of
// c. Every element is summed in an order that depends on the depth alone.
import { fetchAhead } from './gemmSkinny';
import { loadUpTo, madd, storeUpTo, zero } from './simd';
import { scratch } from './scratch';
import { FLOAT, HALF, INT8, loadEight, widenElements, widenHigh, widenLow } from './stored';

/** Bytes of b that are fetched at a time: they fit the first-level cache, and are long enough a run. */
const FETCH: usize = 24576;
/** Rows of b that are multiplied side by side. */
const WIDE: u32 = 4;
/** Bytes of the sums of two rows of a: [2][4][8]. */
const SUM_BYTES: usize = 256;

/** Working memory of a thread, in bytes: sums, and widened rows of b. */
export function gemmSkinnyNTScratch(k: u32): usize {
  return SUM_BYTES + ((WIDE * max(k, 8)) << 2);
}

/** c [m, n] (+)= a [m, k] b[n, k]^T: four rows of b stay in the first-level cache for all rows of a. */
// @ts-ignore: decorator
@inline
function skinnyNT(
  kind: u32, a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  const stride = (<usize>k) << kind;
  const width = (<usize>k) << 2;
  const sums = scratch();
  const wide = sums + SUM_BYTES;
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
    if (kind != FLOAT && m == 1) {
      dotStored4(kind, a, b0, b1, b2, b3, k, sums, wide);
      addSums(sums, columnScales, c + (j << 2), count, accumulate);
      continue;
    }
    let w0 = b0;
    let w1 = b1;
    let w2 = b2;
    let w3 = b3;
    if (kind != FLOAT) {
      w0 = wide;
      w1 = w0 + width;
      w2 = w1 + width;
      w3 = w2 + width;
      widenElements(kind, b0, w0, k);
      widenElements(kind, b1, w1, k);
      widenElements(kind, b2, w2, k);
      widenElements(kind, b3, w3, k);
    }
    for (let i: u32 = 0; i < m; i += 2) {
      const a0 = a + <usize>i * width;
      const at = c + ((<usize>i * n + j) << 2);
      if (i + 1 == m) {
        dot4(a0, w0, w1, w2, w3, k, sums);
      } else {
        dot2x4(a0, a0 + width, w0, w1, w2, w3, k, sums);
        addSums(sums + 128, columnScales, at + (<usize>n << 2), count, accumulate);
      }
      addSums(sums, columnScales, at, count, accumulate);
    }
  }
}

/** c [m, n] (+)= a [m, k] b[n, k]^T */
export function gemmSkinnyNT(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  skinnyNT(FLOAT, a, b, 0, c, m, n, k, accumulate, begin, end);
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

/** c [count <= 4] (+)= the sums of sums [4][8], each in the order of sumPair, times `scales` [count] if there are some. */
// @ts-ignore: decorator
@inline
function addSums(sums: usize, scales: usize, c: usize, count: u32, accumulate: u32): void {
  const s0 = f32x4.add(v128.load(sums), v128.load(sums, 16));
  const s1 = f32x4.add(v128.load(sums, 32), v128.load(sums, 48));
  const s2 = f32x4.add(v128.load(sums, 64), v128.load(sums, 80));
  const s3 = f32x4.add(v128.load(sums, 96), v128.load(sums, 112));
  const t0 = f32x4.add(v128.shuffle<i32>(s0, s1, 0, 4, 1, 5), v128.shuffle<i32>(s0, s1, 2, 6, 3, 7));
  const t1 = f32x4.add(v128.shuffle<i32>(s2, s3, 0, 4, 1, 5), v128.shuffle<i32>(s2, s3, 2, 6, 3, 7));
  let v = f32x4.add(v128.shuffle<i32>(t0, t1, 0, 1, 4, 5), v128.shuffle<i32>(t0, t1, 2, 3, 6, 7));
  if (scales) v = f32x4.mul(v, loadUpTo(scales, count, zero()));
  storeUpTo(c, accumulate ? f32x4.add(loadUpTo(c, count, zero()), v) : v, count);
}

/** sums [2][4][8]: dot4 of two rows of a, the same bits. */
function dot2x4(a0: usize, a1: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: u32, sums: usize): void {
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
  let p: u32 = 0;
  for (; p + 8 <= k; p += 8) {
    const at = (<usize>p) << 2;
    const x0 = v128.load(a0 + at);
    const y0 = v128.load(a0 + at, 16);
    const x1 = v128.load(a1 + at);
    const y1 = v128.load(a1 + at, 16);
    const u0 = v128.load(b0 + at);
    const v0 = v128.load(b0 + at, 16);
    lo00 = madd(x0, u0, lo00);
    hi00 = madd(y0, v0, hi00);
    lo10 = madd(x1, u0, lo10);
    hi10 = madd(y1, v0, hi10);
    const u1 = v128.load(b1 + at);
    const v1 = v128.load(b1 + at, 16);
    lo01 = madd(x0, u1, lo01);
    hi01 = madd(y0, v1, hi01);
    lo11 = madd(x1, u1, lo11);
    hi11 = madd(y1, v1, hi11);
    const u2 = v128.load(b2 + at);
    const v2 = v128.load(b2 + at, 16);
    lo02 = madd(x0, u2, lo02);
    hi02 = madd(y0, v2, hi02);
    lo12 = madd(x1, u2, lo12);
    hi12 = madd(y1, v2, hi12);
    const u3 = v128.load(b3 + at);
    const v3 = v128.load(b3 + at, 16);
    lo03 = madd(x0, u3, lo03);
    hi03 = madd(y0, v3, hi03);
    lo13 = madd(x1, u3, lo13);
    hi13 = madd(y1, v3, hi13);
  }
  v128.store(sums, lo00);
  v128.store(sums, hi00, 16);
  v128.store(sums, lo01, 32);
  v128.store(sums, hi01, 48);
  v128.store(sums, lo02, 64);
  v128.store(sums, hi02, 80);
  v128.store(sums, lo03, 96);
  v128.store(sums, hi03, 112);
  v128.store(sums, lo10, 128);
  v128.store(sums, hi10, 144);
  v128.store(sums, lo11, 160);
  v128.store(sums, hi11, 176);
  v128.store(sums, lo12, 192);
  v128.store(sums, hi12, 208);
  v128.store(sums, lo13, 224);
  v128.store(sums, hi13, 240);
  const at = (<usize>p) << 2;
  dotTail4(a0 + at, b0 + at, b1 + at, b2 + at, b3 + at, k - p, sums);
  dotTail4(a1 + at, b0 + at, b1 + at, b2 + at, b3 + at, k - p, sums + 128);
}

/** sums [4][8]: eight partial sums each of a . b0 .. a . b3. */
function dot4(a: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: u32, sums: usize): void {
  let lo0 = zero();
  let hi0 = zero();
  let lo1 = zero();
  let hi1 = zero();
  let lo2 = zero();
  let hi2 = zero();
  let lo3 = zero();
  let hi3 = zero();
  let p: u32 = 0;
  for (; p + 8 <= k; p += 8) {
    const at = (<usize>p) << 2;
    const x = v128.load(a + at);
    const y = v128.load(a + at, 16);
    lo0 = madd(x, v128.load(b0 + at), lo0);
    hi0 = madd(y, v128.load(b0 + at, 16), hi0);
    lo1 = madd(x, v128.load(b1 + at), lo1);
    hi1 = madd(y, v128.load(b1 + at, 16), hi1);
    lo2 = madd(x, v128.load(b2 + at), lo2);
    hi2 = madd(y, v128.load(b2 + at, 16), hi2);
    lo3 = madd(x, v128.load(b3 + at), lo3);
    hi3 = madd(y, v128.load(b3 + at, 16), hi3);
  }
  v128.store(sums, lo0);
  v128.store(sums, hi0, 16);
  v128.store(sums, lo1, 32);
  v128.store(sums, hi1, 48);
  v128.store(sums, lo2, 64);
  v128.store(sums, hi2, 80);
  v128.store(sums, lo3, 96);
  v128.store(sums, hi3, 112);
  const at = (<usize>p) << 2;
  dotTail4(a + at, b0 + at, b1 + at, b2 + at, b3 + at, k - p, sums);
}

/** Adds the last `left` < 8 products of dot4 to its sums. */
function dotTail4(a: usize, b0: usize, b1: usize, b2: usize, b3: usize, left: u32, sums: usize): void {
  for (let p: u32 = 0; p < left; p += 4) {
    const at = (<usize>p) << 2;
    const count = min(left - p, 4);
    const x = loadUpTo(a + at, count, zero());
    v128.store(sums, madd(x, loadUpTo(b0 + at, count, zero()), v128.load(sums)));
    v128.store(sums, madd(x, loadUpTo(b1 + at, count, zero()), v128.load(sums, 32)), 32);
    v128.store(sums, madd(x, loadUpTo(b2 + at, count, zero()), v128.load(sums, 64)), 64);
    v128.store(sums, madd(x, loadUpTo(b3 + at, count, zero()), v128.load(sums, 96)), 96);
  }
}
