// The inner kernel of every matrix product. Panels:
//   a panel: 4 rows,  depth-major: [depth][4]   (rows padded with zeros)
//   b panel: 16 cols, depth-major: [depth][16]  (columns padded with zeros), or 16 columns of an unpacked matrix
// multiplyTile holds the 4x16 products of two panels in registers and stores them; addTile puts them into C. They are
// two functions because loading C in the one that holds the accumulators costs a third of its speed.
import { loadUpTo, madd, storeUpTo, zero } from './simd';

/** Bytes of a 4x16 tile of products. */
export const TILE_BYTES: usize = 256;

/**
 * tile [4][16] = a panel times b panel; each product is added to its sum in the order of the depth. `stride` is the
 * distance of b's rows in bytes.
 */
export function multiplyTile(a: usize, b: usize, stride: usize, depth: u32, tile: usize): void {
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
  for (let left = depth; left != 0; left--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    const a0 = v128.load32_splat(a);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    c02 = madd(a0, b2, c02);
    c03 = madd(a0, b3, c03);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    c12 = madd(a1, b2, c12);
    c13 = madd(a1, b3, c13);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(a2, b0, c20);
    c21 = madd(a2, b1, c21);
    c22 = madd(a2, b2, c22);
    c23 = madd(a2, b3, c23);
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(a3, b0, c30);
    c31 = madd(a3, b1, c31);
    c32 = madd(a3, b2, c32);
    c33 = madd(a3, b3, c33);
    a += 16;
    b += stride;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c02, 32);
  v128.store(tile, c03, 48);
  v128.store(tile, c10, 64);
  v128.store(tile, c11, 80);
  v128.store(tile, c12, 96);
  v128.store(tile, c13, 112);
  v128.store(tile, c20, 128);
  v128.store(tile, c21, 144);
  v128.store(tile, c22, 160);
  v128.store(tile, c23, 176);
  v128.store(tile, c30, 192);
  v128.store(tile, c31, 208);
  v128.store(tile, c32, 224);
  v128.store(tile, c33, 240);
}

/** c [rows <= 4, cols <= 16] (+)= tile. `stride` is the distance of c's rows in bytes. */
export function addTile(tile: usize, c: usize, stride: usize, rows: u32, cols: u32, accumulate: bool): void {
  if (cols == 16) {
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
    return;
  }
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

/**
 * c [rows, cols] (+)= panels of a (4 rows each) times panels of b (16 columns each). One b panel (at most 16 KiB at a
 * depth of 256) stays in the first-level cache for all a panels. `tile` is TILE_BYTES of working memory.
 */
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
    const width = min(cols - j, 16);
    let panel = a;
    for (let i: u32 = 0; i < rows; i += 4) {
      multiplyTile(panel, b, 64, depth, tile);
      addTile(tile, c + <usize>i * stride + (j << 2), stride, min(rows - i, 4), width, accumulate);
      panel += (<usize>depth) << 4;
    }
    b += (<usize>depth) << 6;
  }
}
