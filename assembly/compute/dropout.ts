// Counter-based dropout: the hash of kernels/hash.wgsl, four elements at a time. Range: elements.
import { HASH_1, HASH_2, HASH_INDEX, highLanes, lowLanes, word } from './constants';
import { loadUpTo, storeUpTo, zero } from './simd';

/** All bits of a lane where hash(seed, index) >= threshold, none elsewhere. */
// @ts-ignore: decorator
@inline
export function kept(index: v128, seed: v128, threshold: v128): v128 {
  let h = i32x4.add(i32x4.mul(index, word(HASH_INDEX)), seed);
  h = v128.xor(h, i32x4.shr_u(h, 16));
  h = i32x4.mul(h, word(HASH_1));
  h = v128.xor(h, i32x4.shr_u(h, 15));
  h = i32x4.mul(h, word(HASH_2));
  h = v128.xor(h, i32x4.shr_u(h, 16));
  return i32x4.ge_u(h, threshold);
}

/** x * scale where the index is kept, else 0. */
// @ts-ignore: decorator
@inline
function masked(x: v128, index: v128, seed: v128, threshold: v128, scale: v128): v128 {
  return v128.and(f32x4.mul(x, scale), kept(index, seed, threshold));
}

export function dropout(x: usize, y: usize, seed: u32, threshold: u32, scale: f32, begin: u32, end: u32): void {
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
