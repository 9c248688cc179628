// Sums of a vector in fixed blocks of 8192 elements: any thread may do any block, the blocks are then added in order.
import { loadUpTo, madd, sumPair, zero } from './simd';
import { scratch } from './scratch';

const BLOCK: u32 = 8192;

/** Elements of a block. */
export function sumBlock(): u32 {
  return BLOCK;
}

/** Working memory of a thread, in bytes. */
export function sumScratch(): usize {
  return 32;
}

/** partial[block] = sum of the block's x, or of its x^2. Range: blocks. */
export function sumBlocks(x: usize, partial: usize, size: u32, squares: u32, begin: u32, end: u32): void {
  for (let block = begin; block < end; block++) {
    const first = block * BLOCK;
    const from = x + ((<usize>first) << 2);
    const count = min(size - first, BLOCK);
    store<f32>(partial + ((<usize>block) << 2), squares ? blockSquares(from, count) : blockSum(from, count));
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

function blockSum(x: usize, count: u32): f32 {
  let lo = zero();
  let hi = zero();
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    lo = f32x4.add(lo, v128.load(x + at));
    hi = f32x4.add(hi, v128.load(x + at, 16));
  }
  const sums = scratch();
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
  for (; i < count; i += 4) {
    v128.store(sums, f32x4.add(v128.load(sums), loadUpTo(x + ((<usize>i) << 2), min(count - i, 4), zero())));
  }
  return sumPair(sums);
}

function blockSquares(x: usize, count: u32): f32 {
  let lo = zero();
  let hi = zero();
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    const l = v128.load(x + at);
    const h = v128.load(x + at, 16);
    lo = madd(l, l, lo);
    hi = madd(h, h, hi);
  }
  const sums = scratch();
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
  for (; i < count; i += 4) {
    const v = loadUpTo(x + ((<usize>i) << 2), min(count - i, 4), zero());
    v128.store(sums, madd(v, v, v128.load(sums)));
  }
  return sumPair(sums);
}
