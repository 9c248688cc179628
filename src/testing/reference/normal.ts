/** The normal distribution in float64, which JavaScript's Math has no function for. */

/** P(X <= x) for a normal X, 0.5 (1 + erf(x / sqrt(2))): relatively accurate to 1e-13 wherever f32 has a number for it. */
export function normalShare(x: number): number {
  const t = Math.abs(x) / Math.SQRT2;
  const tail = 0.5 * (t < 2 ? 1 - erfSeries(t) : erfcFraction(t));
  return x < 0 ? tail : 1 - tail;
}

/** e^(-x^2 / 2) / sqrt(2 pi) */
export const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** erf(t) = 2 / sqrt(pi) e^(-t^2) sum of 2^n t^(2n + 1) / (1 3 5 ... (2n + 1)): all terms positive, for small t. */
function erfSeries(t: number): number {
  let [term, sum] = [t, t];
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * t * t) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t) * sum;
}

/** erfc(t) = e^(-t^2) / sqrt(pi) / (t + 1/2 / (t + 1 / (t + 3/2 / (t + ...)))), for large t, from the inside out. */
function erfcFraction(t: number): number {
  let inner = t;
  for (let n = 120; n >= 1; n--) inner = t + n / 2 / inner;
  return Math.exp(-t * t) / Math.sqrt(Math.PI) / inner;
}
