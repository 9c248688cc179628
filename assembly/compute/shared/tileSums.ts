// The inner loops of every matrix product: a panel of a times a panel of b, with all sums in registers. V8 has 15
// vector registers to give on x86. With 256 bits 6 rows by 16 columns fill them: 12 sums, a row of b in two, an element
// of a in one; with 128 bits 6 rows by 8 columns do. Without fused multiply-add a product takes a register, too, so
// four rows are the most. Unrolled loops are slower, since V8 spills there, and so is whatever reads C in the function
// that holds the sums.
import { madd, storePairs, zero } from './simd';

/** tile [6][16], rows of 16, = a [depth][6] times b [depth][16], b's rows `stride` bytes apart. */
export function multiply6x16(a: usize, b: usize, stride: usize, depth: u32, tile: usize): void {
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
  let c40 = zero();
  let c41 = zero();
  let c42 = zero();
  let c43 = zero();
  let c50 = zero();
  let c51 = zero();
  let c52 = zero();
  let c53 = zero();
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
    const a4 = v128.load32_splat(a, 16);
    c40 = madd(a4, b0, c40);
    c41 = madd(a4, b1, c41);
    c42 = madd(a4, b2, c42);
    c43 = madd(a4, b3, c43);
    const a5 = v128.load32_splat(a, 20);
    c50 = madd(a5, b0, c50);
    c51 = madd(a5, b1, c51);
    c52 = madd(a5, b2, c52);
    c53 = madd(a5, b3, c53);
    a += 24;
    b += stride;
  }
  storePairs(tile, c00, c01, c02, c03, c10, c11, c12, c13);
  storePairs(tile + 128, c20, c21, c22, c23, c30, c31, c32, c33);
  storePairs(tile + 256, c40, c41, c42, c43, c50, c51, c52, c53);
}

/** tile [6][8], rows of 16, = a [depth][6] times b [depth][8], b's rows `stride` bytes apart. */
export function multiply6x8(a: usize, b: usize, stride: usize, depth: u32, tile: usize): void {
  let c00 = zero();
  let c01 = zero();
  let c10 = zero();
  let c11 = zero();
  let c20 = zero();
  let c21 = zero();
  let c30 = zero();
  let c31 = zero();
  let c40 = zero();
  let c41 = zero();
  let c50 = zero();
  let c51 = zero();
  for (let left = depth; left != 0; left--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(a2, b0, c20);
    c21 = madd(a2, b1, c21);
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(a3, b0, c30);
    c31 = madd(a3, b1, c31);
    const a4 = v128.load32_splat(a, 16);
    c40 = madd(a4, b0, c40);
    c41 = madd(a4, b1, c41);
    const a5 = v128.load32_splat(a, 20);
    c50 = madd(a5, b0, c50);
    c51 = madd(a5, b1, c51);
    a += 24;
    b += stride;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 64);
  v128.store(tile, c11, 80);
  v128.store(tile, c20, 128);
  v128.store(tile, c21, 144);
  v128.store(tile, c30, 192);
  v128.store(tile, c31, 208);
  v128.store(tile, c40, 256);
  v128.store(tile, c41, 272);
  v128.store(tile, c50, 320);
  v128.store(tile, c51, 336);
}

/** tile [4][16], rows of 16, = a [depth][4] times b [depth][16], b's rows `stride` bytes apart. */
export function multiply4x16(a: usize, b: usize, stride: usize, depth: u32, tile: usize): void {
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
  storePairs(tile, c00, c01, c02, c03, c10, c11, c12, c13);
  storePairs(tile + 128, c20, c21, c22, c23, c30, c31, c32, c33);
}

/** tile [4][8], rows of 16, = a [depth][4] times b [depth][8], b's rows `stride` bytes apart. */
export function multiply4x8(a: usize, b: usize, stride: usize, depth: u32, tile: usize): void {
  let c00 = zero();
  let c01 = zero();
  let c10 = zero();
  let c11 = zero();
  let c20 = zero();
  let c21 = zero();
  let c30 = zero();
  let c31 = zero();
  for (let left = depth; left != 0; left--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(a2, b0, c20);
    c21 = madd(a2, b1, c21);
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(a3, b0, c30);
    c31 = madd(a3, b1, c31);
    a += 16;
    b += stride;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 64);
  v128.store(tile, c11, 80);
  v128.store(tile, c20, 128);
  v128.store(tile, c21, 144);
  v128.store(tile, c30, 192);
  v128.store(tile, c31, 208);
}
