// The logits of k tokens a row and of all others together. Same contract as kernels/rows/reduceToTop.wgsl. The others are
// summed up alone, in a copy of the row without the k: as 1 less the k, a small share would be lost.
import { log1 } from '../shared/math';
import { scratch } from '../shared/scratch';
import { copyFloats } from '../shared/simd';
import { rowExp, rowMax } from '../shared/softmaxRow';

const SUMS: usize = 64;
/** What stands for no share: so low that it has none, yet finite in every difference. */
const NO_SHARE: f32 = -1e30;

/** Working memory of a thread, in bytes: sums, and the copy of a row. */
export function reduceToTopScratch(rows: u32, vocab: u32, k: u32, bins: u32): usize {
  return SUMS + (<usize>vocab << 2);
}

/** reduced [rows, k + 1] and top [rows]. Range: rows. */
export function reduceToTop(
  logits: usize, ids: usize, reduced: usize, top: usize, rows: u32, vocab: u32, k: u32, bins: u32, temperature: f32,
  begin: u32, end: u32,
): void {
  const sums = scratch();
  const others = sums + SUMS;
  for (let r = begin; r < end; r++) {
    const row = logits + ((<usize>r * vocab) << 2);
    const to = reduced + ((<usize>r * bins) << 2);
    const largest = rowMax(row, vocab, sums);
    copyFloats(row, others, vocab);
    for (let i: u32 = 0; i < k; i++) {
      const id = load<u32>(ids + ((<usize>r * k + i) << 2));
      store<f32>(to + (i << 2), load<f32>(row + (id << 2)) - largest);
      store<f32>(others + (id << 2), <f32>-Infinity);
    }
    const from = max(rowMax(others, vocab, sums), NO_SHARE);
    const sum = rowExp(others, others, vocab, from, <f32>1 / temperature, sums);
    store<f32>(to + (k << 2), sum == 0 ? NO_SHARE : from - largest + temperature * log1(sum));
    store<f32>(top + (r << 2), largest);
  }
}
