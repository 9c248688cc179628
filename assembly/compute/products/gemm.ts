// c [m, n] (+)= a b for the three layouts of kernels/gemm*.wgsl. Blocked: 256 of the depth, 96 rows of a (96 KiB
// packed), which stay in the second-level cache, and 1,024 columns of b (1 MiB packed), whose panels pass through the
// first-level cache once for these rows, in memory order. Fewer columns mean that a is packed more often. C is the sum
// over blocks of the depth, in order; each block's sum runs in order too. So an element's bits depend on its row of a, its column of b
// and the depth alone, however the output is cut into `tileRows` x `tileCols` pieces. Range: pieces, row-major.
import { packLeftAcrossRows, packLeftAlongRows, packRightAcrossRows, packRightAlongRows } from '../shared/pack';
import { DEPTH, ROWS } from './shared/blocks';
import { packInt4AcrossRows } from './shared/packInt4';
import { packStoredAcrossRows, packStoredAlongRows, wideBytes } from './shared/packStored';
import { scratch } from '../shared/scratch';
import { int4RowBytes } from '../shared/int4';
import { F16, F32, INT4, INT8 } from '../shared/stored';
import { multiplyPanels, TILE_BYTES } from '../shared/tile';

const COLS: u32 = 1024;

/** Rows of a that are packed at a time. A product whose rows are a multiple of it takes the least time a row. */
export function gemmRows(): u32 {
  return ROWS;
}

/** Working memory of a thread for a product of any layout and format, in bytes. */
export function gemmScratch(): usize {
  return TILE_BYTES + ((DEPTH * (ROWS + COLS)) << 2) + wideBytes(DEPTH);
}

// @ts-ignore: decorator
@inline
function gemm(
  aTransposed: bool,
  bTransposed: bool,
  bKind: u32,
  a: usize,
  b: usize,
  bScale: f32,
  bScales: usize,
  scalesEach: u32,
  c: usize,
  m: u32,
  n: u32,
  k: u32,
  accumulate: bool,
  tileRows: u32,
  tileCols: u32,
  begin: u32,
  end: u32,
): void {
  const tile = scratch();
  const packedA = tile + TILE_BYTES;
  const packedB = packedA + ((DEPTH * ROWS) << 2);
  const across = (n + tileCols - 1) / tileCols;
  const aStride = (<usize>(aTransposed ? m : k)) << 2;
  const bCols = bTransposed ? k : n;
  const bStride = bKind == INT4 ? int4RowBytes(bCols) : (<usize>bCols) << bKind;
  const cStride = (<usize>n) << 2;
  for (let piece = begin; piece < end; piece++) {
    const firstRow = (piece / across) * tileRows;
    const firstCol = (piece % across) * tileCols;
    const lastRow = min(firstRow + tileRows, m);
    const lastCol = min(firstCol + tileCols, n);
    for (let j = firstCol; j < lastCol; j += COLS) {
      const cols = min(lastCol - j, COLS);
      for (let p: u32 = 0; p < k; p += DEPTH) {
        const depth = min(k - p, DEPTH);
        const bRow = bTransposed ? j : p;
        const row = b + <usize>bRow * bStride;
        const from = row + ((<usize>(bTransposed ? p : j)) << bKind);
        const wide = packedB + ((DEPTH * COLS) << 2);
        if (bKind == F32) {
          if (bTransposed) packRightAlongRows(from, bStride, cols, depth, packedB);
          else packRightAcrossRows(from, bStride, cols, depth, packedB);
        } else if (bKind == INT4) {
          packInt4AcrossRows(row, bScales + ((<usize>p * scalesEach) << 1), n, scalesEach, bScale, j, cols, depth, packedB);
        } else {
          if (bTransposed) packStoredAlongRows(bKind, from, bStride, cols, depth, packedB, wide, bScale);
          else {
            const scales = bScales + ((<usize>p * scalesEach) << 2);
            packStoredAcrossRows(bKind, from, bStride, j, cols, depth, packedB, bScale, scales, scalesEach);
          }
        }
        for (let i = firstRow; i < lastRow; i += ROWS) {
          const rows = min(lastRow - i, ROWS);
          if (aTransposed) packLeftAcrossRows(a + <usize>p * aStride + (i << 2), aStride, rows, depth, packedA);
          else packLeftAlongRows(a + <usize>i * aStride + (p << 2), aStride, rows, depth, packedA);
          const at = c + <usize>i * cStride + (j << 2);
          multiplyPanels(packedA, rows, packedB, cols, depth, at, cStride, accumulate || p > 0, tile);
        }
      }
    }
  }
}

/** c [m, n] (+)= a [m, k] b [k, n] */
export function gemmNN(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, tileRows: u32, tileCols: u32, begin: u32, end: u32,
): void {
  gemm(false, false, F32, a, b, 1, 0, 0, c, m, n, k, accumulate != 0, tileRows, tileCols, begin, end);
}

/** c [m, n] (+)= a [m, k] b[n, k]^T */
export function gemmNT(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, tileRows: u32, tileCols: u32, begin: u32, end: u32,
): void {
  gemm(false, true, F32, a, b, 1, 0, 0, c, m, n, k, accumulate != 0, tileRows, tileCols, begin, end);
}

/** c [m, n] (+)= a[k, m]^T b [k, n] */
export function gemmTN(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, tileRows: u32, tileCols: u32, begin: u32, end: u32,
): void {
  gemm(true, false, F32, a, b, 1, 0, 0, c, m, n, k, accumulate != 0, tileRows, tileCols, begin, end);
}

/** c [m, n] (+)= a [m, k] b [k, n], b f16 times a scale */
export function gemmNNF16(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, scale: f32, tileRows: u32, tileCols: u32, begin: u32,
  end: u32,
): void {
  gemm(false, false, F16, a, b, scale, 0, 0, c, m, n, k, accumulate != 0, tileRows, tileCols, begin, end);
}

/** c [m, n] (+)= a [m, k] b[n, k]^T, b f16 times a scale */
export function gemmNTF16(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, scale: f32, tileRows: u32, tileCols: u32, begin: u32,
  end: u32,
): void {
  gemm(false, true, F16, a, b, scale, 0, 0, c, m, n, k, accumulate != 0, tileRows, tileCols, begin, end);
}

/** c [m, n] (+)= a [m, k] b [k, n], b int8 with `groups` scales a row: one, or one for 32 columns */
export function gemmNNInt8(
  a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, groups: u32, accumulate: u32, tileRows: u32, tileCols: u32,
  begin: u32, end: u32,
): void {
  gemm(false, false, INT8, a, b, 1, scales, groups, c, m, n, k, accumulate != 0, tileRows, tileCols, begin, end);
}

/** c [m, n] (+)= a [m, k] b [k, n], b int4 with groups along n, times a scale */
export function gemmNNInt4(
  a: usize, b: usize, scales: usize, c: usize, m: u32, n: u32, k: u32, halves: u32, accumulate: u32, scale: f32, tileRows: u32,
  tileCols: u32, begin: u32, end: u32,
): void {
  gemm(false, false, INT4, a, b, scale, scales, halves, c, m, n, k, accumulate != 0, tileRows, tileCols, begin, end);
}
