// The product a b for few rows of a (decoding), b held as panels (panels.ts): each is read once, in memory order. An
// element has the bits that gemmSkinny.ts gives it: a segment of the depth is the sum of its blocks of 32 in order,
// and the segments are added in order; a single segment's blocks are added to c themselves.
import { packLeftAlongRows } from '../shared/pack';
import { addFloats, copyFloats, madd, storePairs, zero } from '../shared/simd';
import { scratch } from '../shared/scratch';
import { addTile, BLOCK, BLOCK_TILES_BYTES, BLOCKS_DEPTH, multiplyBlocks, WIDE } from '../shared/tile';
import { fetchPages } from './shared/fetchAhead';

/** Bytes ahead of those that are multiplied where the next page is touched. */
const AHEAD: usize = 4096;
/** Rows of a up to which memory is slower than the products: with more, touching pages ahead costs more than it saves. */
const FEWEST: u32 = 4;

/** Rows of a's panels: one of the last panel's may be padding. */
// @ts-ignore: decorator
@inline
function paddedRows(m: u32): usize {
  return m + 3;
}

/** Working memory of a thread, in bytes: tiles, the sums of a segment (of four for one row), and a as panels. */
export function gemmPanelsFewScratch(m: u32, n: u32, k: u32): usize {
  return BLOCK_TILES_BYTES + (paddedRows(m) << 6) + ((paddedRows(m) * k) << 2);
}

/** c [m, n] (+)= a [m, k] b, the depth in segments of `segment`. Range: panels. */
export function gemmPanelsFew(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, segment: u32, begin: u32, end: u32,
): void {
  if (m == 1) return multiplyRow(a, b, c, n, k, accumulate != 0, segment, begin, end);
  const tiles = scratch();
  const sums = tiles + BLOCK_TILES_BYTES;
  const left = sums + (paddedRows(m) << 6);
  const stride = (<usize>n) << 2;
  const whole = segment >= k;
  const last = b + <usize>end * ((<usize>k) << 6);
  packLeft(a, m, k, segment, left);
  for (let panel = begin; panel < end; panel++) {
    const right = b + <usize>panel * ((<usize>k) << 6);
    const width = min(n - (panel << 4), 16);
    const to = c + (<usize>panel << 6);
    for (let start: u32 = 0; start < k; start += segment) {
      const stop = min(start + segment, k);
      for (let p = start; p < stop; p += partDepth(m)) {
        const rows = left + ((paddedRows(m) * p) << 2);
        const block = right + (<usize>p << 6);
        const depth = min(stop - p, partDepth(m));
        if (m <= FEWEST) fetchPages(block + AHEAD, min(block + AHEAD + ((<usize>depth) << 6), last), tiles);
        if (whole) multiplyBlocks(rows, m, block, width, depth, to, stride, accumulate != 0 || p > 0, tiles);
        else multiplyBlocks(rows, m, block, 16, depth, sums, 64, p > start, tiles);
      }
      if (whole) continue;
      const add = accumulate != 0 || start > 0;
      if (width == 16) addTile(sums, to, stride, m, add);
      else for (let i: u32 = 0; i < m; i++) put(sums + (<usize>i << 6), to + <usize>i * stride, width, add);
    }
  }
}

/** The part of the depth that is multiplied at a time: the shortest where pages are touched ahead. */
// @ts-ignore: decorator
@inline
function partDepth(m: u32): u32 {
  return m <= FEWEST ? BLOCK : BLOCKS_DEPTH;
}

/** a as panels, a part of each segment after another. */
function packLeft(a: usize, m: u32, k: u32, segment: u32, left: usize): void {
  for (let start: u32 = 0; start < k; start += segment) {
    const stop = min(start + segment, k);
    for (let p = start; p < stop; p += partDepth(m)) {
      const to = left + ((paddedRows(m) * p) << 2);
      packLeftAlongRows(a + (<usize>p << 2), (<usize>k) << 2, m, min(stop - p, partDepth(m)), to);
    }
  }
}

// @ts-ignore: decorator
@inline
function put(from: usize, to: usize, count: u32, add: bool): void {
  if (add) addFloats(from, to, count);
  else copyFloats(from, to, count);
}

/**
 * The same for one row of a. One row and one panel would be two sums of eight lanes, each waiting for its last
 * addition: four panels are summed at a time, which are four long stretches of memory, too.
 */
