// pack.ts for a right operand that is stored in fewer bits: panels of 16 columns, depth-major, widened to f32 on the way.
import { packAlongRows } from './pack';
import { zero } from './simd';
import { loadEight, widenElements, widenHigh, widenLow } from './stored';

/** Most of the depth that a call packs. */
const DEPTH: u32 = 256;
/** Working memory of packStoredAlongRows: one panel's rows. */
export const PACK_BYTES: usize = (16 * DEPTH) << 2;

/** Source [count, depth], the depth along its rows: a panel's rows are widened to `wide` and transposed from there. */
// @ts-ignore: decorator
@inline
export function packStoredAlongRows(
  kind: u32, source: usize, stride: usize, count: u32, depth: u32, panels: usize, wide: usize,
): void {
  const width = (<usize>depth) << 2;
  for (let i: u32 = 0; i < count; i += 16) {
    const rows = min(count - i, 16);
    for (let r: u32 = 0; r < rows; r++) widenElements(kind, source + <usize>(i + r) * stride, wide + <usize>r * width, depth);
    packAlongRows(wide, width, rows, depth, panels + <usize>i * width, 16);
  }
}

/** Source [depth, count], the depth across its rows. */
// @ts-ignore: decorator
@inline
export function packStoredAcrossRows(
  kind: u32, source: usize, stride: usize, count: u32, depth: u32, panels: usize,
): void {
  let to = panels;
  for (let i: u32 = 0; i < count; i += 16) {
    const cols = min(count - i, 16);
    let from = source + ((<usize>i) << kind);
    for (let p: u32 = 0; p < depth; p++) {
      if (cols == 16) {
        const first = loadEight(kind, from);
        const second = loadEight(kind, from + (8 << kind));
        v128.store(to, widenLow(kind, first));
        v128.store(to, widenHigh(kind, first), 16);
        v128.store(to, widenLow(kind, second), 32);
        v128.store(to, widenHigh(kind, second), 48);
      } else {
        for (let j: u32 = 0; j < 64; j += 16) v128.store(to + j, zero());
        widenElements(kind, from, to, cols);
      }
      from += stride;
      to += 64;
    }
  }
}
