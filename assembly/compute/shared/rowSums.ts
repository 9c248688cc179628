// Sums over a row in a single pass, always in one order: eight partial sums, then those. `work` is 32 bytes of working
// memory.
import { loadUpTo, madd, sumPair, zero } from './simd';

/** The sum of `count` floats. */
export function rowSum(x: usize, count: u32, work: usize): f32 {
  let lo = zero();
  let hi = zero();
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    lo = f32x4.add(lo, v128.load(x + at));
    hi = f32x4.add(hi, v128.load(x + at, 16));
  }
  v128.store(work, lo);
  v128.store(work, hi, 16);
  for (; i < count; i += 4) {
    v128.store(work, f32x4.add(v128.load(work), loadUpTo(x + ((<usize>i) << 2), min(count - i, 4), zero())));
  }
  return sumPair(work);
}

/**
 * The dot product of two rows of `count` floats, which may be the same. Inlined: rows of a head are so short that calls
 * cost.
 */
// @ts-ignore: decorator
@inline
export function rowDot(a: usize, b: usize, count: u32, work: usize): f32 {
  let lo = zero();
  let hi = zero();
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    lo = madd(v128.load(a + at), v128.load(b + at), lo);
    hi = madd(v128.load(a + at, 16), v128.load(b + at, 16), hi);
  }
  v128.store(work, lo);
  v128.store(work, hi, 16);
  for (; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const left = min(count - i, 4);
    v128.store(work, madd(loadUpTo(a + at, left, zero()), loadUpTo(b + at, left, zero()), v128.load(work)));
  }
  return sumPair(work);
}
