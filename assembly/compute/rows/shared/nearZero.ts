// Series for numbers near 0, where the functions themselves would cancel: what divergences of nearly even rows are made of.
import { madd } from '../../shared/simd';

/** (e^x - 1) / x for |x| <= 0.25, relatively accurate. */
// @ts-ignore: decorator
@inline
export function expSlopeNear(x: v128): v128 {
  let y = madd(x, f32x4.splat(1.9841270e-4), f32x4.splat(0.0013888889));
  y = madd(x, y, f32x4.splat(0.0083333338));
  y = madd(x, y, f32x4.splat(0.041666668));
  y = madd(x, y, f32x4.splat(0.16666667));
  y = madd(x, y, f32x4.splat(0.5));
  return madd(x, y, f32x4.splat(1));
}

/** artanh(s) / s, from the square of s: at most 0.021. With s = u / (2 + u), log(1 + u) is 2 artanh(s). */
// @ts-ignore: decorator
@inline
export function artanhSlope(square: v128): v128 {
  let y = madd(square, f32x4.splat(0.11111111), f32x4.splat(0.14285714));
  y = madd(square, y, f32x4.splat(0.2));
  y = madd(square, y, f32x4.splat(0.33333333));
  return madd(square, y, f32x4.splat(1));
}
