// The same products for few rows (decoding): b, the weight, is read once, straight from memory, unpacked. Range: columns
// of c. Every element is summed in an order that depends on the depth alone.
import { packAcrossRows, packAlongRows } from './pack';
import { copyFloats, fillFloats, loadUpTo, madd, storeUpTo, zero } from './simd';
import { scratch } from './scratch';
import { addTile, multiplyTile, TILE_BYTES } from './tile';

/** NN: rows and columns of b that are multiplied at a time; they stay in the second-level cache for all rows of a. */
const DEPTH: u32 = 32;
const COLS: u32 = 4096;
/** Rows of a at most. */
const ROWS: u32 = 32;

/** Working memory of a thread, in bytes. */
export function gemmSkinnyScratch(): usize {
  return TILE_BYTES + ((DEPTH * (ROWS + 16) + COLS + 16) << 2);
}

/**
 * c [segments, m <= 32, n] (+)= a [m, k] b [k, n], the depth cut into segments of `segment` rows of b, so that a thread
 * reads whole rows of b straight on. Range: pieces, a segment by `pieceCols` columns each, segment by segment. An element
 * of a segment is the sum of its blocks of DEPTH in order, whatever m is.
 */
export function gemmSkinnyNN(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, segment: u32, pieceCols: u32, begin: u32, end: u32,
): void {
  const tile = scratch();
  const panels = tile + TILE_BYTES;
  const packed = panels + ((DEPTH * ROWS) << 2);
  const sums = packed + ((DEPTH * 16) << 2);
  const stride = (<usize>n) << 2;
  const across = (n + pieceCols - 1) / pieceCols;
  for (let piece = begin; piece < end; piece++) {
    const start = (piece / across) * segment;
    const stop = min(start + segment, k);
    const target = c + <usize>(piece / across) * m * stride;
    const firstCol = (piece % across) * pieceCols;
    const lastCol = min(firstCol + pieceCols, n);
    for (let j = firstCol; j < lastCol; j += COLS) {
      const cols = min(lastCol - j, COLS);
      const to = target + (<usize>j << 2);
      for (let p = start; p < stop; p += DEPTH) {
        const depth = min(stop - p, DEPTH);
        const from = b + <usize>p * stride + (j << 2);
        const add = accumulate != 0 || p > start;
        if (m == 1) {
          addProducts(a + (p << 2), depth, from, stride, cols, to, add, sums);
          continue;
        }
        packAlongRows(a + (p << 2), (<usize>k) << 2, m, depth, panels, 4);
        fetchRows(from, stride, cols, depth, tile);
        multiplyStrips(panels, m, from, stride, cols, depth, to, add, tile, packed);
      }
    }
  }
}

/** c [cols] (+)= weights [depth] b [depth, cols] */
function addProducts(
  weights: usize, depth: u32, b: usize, stride: usize, cols: u32, c: usize, accumulate: bool, sums: usize,
): void {
  fillFloats(sums, cols, 0);
  for (let p: u32 = 0; p < depth; p += 4) {
    const rows = min(depth - p, 4);
    const from = b + <usize>p * stride;
    const factors = weights + (p << 2);
    fetchRows(from, stride, cols, rows, sums + ((<usize>COLS) << 2));
    if (rows == 4) addRows4(factors, from, stride, sums, cols);
    else for (let r: u32 = 0; r < rows; r++) addRow(load<f32>(factors + (r << 2)), from + <usize>r * stride, sums, cols);
  }
  if (accumulate) addFloats(sums, c, cols);
  else copyFloats(sums, c, cols);
}

/**
 * c [rows, cols] (+)= panels of a times b [depth, cols], 16 columns at a time. A strip is packed to `packed` when it is
 * incomplete, and for more than one panel of a when its rows are so far apart that they fight for a few lines of the cache.
 */
function multiplyStrips(
  panels: usize, rows: u32, b: usize, stride: usize, cols: u32, depth: u32, c: usize, accumulate: bool, tile: usize, packed: usize,
): void {
  const fighting = rows > 4 && (stride & 2047) == 0;
  for (let j: u32 = 0; j < cols; j += 16) {
    const width = min(cols - j, 16);
    let strip = b + (j << 2);
    let distance = stride;
    if (width < 16 || fighting) {
      packAcrossRows(strip, stride, width, depth, packed, 16);
      strip = packed;
      distance = 64;
    }
    for (let i: u32 = 0; i < rows; i += 4) {
      multiplyTile(panels + ((i * depth) << 2), strip, distance, depth, tile);
      addTile(tile, c + <usize>i * stride + (j << 2), stride, min(rows - i, 4), width, accumulate);
    }
  }
}

/** c [size] (+)= the sum of parts [segments, size], in order. Range: elements. */
export function addSegments(parts: usize, c: usize, size: u32, segments: u32, accumulate: u32, begin: u32, end: u32): void {
  const from = parts + (<usize>begin << 2);
  const to = c + (<usize>begin << 2);
  const count = end - begin;
  if (accumulate) addFloats(from, to, count);
  else copyFloats(from, to, count);
  for (let s: u32 = 1; s < segments; s++) addFloats(from + ((<usize>s * size) << 2), to, count);
}

