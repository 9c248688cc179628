// Counter-based dropout. Range: elements.
import { highLanes, lowLanes } from '../shared/constants';
import { kept } from '../shared/hash';
import { loadUpTo, storeUpTo, zero } from '../shared/simd';

/** x * scale where the index is kept, else 0. */
// @ts-ignore: decorator
@inline
function masked(x: v128, index: v128, seed: v128, threshold: v128, scale: v128): v128 {
  return v128.and(f32x4.mul(x, scale), kept(index, seed, threshold));
}

export function dropout(x: usize, y: usize, size: u32, seed: u32, threshold: u32, scale: f32, begin: u32, end: u32): void {
  const s = i32x4.splat(seed);
  const least = i32x4.splat(threshold);
  const by = f32x4.splat(scale);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const first = i32x4.splat(i);
    const lo = masked(v128.load(x + at), i32x4.add(first, lowLanes()), s, least, by);
    const hi = masked(v128.load(x + at, 16), i32x4.add(first, highLanes()), s, least, by);
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, masked(loadUpTo(x + at, count, zero()), i32x4.add(i32x4.splat(i), lowLanes()), s, least, by), count);
  }
}
