// The pieces of a softmax over one row of logits that crossEntropy and divergence share. Exponentials are kept
// unnormalised beside the row; sums run in blocks, so that a vocabulary of 250,000 loses no more bits than one of
// 2,048.
import { exp4 } from './math';
import { loadUpTo, maxPair, storeUpTo, sumPair, zero } from './simd';

/** Elements whose partial sums are added up before they join the row's sum. */
export const BLOCK: u32 = 2048;

/** Largest of `count` floats. `sums` is 32 bytes of working memory. */
export function rowMax(x: usize, count: u32, sums: usize): f32 {
  const first = v128.load32_splat(x);
  let lo = first;
  let hi = first;
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    lo = f32x4.pmax(lo, v128.load(x + at));
    hi = f32x4.pmax(hi, v128.load(x + at, 16));
  }
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
  for (; i < count; i += 4) {
    v128.store(sums, f32x4.pmax(v128.load(sums), loadUpTo(x + ((<usize>i) << 2), min(count - i, 4), first)));
  }
  return maxPair(sums);
}

/** Smallest of `count` floats. `sums` is 32 bytes of working memory. */
export function rowMin(x: usize, count: u32, sums: usize): f32 {
  const first = v128.load32_splat(x);
  let least = first;
  for (let i: u32 = 0; i < count; i += 4) least = f32x4.pmin(least, loadUpTo(x + ((<usize>i) << 2), min(count - i, 4), first));
  v128.store(sums, f32x4.neg(least));
  v128.store(sums, f32x4.neg(least), 16);
  return -maxPair(sums);
}

/** Index of the first of `count` floats that equals `value`; 0 when none does. */
export function firstIndex(x: usize, count: u32, value: f32): u32 {
  const wanted = f32x4.splat(value);
  let i: u32 = 0;
  while (i + 4 <= count && !v128.any_true(f32x4.eq(v128.load(x + ((<usize>i) << 2)), wanted))) i += 4;
  for (; i < count; i++) if (load<f32>(x + ((<usize>i) << 2)) == value) return i;
  return 0;
}

/** y = e^(factor * (x - offset)), `count` floats; returns their sum. `sums` is 64 bytes of working memory. */
export function rowExp(x: usize, y: usize, count: u32, offset: f32, factor: f32, sums: usize): f32 {
  v128.store(sums, zero(), 32);
  v128.store(sums, zero(), 48);
  for (let i: u32 = 0; i < count; i += BLOCK) {
    const at = (<usize>i) << 2;
    blockExp(x + at, y + at, min(count - i, BLOCK), offset, factor, sums);
    v128.store(sums, f32x4.add(v128.load(sums, 32), v128.load(sums)), 32);
    v128.store(sums, f32x4.add(v128.load(sums, 48), v128.load(sums, 16)), 48);
  }
  return sumPair(sums + 32);
}

function blockExp(x: usize, y: usize, count: u32, offset: f32, factor: f32, sums: usize): void {
  const from = f32x4.splat(offset);
  const by = f32x4.splat(factor);
  let lo = zero();
  let hi = zero();
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    const el = exp4(f32x4.mul(f32x4.sub(v128.load(x + at), from), by));
    const eh = exp4(f32x4.mul(f32x4.sub(v128.load(x + at, 16), from), by));
    lo = f32x4.add(lo, el);
    hi = f32x4.add(hi, eh);
    v128.store(y + at, el);
    v128.store(y + at, eh, 16);
  }
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
  // The padding is so far below the maximum that its exponential is exactly 0.
  const padding = f32x4.splat(<f32>-Infinity);
  for (; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const left = min(count - i, 4);
    const e = exp4(f32x4.mul(f32x4.sub(loadUpTo(x + at, left, padding), from), by));
    v128.store(sums, f32x4.add(v128.load(sums), e));
    storeUpTo(y + at, e, left);
  }
}
