import { expect, it } from 'vitest';
import { log, mixSeed, namedSeed, normalGenerator, randomOrder, randomSeed, shuffled } from '../src/random.js';

it('log agrees with Math.log to 1e-15', () => {
  for (let i = 1; i < 20_000; i++) {
    for (const x of [i / 20_000, 2 ** (-i / 400)]) {
      expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(1e-15 * Math.max(0.25, Math.abs(Math.log(x))));
    }
  }
});

it('normal numbers have the moments and tails of a normal distribution', () => {
  const normal = normalGenerator(11);
  const values = Float64Array.from({ length: 200_000 }, normal);
  const mean = (of: (x: number) => number) => values.reduce((sum, x) => sum + of(x), 0) / values.length;
  // Five standard errors each.
  expect(Math.abs(mean((x) => x))).toBeLessThan(5 / Math.sqrt(values.length));
  expect(Math.abs(mean((x) => x ** 2) - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
  expect(Math.abs(mean((x) => x ** 4) - 3)).toBeLessThan(5 * Math.sqrt(96 / values.length));
  const tail = 0.0026998;
  expect(Math.abs(mean((x) => (Math.abs(x) > 3 ? 1 : 0)) - tail)).toBeLessThan(5 * Math.sqrt(tail / values.length));
});

it('seeds and indices give distinct, mixed numbers', () => {
  const mixed = new Set<number>();
  for (let seed = 0; seed < 100; seed++) for (let index = 0; index < 100; index++) mixed.add(mixSeed(seed, index));
  expect(mixed.size).toBe(10_000);
});

it('seeds that differ in their high word alone are different seeds, for every purpose', () => {
  const high = [1, 2, 3, 2 ** 20, 2 ** 21 - 1];
  for (const purpose of ['order', 'textOrder', 'decision', 'generation', 'dropout', 'replay', 'validation'] as const) {
    for (const low of [0, 1, 10, 2 ** 32 - 1]) {
      const drawn = [0, ...high].map((word) => randomSeed(word * 2 ** 32 + low, purpose, 5));
      expect(new Set(drawn).size, `${purpose}, ${low}`).toBe(drawn.length);
    }
  }
  expect(namedSeed(7 + 2 ** 32, 'layer')).not.toBe(namedSeed(7, 'layer'));
  expect(randomOrder(10 + 2 ** 32, 'order', 0, 50)).not.toEqual(randomOrder(10, 'order', 0, 50));
});

it('an order holds every index once, and is a function of the seed', () => {
  const order = shuffled(1000, 3);
  expect(shuffled(1000, 3)).toEqual(order);
  expect(shuffled(1000, 4)).not.toEqual(order);
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(1000).keys()]);
  // What runs of earlier versions drew.
  expect([...shuffled(8, 10)]).toEqual([6, 3, 4, 1, 5, 0, 2, 7]);
});
