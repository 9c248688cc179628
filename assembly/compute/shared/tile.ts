// Products of panels, on which every matrix product rests. Panels:
//   a panel: 4 or 6 rows, depth-major: [depth][rows]  (rows padded with zeros)
//   b panel: 16 columns,  depth-major: [depth][16]    (columns padded with zeros), or 16 columns of an unpacked matrix
// multiplyTile makes the products of two panels and stores them; addTile puts them into C. An element's bits depend
// neither on the height of its panel nor on the width of the sums.
import { loadUpTo, storeUpTo } from './simd';
import { multiply4x16, multiply4x8, multiply6x16, multiply6x8 } from './tileSums';

/**
 * Whether a pass over b's panel makes 16 columns or eight. The host says which the registers hold: 16 where V8 packs
 * pairs of vectors into 256 bits, and where the processor has 32 registers (ARM64).
 */
// @ts-ignore: decorator
@external("env", "wideTiles")
export declare const WIDE: bool;

/** Bytes of a tile of products, 6 rows of 16. */
export const TILE_BYTES: usize = 384;

/** Products of few rows sum blocks of the depth of this. */
export const BLOCK: u32 = 32;

/** Rows of a tall panel. */
export const TALL: u32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;

/** Rows of the next panel of a where `left` rows remain: panels of 6 and then of 4, so that one row at most is padding. */
// @ts-ignore: decorator
@inline
export function panelRows(left: u32): u32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 4;
  return left > 8 || left == 5 || left == 6 ? 6 : 4;
}

/**
 * c [rows, cols <= 16] (+)= panels of a times one panel of b, which stays in the first-level cache for all of them (at
 * most 16 KiB at a depth of 256). `bStride` and `stride` are the distances of b's and c's rows in bytes; `tile` is
 * TILE_BYTES of working memory.
 */
export function multiplyPanel(
  a: usize,
  rows: u32,
  b: usize,
  bStride: usize,
  cols: u32,
  depth: u32,
  c: usize,
  stride: usize,
  accumulate: bool,
  tile: usize,
): void {
  // Two loops, because the compiler inlines a function that is called from one place, where V8 spills its sums.
  if (cols == 16) {
    for (let i: u32 = 0; i < rows; ) {
      const height = panelRows(rows - i);
      multiplyTile(a, height, b, bStride, depth, tile);
      addTile(tile, c, stride, min(rows - i, height), accumulate);
      a += (<usize>depth * height) << 2;
      c += <usize>height * stride;
      i += height;
    }
    return;
  }
  for (let i: u32 = 0; i < rows; ) {
    const height = panelRows(rows - i);
    multiplyTile(a, height, b, bStride, depth, tile);
    addColumns(tile, c, stride, min(rows - i, height), cols, accumulate);
    a += (<usize>depth * height) << 2;
    c += <usize>height * stride;
    i += height;
  }
}

/** c [rows, cols] (+)= panels of a times panels of b. */
export function multiplyPanels(
  a: usize,
  rows: u32,
  b: usize,
  cols: u32,
  depth: u32,
  c: usize,
  stride: usize,
  accumulate: bool,
  tile: usize,
): void {
  for (let j: u32 = 0; j < cols; j += 16) {
    multiplyPanel(a, rows, b, 64, min(cols - j, 16), depth, c + (j << 2), stride, accumulate, tile);
    b += (<usize>depth) << 6;
  }
}

/** A part of the depth whose sums multiplyBlocks adds at a time, in blocks of BLOCK. */
export const BLOCKS_DEPTH: u32 = 256;
/** Bytes of the tiles of products of a part of the depth in blocks. */
export const BLOCK_TILES_BYTES: usize = TILE_BYTES * (BLOCKS_DEPTH / BLOCK);

/**
 * c [rows, cols <= 16] (+)= panels of a times one panel of b, depth at most BLOCKS_DEPTH, in the order of few rows: the
 * sum of each block of BLOCK is added to c, block by block. The blocks' sums are made first, a tile each in `tiles`
 * (BLOCK_TILES_BYTES), and added in one pass.
 */
