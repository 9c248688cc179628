import { expect, it } from 'vitest';
import { holdOut } from '../../src/data/holdOut.js';

const records = Array.from({ length: 1000 }, (_, i) => i);

it('draws records that are spread over the data, the same each time, and leaves the others in order', () => {
  const { train, held } = holdOut(records, 100, 'random');
  expect(holdOut(records, 100, 'random')).toEqual({ train, held });
  expect(held.length).toBe(100);
  expect([...train, ...held].sort((a, b) => a - b)).toEqual(records);
  expect(train).toEqual([...train].sort((a, b) => a - b));
  // Sorted data: each tenth has its share of the held-out records, and of the first 30 of them.
  for (const [of, least] of [
    [held, 3],
    [held.slice(0, 30), 1],
  ] as const) {
    for (let tenth = 0; tenth < 10; tenth++) {
      expect(of.filter((record) => Math.floor(record / 100) === tenth).length).toBeGreaterThanOrEqual(least);
    }
  }
});

it('takes the first records where that is asked for', () => {
  const { train, held } = holdOut(records, 3, 'first');
  expect(held).toEqual([0, 1, 2]);
  expect(train).toEqual(records.slice(3));
});

it('holds out none or all', () => {
  for (const order of ['random', 'first'] as const) {
    expect(holdOut(records, 0, order)).toEqual({ train: records, held: [] });
    expect(holdOut(records, 2000, order).train).toEqual([]);
  }
});
