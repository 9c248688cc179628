// pack.ts for a right operand of halves: panels of 16 columns, depth-major, widened to f32 and scaled on the way.
import { packAlongRows } from '../../shared/pack';
import { zero } from '../../shared/simd';
import { F16, widenElements } from '../../shared/stored';

/** Bytes of `wide`, the working memory of packHalvesAlongRows: one panel's rows. */
// @ts-ignore: decorator
@inline
export function wideBytes(depth: u32): usize {
  return (16 * <usize>depth) << 2;
}

/** Source [count, depth], the depth along its rows: a panel's rows are widened to `wide` and transposed from there. */
export function packHalvesAlongRows(
  source: usize, stride: usize, count: u32, depth: u32, panels: usize, wide: usize, scale: f32,
): void {
  const width = (<usize>depth) << 2;
  for (let i: u32 = 0; i < count; i += 16) {
    const rows = min(count - i, 16);
    for (let r: u32 = 0; r < rows; r++) {
      widenElements(F16, source + <usize>(i + r) * stride, wide + <usize>r * width, depth, scale);
    }
    packAlongRows(wide, width, rows, depth, panels + <usize>i * width, 16);
  }
}

/** Source [depth, count], the depth across its rows. */
export function packHalvesAcrossRows(
  source: usize, stride: usize, count: u32, depth: u32, panels: usize, scale: f32,
): void {
  let to = panels;
  for (let i: u32 = 0; i < count; i += 16) {
    const cols = min(count - i, 16);
    let from = source + ((<usize>i) << 1);
    for (let p: u32 = 0; p < depth; p++) {
      if (cols < 16) for (let j: u32 = 0; j < 64; j += 16) v128.store(to + j, zero());
      widenElements(F16, from, to, cols, scale);
      from += stride;
      to += 64;
    }
  }
}
