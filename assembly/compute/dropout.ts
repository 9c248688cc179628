// Counter-based dropout: the hash of kernels/dropout.wgsl, four elements at a time. Range: elements.
import { loadUpTo, storeUpTo, zero } from './simd';

/** x * scale where hash(seed, i) >= threshold, else 0, for elements i .. i + 3. */
// @ts-ignore: decorator
@inline
function masked(x: v128, i: u32, seed: u32, threshold: u32, scale: f32): v128 {
  const index = i32x4.add(i32x4.splat(i), i32x4(0, 1, 2, 3));
  let h = i32x4.add(i32x4.mul(index, i32x4.splat(0x9e3779b9)), i32x4.splat(seed));
  h = v128.xor(h, i32x4.shr_u(h, 16));
  h = i32x4.mul(h, i32x4.splat(0x7feb352d));
  h = v128.xor(h, i32x4.shr_u(h, 15));
  h = i32x4.mul(h, i32x4.splat(0x846ca68b));
  h = v128.xor(h, i32x4.shr_u(h, 16));
  return v128.and(f32x4.mul(x, f32x4.splat(scale)), i32x4.ge_u(h, i32x4.splat(threshold)));
}

export function dropout(x: usize, y: usize, seed: u32, threshold: u32, scale: f32, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = masked(v128.load(x + at), i, seed, threshold, scale);
    const hi = masked(v128.load(x + at, 16), i + 4, seed, threshold, scale);
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, masked(loadUpTo(x + at, count, zero()), i, seed, threshold, scale), count);
  }
}