/** y [count] += x [count] */
function addFloats(x: usize, y: usize, count: u32): void {
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    const lo = f32x4.add(v128.load(y + at), v128.load(x + at));
    const hi = f32x4.add(v128.load(y + at, 16), v128.load(x + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < count; i++) {
    const at = (<usize>i) << 2;
    store<f32>(y + at, load<f32>(y + at) + load<f32>(x + at));
  }
}

/** y [cols] += sum of four rows of b, weighted, in order. */
export function addRows4(weights: usize, b: usize, stride: usize, y: usize, cols: u32): void {
  const w0 = v128.load32_splat(weights);
  const w1 = v128.load32_splat(weights, 4);
  const w2 = v128.load32_splat(weights, 8);
  const w3 = v128.load32_splat(weights, 12);
  const b1 = b + stride;
  const b2 = b1 + stride;
  const b3 = b2 + stride;
  let j: u32 = 0;
  for (; j + 8 <= cols; j += 8) {
    const at = (<usize>j) << 2;
    let lo = v128.load(y + at);
    let hi = v128.load(y + at, 16);
    lo = madd(w0, v128.load(b + at), lo);
    hi = madd(w0, v128.load(b + at, 16), hi);
    lo = madd(w1, v128.load(b1 + at), lo);
    hi = madd(w1, v128.load(b1 + at, 16), hi);
    lo = madd(w2, v128.load(b2 + at), lo);
    hi = madd(w2, v128.load(b2 + at, 16), hi);
    lo = madd(w3, v128.load(b3 + at), lo);
    hi = madd(w3, v128.load(b3 + at, 16), hi);
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const count = min(cols - j, 4);
    let v = loadUpTo(y + at, count, zero());
    v = madd(w0, loadUpTo(b + at, count, zero()), v);
    v = madd(w1, loadUpTo(b1 + at, count, zero()), v);
    v = madd(w2, loadUpTo(b2 + at, count, zero()), v);
    v = madd(w3, loadUpTo(b3 + at, count, zero()), v);
    storeUpTo(y + at, v, count);
  }
}

/** y [cols] += weight * b [cols] */
export function addRow(weight: f32, b: usize, y: usize, cols: u32): void {
  const w = f32x4.splat(weight);
  for (let j: u32 = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const count = min(cols - j, 4);
    storeUpTo(y + at, madd(w, loadUpTo(b + at, count, zero()), loadUpTo(y + at, count, zero())), count);
  }
}

/** Bytes that are fetched at a time: they fit the first-level cache, and are long enough a run. */
export const FETCH: usize = 24576;

/**
 * Reads a word of every cache line of [from, to). Memory delivers a straight run of reads about twice as fast as the four
 * rows side by side in which the products then read it, from the cache.
 */
export function fetchAhead(from: usize, to: usize, target: usize): void {
  let word: u32 = 0;
  for (let at = from; at < to; at += 64) word |= load<u32>(at);
  // Stored, so that no compiler drops the reads.
  store<u32>(target, word);
}

/** fetchAhead of `rows` rows of `cols` floats. */
function fetchRows(from: usize, stride: usize, cols: u32, rows: u32, target: usize): void {
  for (let r: u32 = 0; r < rows; r++) {
    fetchAhead(from, from + ((<usize>cols) << 2), target);
    from += stride;
  }
}

/** c [m, n] (+)= a [m, k] b[n, k]^T: four rows of b stay in the first-level cache for all rows of a. */
export function gemmSkinnyNT(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, begin: u32, end: u32,
): void {
  const stride = (<usize>k) << 2;
  const sums = scratch();
  const last = b + <usize>end * stride;
  let fetched = b + <usize>begin * stride;
  for (let j = begin; j < end; j += 4) {
    const count = min(end - j, 4);
    const b0 = b + <usize>j * stride;
    // Columns beyond the last read the first again; their sums are not stored.
    const b1 = count > 1 ? b0 + stride : b0;
    const b2 = count > 2 ? b1 + stride : b0;
    const b3 = count > 3 ? b2 + stride : b0;
    while (fetched < min(b0 + (stride << 2), last)) {
      const to = min(fetched + FETCH, last);
      fetchAhead(fetched, to, sums);
      fetched = to;
    }
    for (let i: u32 = 0; i < m; i += 2) {
      const a0 = a + <usize>i * stride;
      const at = c + ((i * n + j) << 2);
      if (i + 1 == m) {
        dot4(a0, b0, b1, b2, b3, k, sums);
      } else {
        dot2x4(a0, a0 + stride, b0, b1, b2, b3, k, sums);
        addSums(sums + 128, 0, at + (<usize>n << 2), count, accumulate);
      }
      addSums(sums, 0, at, count, accumulate);
    }
  }
}

/** c [count <= 4] (+)= the sums of sums [4][8], each in the order of sumPair, times `scales` [count] if there are some. */
// @ts-ignore: decorator
@inline
export function addSums(sums: usize, scales: usize, c: usize, count: u32, accumulate: u32): void {
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
export function dot2x4(a0: usize, a1: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: u32, sums: usize): void {
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
export function dot4(a: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: u32, sums: usize): void {
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
export function dotTail4(a: usize, b0: usize, b1: usize, b2: usize, b3: usize, left: u32, sums: usize): void {
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
