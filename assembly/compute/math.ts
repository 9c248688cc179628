// exp, log and the logistic function on four floats, from +, -, *, / and integer operations only: the same bits on every
// machine, no host Math. Polynomials are minimax fits (relative error 3.4e-9 and 5.9e-9) of the functions named beside
// them; errors are the largest found over all floats of the stated range, test/backend/wasm/math.test.ts checks them.

/** Below this exp gives exactly 0 instead of a subnormal number: just above log(2^-126). */
// @ts-ignore: decorator
@inline
const LOWEST: f32 = -87.33654;
// @ts-ignore: decorator
@inline
const HIGHEST: f32 = 88.3;
/** 1.5 * 2^23: adding it rounds to the nearest integer and leaves that integer in the low bits. */
// @ts-ignore: decorator
@inline
const ROUND: f32 = 12582912;

/**
 * e^x. At most 1 ULP for -87.33654 <= x <= 88.3; exactly 0 below, e^88.3 above, exactly 1 at 0, NaN stays NaN.
 * x = n log 2 + r with |r| <= log(2) / 2; e^r = 1 + r + r^2 Q(r); 2^n is added to the exponent bits.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const tooLow = f32x4.lt(x, f32x4.splat(LOWEST));
  const bounded = f32x4.pmin(x, f32x4.splat(HIGHEST));
  const shifted = f32x4.add(f32x4.mul(bounded, f32x4.splat(1.44269504)), f32x4.splat(ROUND));
  const n = f32x4.sub(shifted, f32x4.splat(ROUND));
  // log 2 in two parts, the first with 9 bits: n times it is exact.
  let r = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let q = f32x4.add(f32x4.mul(f32x4.splat(0.0013951717410236597), r), f32x4.splat(0.008369598537683487));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.0416661873459816));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.16666512191295624));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.5));
  const y = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(r, r), q), r), f32x4.splat(1));
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
  const normal = f32x4.pmax(x, f32x4.splat(1.17549435e-38));
  // Subtracting the bits of sqrt(1/2) puts the exponent's change where 1 + f leaves its range.
  const bits = i32x4.sub(normal, i32x4.splat(0x3f3504f3));
  const exponent = i32x4.shr_s(bits, 23);
  const f = f32x4.sub(i32x4.sub(normal, i32x4.shl(exponent, 23)), f32x4.splat(1));
  const e = f32x4.convert_i32x4_s(exponent);
  let r = f32x4.add(f32x4.mul(f32x4.splat(-0.07859554141759872), f), f32x4.splat(0.12881635129451752));
  r = f32x4.add(f32x4.mul(r, f), f32x4.splat(-0.13128770887851715));
  r = f32x4.add(f32x4.mul(r, f), f32x4.splat(0.14181195199489594));
  r = f32x4.add(f32x4.mul(r, f), f32x4.splat(-0.16624552011489868));
  r = f32x4.add(f32x4.mul(r, f), f32x4.splat(0.2000228613615036));
  r = f32x4.add(f32x4.mul(r, f), f32x4.splat(-0.25000810623168945));
  r = f32x4.add(f32x4.mul(r, f), f32x4.splat(0.33333316445350647));
  const square = f32x4.mul(f, f);
  let y = f32x4.mul(f32x4.mul(square, f), r);
  y = f32x4.sub(y, f32x4.mul(e, f32x4.splat(2.12194440e-4)));
  y = f32x4.sub(y, f32x4.mul(square, f32x4.splat(0.5)));
  y = f32x4.add(y, f);
  return f32x4.add(y, f32x4.mul(e, f32x4.splat(0.693359375)));
}

/** log(1 + x) for x >= 0, relatively accurate where x is small: at most 2 ULP. `u` is 1 + x. */
// @ts-ignore: decorator
@inline
export function log1p4(x: v128, u: v128): v128 {
  return f32x4.add(log4(u), f32x4.div(f32x4.sub(x, f32x4.sub(u, f32x4.splat(1))), u));
}

/** 1 / (1 + e^-x). At most 3 ULP for |x| <= 87; exactly 0 or 1 within rounding beyond. */
// @ts-ignore: decorator
@inline
export function logistic4(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/** log of one positive float, by log4; NaN stays NaN. */
export function log1(x: f32): f32 {
  return isNaN(x) ? x : f32x4.extract_lane(log4(f32x4.splat(x)), 0);
}

/** e^x of one float, by exp4. */
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}
