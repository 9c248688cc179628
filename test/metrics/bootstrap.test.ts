/** Intervals and p-values of the bootstrap, over many experiments whose truth is known. */
import { describe, expect, it } from 'vitest';
import { drawnScores, intervalOf, pValueOf } from '../../src/metrics/bootstrap.js';
import { uniformGenerator } from '../../src/random.js';

const [many, records] = [3000, 60];
const uniform = uniformGenerator(5);
/** Experiments: differences of two models on each record, whose true mean is 0; every other experiment's are skewed. */
const experiments = Array.from({ length: many }, (_, seed) => {
  const value = () => (seed % 2 === 0 ? uniform() - uniform() : -Math.log(1 - uniform()) - 1);
  const values = Float64Array.from({ length: records }, value);
  const meanOf = (drawn: Int32Array) => drawn.reduce((sum, i) => sum + (values[i] as number), 0) / records;
  const draws = drawnScores(records, (drawn) => [meanOf(drawn)], { resamples: 200, seed })[0] as number[];
  const found = meanOf(Int32Array.from(values.keys()));
  return { found, draws, p: pValueOf(found, draws), interval: intervalOf(draws, 0.95) };
});
const shareOf = (test: (each: (typeof experiments)[number]) => boolean) => experiments.filter(test).length / many;
const leavesOut0 = ([low, high]: readonly [number, number]) => low > 0 || high < 0;

describe('pValueOf', () => {
  it.each([0.05, 0.1, 0.25, 0.5, 0.75])('is below %d about that often where nothing differs', (level) => {
    // Three standard deviations of the share, and what 60 records, some of them skewed, make of any bootstrap.
    const error = 3 * Math.sqrt((level * (1 - level)) / many) + 0.015;
    expect(Math.abs(shareOf(({ p }) => p < level) - level)).toBeLessThan(error);
  });

  it('is below 0.05 where the interval of 95% leaves 0 out', () => {
    expect(shareOf(({ interval }) => leavesOut0(interval))).toBeGreaterThan(0.02);
    expect(shareOf(({ p, interval }) => p < 0.05 !== leavesOut0(interval))).toBeLessThan(0.04);
  });

  it('is the same for the other direction, 1 for no difference, and never 0', () => {
    for (const { found, draws, p } of experiments.slice(0, 20)) {
      const back = draws.map((each) => -each);
      expect(pValueOf(-found, back)).toBe(p);
    }
    expect(pValueOf(0, [0, 0, 0])).toBe(1);
    expect(pValueOf(5, [4, 5, 6])).toBe(0.25);
  });
});
