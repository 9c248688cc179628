// The product a b for many rows of a, b held as panels (panels.ts), f32. Up to 96 rows of a are packed to the depth of
// 2,048 (768 KiB, for the second-level cache), and meet one panel of b after another, each read once, in memory order:
// one long stretch of memory, which hardware prefetch follows, where gemm.ts jumps from panel to panel at every block of
// the depth. An element has the bits that gemm.ts gives it: the sums of blocks of its DEPTH, added to c in order.
// Range: pieces of `tileRows` x `tileCols`, row-major.
import { packLeftAlongRows } from '../shared/pack';
import { scratch } from '../shared/scratch';
import { multiplyPanel, TILE_BYTES } from '../shared/tile';
import { DEPTH, ROWS } from './shared/blocks';

/** Depth to which rows of a are packed at a time: whole blocks of DEPTH. */
const DEEP: u32 = 2048;

/** Working memory of a thread, in bytes: a tile, and rows of a as panels, of which the last may have a row of padding. */
export function gemmPanelsScratch(m: u32, n: u32, k: u32): usize {
  return TILE_BYTES + (<usize>(min(m, ROWS) + 3) * min(k, DEEP) << 2);
}

/** c [m, n] (+)= a [m, k] b [k, n], b held as panels */
export function gemmPanels(
  a: usize, b: usize, c: usize, m: u32, n: u32, k: u32, accumulate: u32, tileRows: u32, tileCols: u32, begin: u32, end: u32,
): void {
  const tile = scratch();
  const left = tile + TILE_BYTES;
  const across = (n + tileCols - 1) / tileCols;
  const stride = (<usize>n) << 2;
  for (let piece = begin; piece < end; piece++) {
    const firstRow = (piece / across) * tileRows;
    const firstCol = (piece % across) * tileCols;
    const lastRow = min(firstRow + tileRows, m);
    const lastCol = min(firstCol + tileCols, n);
    for (let i = firstRow; i < lastRow; i += ROWS) {
      const rows = min(lastRow - i, ROWS);
      for (let start: u32 = 0; start < k; start += DEEP) {
        const stop = min(start + DEEP, k);
        const apart = (<usize>(rows + 3) * DEPTH) << 2;
        for (let p = start, to = left; p < stop; p += DEPTH, to += apart) {
          packLeftAlongRows(a + ((<usize>i * k + p) << 2), (<usize>k) << 2, rows, min(stop - p, DEPTH), to);
        }
        for (let j = firstCol; j < lastCol; j += 16) {
          const panel = b + (<usize>(j >> 4) * k << 6);
          const to = c + <usize>i * stride + (j << 2);
          for (let p = start, from = left; p < stop; p += DEPTH, from += apart) {
            const depth = min(stop - p, DEPTH);
            const block = panel + (<usize>p << 6);
            multiplyPanel(from, rows, block, 64, min(lastCol - j, 16), depth, to, stride, accumulate != 0 || p > 0, tile);
          }
        }
      }
    }
  }
}
