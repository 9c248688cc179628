// packStored.ts for a right operand in int4.
import { int4RowBytes, widenInt4 } from '../../shared/int4';
import { zero } from '../../shared/simd';

/** Rows [depth, cols] with their scales; elements [first, first + count) of each, the depth across the rows. */
export function packInt4AcrossRows(
  row: usize, scales: usize, cols: u32, halves: u32, scale: f32, first: u32, count: u32, depth: u32, panels: usize,
): void {
  const stride = int4RowBytes(cols);
  let to = panels;
  for (let i: u32 = 0; i < count; i += 16) {
    const width = min(count - i, 16);
    let from = row;
    let scalesOfRow = scales;
    for (let p: u32 = 0; p < depth; p++) {
      if (width < 16) for (let j: u32 = 0; j < 64; j += 16) v128.store(to + j, zero());
      widenInt4(from, scalesOfRow, cols, halves, scale, first + i, width, to);
      from += stride;
      scalesOfRow += (<usize>halves) << 1;
      to += 64;
    }
  }
}
