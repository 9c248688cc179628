import { loadUpTo, madd, storeUpTo, zero } from '../shared/simd';

/** y = a + b. Range: elements. */
export function add(a: usize, b: usize, y: usize, size: u32, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = f32x4.add(v128.load(a + at), v128.load(b + at));
    const hi = f32x4.add(v128.load(a + at, 16), v128.load(b + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, f32x4.add(loadUpTo(a + at, count, zero()), loadUpTo(b + at, count, zero())), count);
  }
}

/** y += scale * x. Range: elements. */
export function addInto(x: usize, y: usize, size: u32, scale: f32, begin: u32, end: u32): void {
  const factor = f32x4.splat(scale);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = madd(factor, v128.load(x + at), v128.load(y + at));
    const hi = madd(factor, v128.load(x + at, 16), v128.load(y + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, madd(factor, loadUpTo(x + at, count, zero()), loadUpTo(y + at, count, zero())), count);
  }
}

/** y = factor * x. Range: elements. */
export function scale(x: usize, y: usize, size: u32, factor: f32, begin: u32, end: u32): void {
  const by = f32x4.splat(factor);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = f32x4.mul(by, v128.load(x + at));
    const hi = f32x4.mul(by, v128.load(x + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, f32x4.mul(by, loadUpTo(x + at, count, zero())), count);
  }
}