export function multiplyBlocks(
  a: usize, rows: u32, b: usize, cols: u32, depth: u32, c: usize, stride: usize, accumulate: bool, tiles: usize,
): void {
  for (let i: u32 = 0; i < rows; ) {
    const height = panelRows(rows - i);
    let tile = tiles;
    for (let p: u32 = 0; p < depth; p += BLOCK) {
      multiplyTile(a, height, b + (<usize>p << 6), 64, min(depth - p, BLOCK), tile);
      a += (<usize>min(depth - p, BLOCK) * height) << 2;
      tile += TILE_BYTES;
    }
    if (cols == 16) addTiles(tiles, tile, c, stride, min(rows - i, height), accumulate);
    else {
      for (let from = tiles; from < tile; from += TILE_BYTES) {
        addColumns(from, c, stride, min(rows - i, height), cols, accumulate || from != tiles);
      }
    }
    c += <usize>height * stride;
    i += height;
  }
}

/** c [rows, 16] (+)= the tiles from `tiles` to `end`, in order. `stride` is the distance of c's rows in bytes. */
function addTiles(tiles: usize, end: usize, c: usize, stride: usize, rows: u32, accumulate: bool): void {
  for (let r: u32 = 0; r < rows; r++) {
    let from = tiles + (<usize>r << 6);
    const first = accumulate ? c : from;
    let t0 = v128.load(first);
    let t1 = v128.load(first, 16);
    let t2 = v128.load(first, 32);
    let t3 = v128.load(first, 48);
    if (!accumulate) from += TILE_BYTES;
    for (; from < end; from += TILE_BYTES) {
      t0 = f32x4.add(t0, v128.load(from));
      t1 = f32x4.add(t1, v128.load(from, 16));
      t2 = f32x4.add(t2, v128.load(from, 32));
      t3 = f32x4.add(t3, v128.load(from, 48));
    }
    v128.store(c, t0);
    v128.store(c, t1, 16);
    v128.store(c, t2, 32);
    v128.store(c, t3, 48);
    c += stride;
  }
}

/** tile [rows][16] = a panel of `rows` (4 or 6) times b panel. `stride` is the distance of b's rows in bytes. */
// @ts-ignore: decorator
@inline
function multiplyTile(a: usize, rows: u32, b: usize, stride: usize, depth: u32, tile: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD && rows == 6) {
    if (WIDE) multiply6x16(a, b, stride, depth, tile);
    else {
      multiply6x8(a, b, stride, depth, tile);
      multiply6x8(a, b + 32, stride, depth, tile + 32);
    }
  } else if (WIDE) multiply4x16(a, b, stride, depth, tile);
  else {
    multiply4x8(a, b, stride, depth, tile);
    multiply4x8(a, b + 32, stride, depth, tile + 32);
  }
}

/** c [rows, 16] (+)= tile, rows of 16. `stride` is the distance of c's rows in bytes. */
export function addTile(tile: usize, c: usize, stride: usize, rows: u32, accumulate: bool): void {
  for (let r: u32 = 0; r < rows; r++) {
    let t0 = v128.load(tile);
    let t1 = v128.load(tile, 16);
    let t2 = v128.load(tile, 32);
    let t3 = v128.load(tile, 48);
    if (accumulate) {
      t0 = f32x4.add(v128.load(c), t0);
      t1 = f32x4.add(v128.load(c, 16), t1);
      t2 = f32x4.add(v128.load(c, 32), t2);
      t3 = f32x4.add(v128.load(c, 48), t3);
    }
    v128.store(c, t0);
    v128.store(c, t1, 16);
    v128.store(c, t2, 32);
    v128.store(c, t3, 48);
    tile += 64;
    c += stride;
  }
}

/** c [rows, cols < 16] (+)= the first columns of tile. */
function addColumns(tile: usize, c: usize, stride: usize, rows: u32, cols: u32, accumulate: bool): void {
  for (let r: u32 = 0; r < rows; r++) {
    for (let j: u32 = 0; j < cols; j += 4) {
      const count = min(cols - j, 4);
      let t = v128.load(tile + (j << 2));
      if (accumulate) t = f32x4.add(loadUpTo(c + (j << 2), count, t), t);
      storeUpTo(c + (j << 2), t, count);
    }
    tile += 64;
    c += stride;
  }
}
