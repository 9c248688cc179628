/**
 * Pearson's chi-square of counts against expected counts, as a normal deviate (Wilson and Hilferty): values above 4
 * come from the expected distribution once in 30,000 times.
 */
export function chiSquareDeviate(counts: ArrayLike<number>, expected: ArrayLike<number>): number {
  let sum = 0;
  let cells = 0;
  for (let i = 0; i < counts.length; i++) {
    const wanted = expected[i] as number;
    if (wanted === 0) {
      if (counts[i] !== 0) return Number.POSITIVE_INFINITY;
      continue;
    }
    sum += ((counts[i] as number) - wanted) ** 2 / wanted;
    cells++;
  }
  const freedom = cells - 1;
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(sum / freedom) - (1 - spread)) / Math.sqrt(spread);
}
