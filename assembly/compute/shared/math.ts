// exp, log and the logistic function on four floats, from +, -, *, /, multiply-add and integer operations only: the same
// bits on every machine within one arithmetic (see madd), no host Math. test/backend/wasm/math.test.ts checks the stated
// errors in both.

import {
  constant, DENSITY_AT_0, ERFC_0, ERFC_1, ERFC_2, ERFC_3, ERFC_4, ERFC_5, ERFC_6, ERFC_FROM, ERFC_GONE, ERF_0, ERF_1, ERF_2,
  ERF_3, ERF_4, ERF_5, EXP_1, EXP_2, EXP_3, EXP_4, EXP_HIGHEST, EXP_LOWEST, HALF, LN2_HIGH, LN2_LOW, LOG2_E, LOG_0, LOG_1,
  LOG_2, LOG_3, LOG_4, LOG_5, LOG_6, LOG_7, MINUS_HALF, ONE, ROUND, SMALLEST, SQRT_HALF, SQRT_HALF_BITS, word,
} from './constants';
import { isFused, madd, nmadd } from './simd';

/**
 * e^x. At most 1.01 ULP, fused 0.92, for -87.33654 <= x <= 88.3; exactly 0 below, e^88.3 above, exactly 1 at 0, NaN stays
 * NaN.
 * x = n log 2 + r with |r| <= log(2) / 2; e^r = 1 + r + r^2 Q(r); 2^n is added to the exponent bits.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const tooLow = f32x4.lt(x, constant(EXP_LOWEST));
  const bounded = f32x4.pmin(x, constant(EXP_HIGHEST));
  const shifted = madd(bounded, constant(LOG2_E), constant(ROUND));
  const n = f32x4.sub(shifted, constant(ROUND));
  let r = nmadd(n, constant(LN2_HIGH), bounded);
  r = madd(n, constant(LN2_LOW), r);
  let q = madd(constant(EXP_4), r, constant(EXP_3));
  q = madd(q, r, constant(EXP_2));
  q = madd(q, r, constant(EXP_1));
  q = madd(q, r, constant(HALF));
  // Rounded once, r (1 + r Q(r)) loses nothing; rounded twice, it loses more than r + r^2 Q(r).
  const y = isFused()
    ? madd(madd(q, r, constant(ONE)), r, constant(ONE))
    : f32x4.add(madd(f32x4.mul(r, r), q, r), constant(ONE));
  return v128.andnot(i32x4.add(y, i32x4.shl(shifted, 23)), tooLow);
}

/**
 * log x. At most 1 ULP of max(|log x|, 0.5) for 2^-126 <= x < infinity, exactly 0 at 1; smaller x (0 too) give
 * log(2^-126). NaN gives a number: callers multiply by something that is NaN too, or use log1.
 * x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); log(1 + f) = f - f^2 / 2 + f^3 R(f).
 */
// @ts-ignore: decorator
@inline
export function log4(x: v128): v128 {
  const normal = f32x4.pmax(x, constant(SMALLEST));
  // Subtracting the bits of sqrt(1/2) puts the exponent's change where 1 + f leaves its range.
  const bits = i32x4.sub(normal, word(SQRT_HALF_BITS));
  const exponent = i32x4.shr_s(bits, 23);
  const f = f32x4.sub(i32x4.sub(normal, i32x4.shl(exponent, 23)), constant(ONE));
  const e = f32x4.convert_i32x4_s(exponent);
  let r = madd(constant(LOG_7), f, constant(LOG_6));
  r = madd(r, f, constant(LOG_5));
  r = madd(r, f, constant(LOG_4));
  r = madd(r, f, constant(LOG_3));
  r = madd(r, f, constant(LOG_2));
  r = madd(r, f, constant(LOG_1));
  r = madd(r, f, constant(LOG_0));
  const square = f32x4.mul(f, f);
  let y = f32x4.mul(f32x4.mul(square, f), r);
  y = nmadd(e, constant(LN2_LOW), y);
  y = nmadd(square, constant(HALF), y);
  y = f32x4.add(y, f);
  return madd(e, constant(LN2_HIGH), y);
}

/** log(1 + x) for x >= 0, relatively accurate where x is small: at most 2 ULP. `u` is 1 + x. */
// @ts-ignore: decorator
@inline
export function log1p4(x: v128, u: v128): v128 {
  return f32x4.add(log4(u), f32x4.div(f32x4.sub(x, f32x4.sub(u, constant(ONE))), u));
}

/** 1 / (1 + e^-x). At most 3 ULP for |x| <= 87; exactly 0 or 1 within rounding beyond. */
// @ts-ignore: decorator
@inline
export function logistic4(x: v128): v128 {
  const one = constant(ONE);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/**
 * P(X <= x) = 0.5 (1 + erf(x / sqrt(2))) for a normal X: within 2^-23, NaN stays NaN. Up to 0.93 of |x| / sqrt(2) by a
 * polynomial of erf, above as 0.5 erfc of the absolute value or 1 less it, so that small values keep most of their digits.
 */
// @ts-ignore: decorator
@inline
export function normalShare4(x: v128): v128 {
  const a = f32x4.mul(x, constant(SQRT_HALF));
  const t = f32x4.pmin(f32x4.abs(a), constant(ERFC_GONE));
  const s = f32x4.mul(t, t);
  const half = constant(HALF);
  let high = madd(constant(ERFC_6), t, constant(ERFC_5));
  high = madd(high, s, madd(constant(ERFC_4), t, constant(ERFC_3)));
  high = madd(high, t, constant(ERFC_2));
  high = madd(high, t, constant(ERFC_1));
  high = madd(high, t, constant(ERFC_0));
  const tail = f32x4.mul(half, exp4(f32x4.sub(f32x4.mul(high, t), t)));
  const far = v128.bitselect(tail, f32x4.sub(constant(ONE), tail), f32x4.lt(x, f32x4.splat(0)));
  let low = madd(constant(ERF_5), s, constant(ERF_4));
  low = madd(low, s, constant(ERF_3));
  low = madd(low, s, constant(ERF_2));
  low = madd(low, s, constant(ERF_1));
  low = madd(low, s, constant(ERF_0));
  const near = madd(half, madd(low, a, a), half);
  return v128.bitselect(far, near, f32x4.gt(t, constant(ERFC_FROM)));
}

/** e^(-x^2 / 2) / sqrt(2 pi); exactly 0 from |x| = 13.3 on. */
// @ts-ignore: decorator
@inline
export function normalDensity4(x: v128): v128 {
  return f32x4.mul(constant(DENSITY_AT_0), exp4(f32x4.mul(constant(MINUS_HALF), f32x4.mul(x, x))));
}

/** log of one positive float, by log4; NaN stays NaN. */
export function log1(x: f32): f32 {
  return isNaN(x) ? x : f32x4.extract_lane(log4(f32x4.splat(x)), 0);
}

/** e^x of one float, by exp4. */
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}
