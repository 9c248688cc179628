// GELU, GPT-2's tanh form, through 0.5 (1 + tanh u) = logistic(2u), u = sqrt(2 / pi) (x + 0.044715 x^3). Range: elements.
import { constant, GELU_CUBIC, GELU_CUBIC_3, GELU_SLOPE, ONE } from './constants';
import { logistic4 } from './math';
import { loadUpTo, storeUpTo, zero } from './simd';

// @ts-ignore: decorator
@inline
function value(x: v128): v128 {
  const cubic = f32x4.add(f32x4.mul(f32x4.mul(x, x), constant(GELU_CUBIC)), constant(ONE));
  return f32x4.mul(x, logistic4(f32x4.mul(f32x4.mul(x, constant(GELU_SLOPE)), cubic)));
}

/** s + x s (1 - s) du2/dx with s = logistic(2u). */
// @ts-ignore: decorator
@inline
function slope(x: v128): v128 {
  const one = constant(ONE);
  const square = f32x4.mul(x, x);
  const cubic = f32x4.add(f32x4.mul(square, constant(GELU_CUBIC)), one);
  const s = logistic4(f32x4.mul(f32x4.mul(x, constant(GELU_SLOPE)), cubic));
  const inner = f32x4.mul(constant(GELU_SLOPE), f32x4.add(f32x4.mul(square, constant(GELU_CUBIC_3)), one));
  // s (1 - s) is 0 long before x * inner overflows.
  return f32x4.add(s, f32x4.mul(f32x4.mul(x, f32x4.mul(s, f32x4.sub(one, s))), inner));
}

export function gelu(x: usize, y: usize, begin: u32, end: u32): void {
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

/** dx = dy * dgelu/dx */
export function geluBackward(x: usize, dy: usize, dx: usize, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = f32x4.mul(slope(v128.load(x + at)), v128.load(dy + at));
    const hi = f32x4.mul(slope(v128.load(x + at, 16)), v128.load(dy + at, 16));
    v128.store(dx + at, lo);
    v128.store(dx + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(dx + at, f32x4.mul(slope(loadUpTo(x + at, count, zero())), loadUpTo(dy + at, count, zero())), count);
  }
}
