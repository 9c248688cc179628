// GELU, GPT-2's tanh form, through 0.5 (1 + tanh u) = logistic(2u), u = sqrt(2 / pi) (x + 0.044715 x^3), and its slope.
// The exact form is x P(X <= x) for a normal X, whose slope is P(X <= x) + x p(x) with p the density.
import { constant, GELU_CUBIC, GELU_CUBIC_3, GELU_SLOPE, ONE } from '../../shared/constants';
import { logistic4, normalDensity4, normalShare4 } from '../../shared/math';
import { madd } from '../../shared/simd';

// @ts-ignore: decorator
@inline
export function gelu4(x: v128): v128 {
  const cubic = madd(f32x4.mul(x, x), constant(GELU_CUBIC), constant(ONE));
  return f32x4.mul(x, logistic4(f32x4.mul(f32x4.mul(x, constant(GELU_SLOPE)), cubic)));
}

/** s + x s (1 - s) du2/dx with s = logistic(2u). */
// @ts-ignore: decorator
@inline
export function geluSlope4(x: v128): v128 {
  const one = constant(ONE);
  const square = f32x4.mul(x, x);
  const cubic = madd(square, constant(GELU_CUBIC), one);
  const s = logistic4(f32x4.mul(f32x4.mul(x, constant(GELU_SLOPE)), cubic));
  const inner = f32x4.mul(constant(GELU_SLOPE), madd(square, constant(GELU_CUBIC_3), one));
  // s (1 - s) is 0 long before x * inner overflows.
  return madd(f32x4.mul(x, f32x4.mul(s, f32x4.sub(one, s))), inner, s);
}

// @ts-ignore: decorator
@inline
export function geluErf4(x: v128): v128 {
  return f32x4.mul(x, normalShare4(x));
}

// @ts-ignore: decorator
@inline
export function geluErfSlope4(x: v128): v128 {
  return madd(x, normalDensity4(x), normalShare4(x));
}
