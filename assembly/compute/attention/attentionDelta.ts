import { rowDot } from '../shared/rowSums';
import { scratch } from '../shared/scratch';

/** Working memory of a thread, in bytes. */
export function attentionDeltaScratch(): usize {
  return 32;
}

/** stats[row, 1] = sum over e of dy * y. Range: rows, batch * heads * queries. */
export function attentionDelta(
  y: usize, dy: usize, stats: usize, batch: u32, heads: u32, queries: u32, headDim: u32, begin: u32, end: u32,
): void {
  const work = scratch();
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * headDim) << 2;
    store<f32>(stats + ((<usize>row) << 3), rowDot(dy + offset, y + offset, headDim, work), 4);
  }
}
