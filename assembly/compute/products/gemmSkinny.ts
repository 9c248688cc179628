// The product a b for few rows (decoding): b, the weight, is read once, in memory order, unpacked. The order in which
// an element is summed depends on the depth and its segments alone.
import { fetchAhead } from './shared/fetchAhead';
import { packLeftAlongRows, packRightAcrossRows } from '../shared/pack';
import { addFloats, copyFloats, fillFloats, loadUpTo, madd, storeUpTo, zero } from '../shared/simd';
import { scratch } from '../shared/scratch';
import { BLOCK, multiplyPanel, TILE_BYTES } from '../shared/tile';

/** Columns of b that are multiplied at a time, BLOCK rows of them: they stay in the second-level cache for all rows of a. */
const COLS: u32 = 4096;
/** Rows of a at most. */
const ROWS: u32 = 32;

/** Working memory of a thread, in bytes. */
export function gemmSkinnyNNScratch(): usize {
  return TILE_BYTES + ((BLOCK * (ROWS + 16) + COLS + 16) << 2);
}

/**
 * c [segments, m <= 32, n] (+)= a [m, k] b [k, n], the depth cut into segments of `segment` rows of b, so that a thread
 * reads whole rows of b in sequence. Range: pieces, a segment by `pieceCols` columns each, segment by segment. An
 * element of a segment is the sum of its blocks of BLOCK in order, whatever m is.
 */
export function gemmSkinnyNN(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, segment: u32, pieceCols: u32, begin: u32, end: u32,
): void {
  const tile = scratch();
  const panels = tile + TILE_BYTES;
  const packed = panels + ((BLOCK * ROWS) << 2);
  const sums = packed + ((BLOCK * 16) << 2);
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
      for (let p = start; p < stop; p += BLOCK) {
        const depth = min(stop - p, BLOCK);
        const from = b + <usize>p * stride + (j << 2);
        const add = accumulate != 0 || p > start;
        if (m == 1) {
          addProducts(a + (p << 2), depth, from, stride, cols, to, add, sums);
          continue;
        }
        packLeftAlongRows(a + (p << 2), (<usize>k) << 2, m, depth, panels);
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
 * incomplete, and for more than one panel of a when the distance of its rows maps them to the same few cache lines.
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
      packRightAcrossRows(strip, stride, width, depth, packed);
      strip = packed;
      distance = 64;
    }
    multiplyPanel(panels, rows, strip, distance, width, depth, c + (j << 2), stride, accumulate, tile);
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

/** y [cols] += sum of four rows of b, weighted, in order. */
function addRows4(weights: usize, b: usize, stride: usize, y: usize, cols: u32): void {
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
function addRow(weight: f32, b: usize, y: usize, cols: u32): void {
  const w = f32x4.splat(weight);
  for (let j: u32 = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const count = min(cols - j, 4);
    storeUpTo(y + at, madd(w, loadUpTo(b + at, count, zero()), loadUpTo(y + at, count, zero())), count);
  }
}

/** fetchAhead of `rows` rows of `cols` floats. */
function fetchRows(from: usize, stride: usize, cols: u32, rows: u32, target: usize): void {
  for (let r: u32 = 0; r < rows; r++) {
    fetchAhead(from, from + ((<usize>cols) << 2), target);
    from += stride;
  }
}
