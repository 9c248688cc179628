/**
 * How far the mean of what was measured may be from the mean of what could have been: its 95% interval by Student's t, which
 * takes the spread for what it is, known from a few values only.
 */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The 95% interval of the mean of independent values that are about normally distributed; undefined of fewer than two, whose
 * spread nobody knows.
 */
export function meanInterval({ mean, deviation, values }: MeanOf): Interval | undefined {
  if (values.length < 2) return undefined;
  const reach = (quantile(values.length - 1) * deviation) / Math.sqrt(values.length);
  return { low: mean - reach, high: mean + reach };
}

interface MeanOf {
  readonly mean: number;
  /** Of the sample, with n - 1. */
  readonly deviation: number;
  readonly values: readonly number[];
}

/** 0.975 quantiles of Student's t by degrees of freedom, from 1. */
const quantiles = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281];
/** That of the normal distribution. */
const normal = 1.959964;

/** With more degrees of freedom than the table has, the expansion of Cornish and Fisher about the normal distribution. */
function quantile(freedom: number): number {
  const z = normal;
  const expanded =
    z +
    (z ** 3 + z) / (4 * freedom) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3);
  return quantiles[freedom - 1] ?? expanded;
}
