// max(x, 0) and its slope. A NaN stays one. Range: elements.
import { loadUpTo, storeUpTo, zero } from './simd';

// @ts-ignore: decorator
@inline
function value(x: v128): v128 {
  return f32x4.pmax(x, zero()); // x < 0 ? 0 : x
}

/** dy where x is above 0. */
// @ts-ignore: decorator
@inline
function passed(x: v128, dy: v128): v128 {
  return v128.and(f32x4.gt(x, zero()), dy);
}

export function relu(x: usize, y: usize, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = value(v128.load(x + at));
    const hi = value(v128.load(x + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, value(loadUpTo(x + at, count, zero())), count);
  }
}

/** dx = x > 0 ? dy : 0 */
export function reluBackward(x: usize, dy: usize, dx: usize, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = passed(v128.load(x + at), v128.load(dy + at));
    const hi = passed(v128.load(x + at, 16), v128.load(dy + at, 16));
    v128.store(dx + at, lo);
    v128.store(dx + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(dx + at, passed(loadUpTo(x + at, count, zero()), loadUpTo(dy + at, count, zero())), count);
  }
}
