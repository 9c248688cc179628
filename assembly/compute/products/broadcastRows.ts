import { copyFloats } from '../shared/simd';

/** y[r, c] = row[c]. Range: rows. */
export function broadcastRows(row: usize, y: usize, rows: u32, cols: u32, begin: u32, end: u32): void {
  for (let r = begin; r < end; r++) copyFloats(row, y + ((<usize>r * cols) << 2), cols);
}
