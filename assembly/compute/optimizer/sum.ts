// Sums of a vector in fixed blocks of 8192 elements: any thread may do any block, the blocks are then added in order.
import { rowDot, rowSum } from '../shared/rowSums';
import { scratch } from '../shared/scratch';

const BLOCK: u32 = 8192;

/** Elements of a block. */
export function sumBlock(): u32 {
  return BLOCK;
}

/** Working memory of a thread, in bytes. */
export function sumBlocksScratch(): usize {
  return 32;
}

/** partial[block] = sum of the block's x, or of its x^2. Range: blocks. */
export function sumBlocks(x: usize, partial: usize, size: u32, squares: u32, begin: u32, end: u32): void {
  for (let block = begin; block < end; block++) {
    const first = block * BLOCK;
    const from = x + ((<usize>first) << 2);
    const count = min(size - first, BLOCK);
    const sum = squares ? rowDot(from, from, count, scratch()) : rowSum(from, count, scratch());
    store<f32>(partial + ((<usize>block) << 2), sum);
  }
}

/** total[slot] (+)= the partial sums, added in order in float64. */
export function sumPartials(
  partial: usize, blocks: u32, total: usize, slot: u32, accumulate: u32,
): void {
  let sum: f64 = 0;
  for (let block: u32 = 0; block < blocks; block++) sum += <f64>load<f32>(partial + ((<usize>block) << 2));
  const at = total + ((<usize>slot) << 2);
  store<f32>(at, <f32>(accumulate ? <f64>load<f32>(at) + sum : sum));
}
