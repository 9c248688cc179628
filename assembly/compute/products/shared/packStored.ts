// pack.ts for a right operand that is stored in fewer bits: panels of 16 columns, depth-major, widened to f32 and
// scaled on the way.
import { packRightAlongRows } from '../../shared/pack';
import { zero } from '../../shared/simd';
import { INT8, widenElements } from '../../shared/stored';

/** Bytes of `wide`, the working memory of packStoredAlongRows: one panel's rows. */
// @ts-ignore: decorator
@inline
export function wideBytes(depth: u32): usize {
  return (16 * <usize>depth) << 2;
}

/** Source [count, depth], the depth along its rows: a panel's rows are widened to `wide` and transposed from there. */
// @ts-ignore: decorator
@inline
export function packStoredAlongRows(
  kind: u32, source: usize, stride: usize, count: u32, depth: u32, panels: usize, wide: usize, scale: f32,
): void {
  const width = (<usize>depth) << 2;
  for (let i: u32 = 0; i < count; i += 16) {
    const rows = min(count - i, 16);
    for (let r: u32 = 0; r < rows; r++) {
      widenElements(kind, source + <usize>(i + r) * stride, wide + <usize>r * width, depth, scale);
    }
    packRightAlongRows(wide, width, rows, depth, panels + <usize>i * width);
  }
}

/**
 * Source [depth, count], the depth across its rows, from column `first` of them on, a multiple of 16. Bytes have `groups` scales
 * a row, at `scales`: one, or one for 32 columns.
 */
// @ts-ignore: decorator
@inline
export function packStoredAcrossRows(
  kind: u32, source: usize, stride: usize, first: u32, count: u32, depth: u32, panels: usize, scale: f32, scales: usize,
  groups: u32,
): void {
  let to = panels;
  for (let i: u32 = 0; i < count; i += 16) {
    const cols = min(count - i, 16);
    const group = groups > 1 ? (first + i) >> 5 : 0;
    let from = source + ((<usize>i) << kind);
    for (let p: u32 = 0; p < depth; p++) {
      if (cols < 16) for (let j: u32 = 0; j < 64; j += 16) v128.store(to + j, zero());
      widenElements(kind, from, to, cols, kind == INT8 ? load<f32>(scales + ((<usize>p * groups + group) << 2)) : scale);
      from += stride;
      to += 64;
    }
  }
}
