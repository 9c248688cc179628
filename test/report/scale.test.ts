import { describe, expect, it } from 'vitest';
import { extentOf, fittingScale, linearScale, logScale, type Scale } from '../../src/report/charts/scale.js';

const labels = ({ ticks }: Scale) => ticks.map(({ label }) => label);

describe('linearScale', () => {
  it.each([
    [[0, 96.9], {}, ['0', '25', '50', '75', '100']],
    [[41, 62], {}, ['40', '50', '60', '70']],
    [[0.12, 0.61], {}, ['0', '0.2', '0.4', '0.6', '0.8']],
    [[1.5, 1.62], {}, ['1.50', '1.55', '1.60', '1.65']],
    [[], { from: 0, to: 700, whole: true }, ['0', '200', '400', '600']],
    [[], { from: 0, to: 12_000, whole: true }, ['0', '5k', '10k']],
    [[], { from: 0, to: 3, whole: true }, ['0', '1', '2', '3']],
    [[], { from: 0, to: 1, whole: true }, ['0', '1']],
    [[0, 2e-3], { from: 0 }, ['0', '5e-4', '1e-3', '1.5e-3', '2e-3']],
    [[0, 5e-4], { from: 0 }, ['0', '2e-4', '4e-4', '6e-4']],
    [[0, 4e6], {}, ['0', '1M', '2M', '3M', '4M']],
    [[0, 3e12], {}, ['0', '1e12', '2e12', '3e12']],
    [[-3, 4], {}, ['-4', '-2', '0', '2', '4']],
  ])('of %j %j has %j', (values, options, expected) => {
    expect(labels(linearScale(values, options))).toEqual(expected);
  });

  it('gives one value, and none, room on both sides', () => {
    const one = linearScale([2], {});
    expect(one.place(2)).toBeCloseTo(0.5, 1);
    expect(one.ticks.length).toBeGreaterThan(2);
    const zero = linearScale([0, 0], {});
    expect([zero.place(0), zero.ticks[0]?.label]).toEqual([0, '0']);
    expect(linearScale([], {}).ticks.length).toBeGreaterThan(2);
    expect(linearScale([Number.NaN], {}).ticks.length).toBeGreaterThan(2);
    // A run that has validated before its first step only.
    expect(linearScale([], { from: 0, to: 0, whole: true }).place(0)).toBe(0);
  });

  it('is not led astray by the last bits of a constant', () => {
    expect(labels(linearScale([0.1 + 0.2, 0.3], {})).length).toBeLessThan(8);
  });
});

describe('logScale', () => {
  it.each([
    [
      [0.02, 40],
      ['0.02', '0.1', '1', '10'],
    ],
    [
      [0.3, 9],
      ['0.2', '0.5', '1', '2', '5', '10'],
    ],
    [
      [1e-6, 1e-3],
      ['1e-6', '1e-5', '1e-4', '0.001'],
    ],
    [
      [3, 3],
      ['2', '5'],
    ],
    [
      [1, 1e30],
      ['1', '1e5', '1e10', '1e15', '1e20', '1e25', '1e30'],
    ],
  ])('of %j has %j', (values, expected) => {
    const found = labels(logScale(values));
    expect(found.filter((label) => expected.includes(label))).toEqual(
      expected.filter((label) => found.includes(label)),
    );
    expect(found.length).toBeGreaterThanOrEqual(2);
  });

  it('puts equal ratios at equal distances, and what has no logarithm at the lower end', () => {
    const { place } = logScale([0.01, 100]);
    expect([0.01, 0.1, 1, 10, 100].map(place).map((at) => at.toFixed(3))).toEqual([
      '0.000',
      '0.250',
      '0.500',
      '0.750',
      '1.000',
    ]);
    expect([0, -1].map(place)).toEqual([0, 0]);
  });
});

it('fittingScale is logarithmic only where a linear axis would show the large values alone', () => {
  expect(fittingScale([0.1, 5]).kind).toBe('log');
  expect(fittingScale([1, 5]).kind).toBe('linear');
  expect(fittingScale([0, 5]).kind).toBe('linear');
  expect(fittingScale([-1, 50]).kind).toBe('linear');
  expect(fittingScale([]).kind).toBe('linear');
});

it.each([
  ['linear', (values: number[]) => linearScale(values, {})],
  ['log', logScale],
  ['fitting', fittingScale],
])('%s: numbers beside an axis rise, differ, are few, and lie on it, as the values do', (_, scale) => {
  let state = 1;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (let i = 0; i < 300; i++) {
    const size = 10 ** (random() * 24 - 12);
    const low = random() * size;
    const values = [low, low + random() * size * 10 ** (random() * 4 - 3)];
    const { ticks, place } = scale(values);
    const where = JSON.stringify({ values, ticks });
    expect(ticks.length, where).toBeGreaterThanOrEqual(2);
    expect(ticks.length, where).toBeLessThanOrEqual(9);
    expect(new Set(ticks.map(({ label }) => label)).size, where).toBe(ticks.length);
    for (const [at, { value, label }] of ticks.entries()) {
      expect(label.length, where).toBeLessThanOrEqual(12);
      if (at > 0) expect(place(value), where).toBeGreaterThan(place(ticks[at - 1]!.value));
    }
    expect(place(values[1]!), where).toBeGreaterThanOrEqual(place(values[0]!));
    for (const value of values) expect(place(value) >= 0 && place(value) <= 1, where).toBe(true);
  }
});

it('extentOf leaves out what is not finite', () => {
  expect(extentOf([3, Number.NaN, -1, Number.POSITIVE_INFINITY])).toEqual([-1, 3]);
  expect(extentOf([Number.NaN])).toBeUndefined();
  expect(extentOf(Array.from({ length: 300_000 }, (_, i) => i))).toEqual([0, 299_999]);
});
