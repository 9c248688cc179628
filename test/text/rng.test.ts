import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { createRng } from '../../src/text/index.js';
import { chiSquareDeviate } from './chiSquare.js';

describe('createRng', () => {
  it('is xoshiro256** seeded by splitmix64', () => {
    const rng = createRng(1);
    const first = [12966619160104079557n, 9600361134598540522n, 10590380919521690900n];
    expect(first.map(() => rng.uniform())).toEqual(first.map((draw) => Number(draw >> 11n) * 2 ** -53));
    // From the state 1, 2, 3, 4 the reference implementation draws 11520, 0, 1509978240, 1215971899390074240.
    const known = createRng([1, 0, 2, 0, 3, 0, 4, 0]);
    expect([0, 1, 2, 3].map(() => known.uniform() * 2 ** 53)).toEqual(
      [11520n, 0n, 1509978240n, 1215971899390074240n].map((draw) => Number(draw >> 11n)),
    );
  });

  it('goes on from a saved state, and generators do not disturb each other', () => {
    const a = createRng(2 ** 53 - 1);
    a.uniform();
    const saved = JSON.parse(JSON.stringify(a.state()));
    const other = createRng(3);
    const draws = [0, 1, 2].map(() => [a.uniform(), other.int(10)][0]);
    const b = createRng(saved);
    expect([0, 1, 2].map(() => b.uniform())).toEqual(draws);
  });

  it('draws integers and orders evenly', () => {
    const rng = createRng(9);
    const counts = new Array(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[rng.int(7)]++;
    expect(chiSquareDeviate(counts, new Array(7).fill(10_000))).toBeLessThan(4);
    const orders = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const values = Int32Array.of(5, 6, 7, 8);
      rng.shuffle(values);
      const key = values.join('');
      orders.set(key, (orders.get(key) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    expect(chiSquareDeviate([...orders.values()], new Array(24).fill(1000))).toBeLessThan(4);
    expect(rng.int(1)).toBe(0);
    expect(Array.from({ length: 100 }, () => rng.int(2 ** 32 - 1)).some((value) => value > 2 ** 31)).toBe(true);
    rng.shuffle(new Int32Array(0));
  });

  it('refuses seeds, states and ranges that are none', () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => createRng(seed)).toThrow(OptionError);
    expect(() => createRng([1, 2])).toThrow(OptionError);
    expect(() => createRng([1, 2, 3, 4, 5, 6, 7, -8])).toThrow(OptionError);
    for (const n of [0, -3, 1.5, 2 ** 32]) expect(() => createRng(1).int(n)).toThrow(OptionError);
  });
});