function multiplyRow(
  a: usize, b: usize, c: usize, n: u32, k: u32, accumulate: bool, segment: u32, begin: u32, end: u32,
): void {
  const tile = scratch();
  const sums = tile + BLOCK_TILES_BYTES;
  const apart = (<usize>k) << 6;
  const whole = segment >= k;
  for (let panel = begin; panel < end; panel += 4) {
    const count = min(end - panel, 4);
    const right = b + <usize>panel * apart;
    const to = c + (<usize>panel << 6);
    const width = min(n - (panel << 4), count << 4);
    for (let start: u32 = 0; start < k; start += segment) {
      const stop = min(start + segment, k);
      for (let p = start; p < stop; p += BLOCK) {
        multiplyStretches(a + (<usize>p << 2), right + (<usize>p << 6), apart, count, min(stop - p, BLOCK), tile);
        if (whole) put(tile, to, width, accumulate || p > 0);
        else put(tile, sums, count << 4, p > start);
      }
      if (!whole) put(sums, to, width, accumulate || start > 0);
    }
  }
}

/** tile [count <= 4, 16] = the products of a stretch of a row with `count` panels, `apart` bytes from one to the next. */
function multiplyStretches(a: usize, b: usize, apart: usize, count: u32, depth: u32, tile: usize): void {
  // Without 256 bits four panels need more registers than there are, and one alone has four sums.
  if (WIDE && count == 4) return multiplyFour(a, b, apart, depth, tile);
  for (let s: u32 = 0; s < count; s++) multiplyOne(a, b + <usize>s * apart, depth, tile + (<usize>s << 6));
}

function multiplyFour(a: usize, b: usize, apart: usize, depth: u32, tile: usize): void {
  const b1 = b + apart;
  const b2 = b1 + apart;
  const b3 = b2 + apart;
  let c00 = zero();
  let c01 = zero();
  let c02 = zero();
  let c03 = zero();
  let c10 = zero();
  let c11 = zero();
  let c12 = zero();
  let c13 = zero();
  let c20 = zero();
  let c21 = zero();
  let c22 = zero();
  let c23 = zero();
  let c30 = zero();
  let c31 = zero();
  let c32 = zero();
  let c33 = zero();
  for (let p: u32 = 0; p < depth; p++) {
    const at = (<usize>p) << 2;
    const to = (<usize>p) << 6;
    const w = v128.load32_splat(a + at);
    c00 = madd(w, v128.load(b + to), c00);
    c01 = madd(w, v128.load(b + to, 16), c01);
    c02 = madd(w, v128.load(b + to, 32), c02);
    c03 = madd(w, v128.load(b + to, 48), c03);
    c10 = madd(w, v128.load(b1 + to), c10);
    c11 = madd(w, v128.load(b1 + to, 16), c11);
    c12 = madd(w, v128.load(b1 + to, 32), c12);
    c13 = madd(w, v128.load(b1 + to, 48), c13);
    c20 = madd(w, v128.load(b2 + to), c20);
    c21 = madd(w, v128.load(b2 + to, 16), c21);
    c22 = madd(w, v128.load(b2 + to, 32), c22);
    c23 = madd(w, v128.load(b2 + to, 48), c23);
    c30 = madd(w, v128.load(b3 + to), c30);
    c31 = madd(w, v128.load(b3 + to, 16), c31);
    c32 = madd(w, v128.load(b3 + to, 32), c32);
    c33 = madd(w, v128.load(b3 + to, 48), c33);
  }
  storePairs(tile, c00, c01, c02, c03, c10, c11, c12, c13);
  storePairs(tile + 128, c20, c21, c22, c23, c30, c31, c32, c33);
}

function multiplyOne(a: usize, b: usize, depth: u32, to: usize): void {
  let c0 = zero();
  let c1 = zero();
  let c2 = zero();
  let c3 = zero();
  for (let p: u32 = 0; p < depth; p++) {
    const w = v128.load32_splat(a + (<usize>p << 2));
    const at = b + (<usize>p << 6);
    c0 = madd(w, v128.load(at), c0);
    c1 = madd(w, v128.load(at, 16), c1);
    c2 = madd(w, v128.load(at, 32), c2);
    c3 = madd(w, v128.load(at, 48), c3);
  }
  v128.store(to, c0);
  v128.store(to, c1, 16);
  v128.store(to, c2, 32);
  v128.store(to, c3, 48);
}
