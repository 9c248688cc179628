// x s with s = 1 / (1 + e^-z), z = slope x: SiLU where the slope is 1, and its gradient s (1 + z (1 - s)).
// Twins: kernels/elements/swish.wgsl, kernels/elements/swishBackward.wgsl. Range: elements.
import { constant, ONE } from '../shared/constants';
import { exp4, logistic4 } from '../shared/math';
import { loadUpTo, madd, storeUpTo, zero } from '../shared/simd';

// @ts-ignore: decorator
@inline
function value(x: v128, slope: v128): v128 {
  return f32x4.mul(x, logistic4(f32x4.mul(slope, x)));
}

/** With e = e^-z, s = 1 / (1 + e) and 1 - s = e s, without cancellation. */
// @ts-ignore: decorator
@inline
function gradient(x: v128, dy: v128, slope: v128): v128 {
  const one = constant(ONE);
  const z = f32x4.mul(slope, x);
  const e = exp4(f32x4.neg(z));
  const s = f32x4.div(one, f32x4.add(one, e));
  return f32x4.mul(dy, f32x4.mul(s, madd(z, f32x4.mul(e, s), one)));
}

export function swish(x: usize, y: usize, size: u32, slope: f32, begin: u32, end: u32): void {
  const by = f32x4.splat(slope);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = value(v128.load(x + at), by);
    const hi = value(v128.load(x + at, 16), by);
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, value(loadUpTo(x + at, count, zero()), by), count);
  }
}

export function swishBackward(x: usize, dy: usize, dx: usize, size: u32, slope: f32, begin: u32, end: u32): void {
  const by = f32x4.splat(slope);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = gradient(v128.load(x + at), v128.load(dy + at), by);
    const hi = gradient(v128.load(x + at, 16), v128.load(dy + at, 16), by);
    v128.store(dx + at, lo);
    v128.store(dx + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(dx + at, gradient(loadUpTo(x + at, count, zero()), loadUpTo(dy + at, count, zero()), by), count);
  }
}
