// The normal distribution, of which the exact GELU is made. Put before a kernel; follows math.wgsl.
// Twin: assembly/compute/shared/math.ts

// P(X <= x) = 0.5 (1 + erf(x / sqrt(2))) for a normal X, within 2^-23. Below 0.93 of |x| / sqrt(2) by a polynomial of erf,
// above as 0.5 erfc of the absolute value or 1 less it, so that small values keep most of their digits. The polynomials
// are N. Juffa's minimax fits of erf(a) / a - 1 and of log(erfc(t)).
fn normalShare(x: f32) -> f32 {
  let a = x * 0.70710678;
  let t = min(abs(a), 10.0);                  // erfc is 0 there; the powers stay finite
  let s = t * t;
  let high = (-1.72853470e-5 * t + 3.83197126e-4) * s + (-3.88396438e-3 * t + 2.42546219e-2);
  let tail = 0.5 * expExact((((high * t - 1.06777877e-1) * t - 6.34846687e-1) * t - 1.28717512e-1) * t - t);
  let low = ((((-5.96761703e-4 * s + 4.99119423e-3) * s - 2.67681349e-2) * s + 1.12819925e-1) * s - 3.76125336e-1) * s +
    1.28379166e-1;
  return select(select(1.0 - tail, tail, x < 0.0), 0.5 + 0.5 * (low * a + a), t <= 0.927734375);
}

// e^(-x^2 / 2) / sqrt(2 pi)
fn normalDensity(x: f32) -> f32 {
  let w = clamp(x, -100.0, 100.0);
  return 0.3989422804014327 * expExact(-0.5 * w * w);
}
