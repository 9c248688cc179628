import { expect, it } from 'vitest';
import { summary } from '../../bench/frame/measure.ts';

// As Python's statistics.median, which the peers in PyTorch use.
it.each([
  [[3], 3],
  [[4, 1], 2.5],
  [[9, 1, 5], 5],
  [[8, 2, 1, 4], 3],
])('the median of %j is %d', (values, median) => {
  const { length } = values;
  const want = { case: 'a', unit: 'ms', median, min: Math.min(...values), max: Math.max(...values), runs: length };
  expect(summary({ case: 'a', unit: 'ms', values })).toEqual(want);
});
