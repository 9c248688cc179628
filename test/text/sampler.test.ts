import { describe, expect, it } from 'vitest';
import { DisposedError, OptionError, ShapeError, TrainingError } from '../../src/errors.js';
import { createRng, createSampler, type SamplerOptions } from '../../src/text/index.js';
import { chiSquareDeviate } from './chiSquare.js';

/** Logits that fall off as those of a language model do, in a shuffled order. */
function someLogits(vocab: number, seed: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from(
    { length: vocab },
    () => 3 * (rng.uniform() + rng.uniform() + rng.uniform()) - 20 * rng.uniform() ** 9,
  );
}

/** What Hugging Face's processors leave, in float64: the probability of each token. */
function reference(logits: Float32Array, history: readonly number[], options: SamplerOptions): Float64Array {
  const { temperature = 1, topK = 0, topP = 1, repetitionPenalty = 1, noRepeatNgramSize: n = 0 } = options;
  const scores = Float64Array.from(logits);
  for (const id of new Set(history)) scores[id]! *= scores[id]! < 0 ? repetitionPenalty : 1 / repetitionPenalty;
  if (n > 0 && history.length >= n) {
    const prefix = history.slice(history.length - n + 1).join();
    for (let i = 0; i + n <= history.length; i++) {
      if (history.slice(i, i + n - 1).join() === (n === 1 ? '' : prefix)) scores[history[i + n - 1]!] = -Infinity;
    }
  }
  for (const id of options.bannedTokens ?? []) scores[id] = -Infinity;
  for (let i = 0; i < scores.length; i++) scores[i]! /= temperature;
  if (topK > 0 && topK < scores.length) {
    const least = Array.from(scores).sort((a, b) => b - a)[topK - 1]!;
    for (let i = 0; i < scores.length; i++) if (scores[i]! < least) scores[i] = -Infinity;
  }
  const softmax = () => {
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  };
  const probabilities = softmax();
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  let before = 0;
  for (const id of order) {
    if (before >= topP) scores[id] = -Infinity;
    before += probabilities[id]!;
  }
  return softmax();
}

const cases: [string, SamplerOptions][] = [
  ['plain', {}],
  ['temperature 0.5', { temperature: 0.5 }],
  ['temperature 2', { temperature: 2 }],
  ['top-k', { topK: 7 }],
  ['top-k 1', { topK: 1 }],
  ['top-k of all and more', { topK: 10_000 }],
  ['top-p', { topP: 0.7 }],
  ['top-p that keeps one', { topP: 1e-9 }],
  ['top-p near 1', { topP: 0.999999 }],
  ['repetition penalty', { repetitionPenalty: 1.8 }],
  ['no repeated bigram', { noRepeatNgramSize: 2 }],
  ['no repeated token', { noRepeatNgramSize: 1 }],
  ['banned tokens', { bannedTokens: [0, 5, 9999] }],
  [
    'all at once',
    { temperature: 0.8, topK: 40, topP: 0.9, repetitionPenalty: 1.3, noRepeatNgramSize: 3, bannedTokens: [2] },
  ],
];

describe('createSampler', () => {
  it.each(cases)('draws from the distribution of Hugging Face: %s', (_, options) => {
    for (const vocab of [11, 256, 257, 1031]) {
      const logits = someLogits(vocab, vocab);
      const history = [3, 1, 4, 1, 5, 3, 1];
      const expected = reference(logits, history, options);
      // Every row is the first draw of its own sequence: the histories stay equal.
      const rows = 5000;
      const batch = 250;
      const counts = new Array(vocab).fill(0);
      const sampler = createSampler(options);
      const all = new Float32Array(batch * vocab);
      for (let row = 0; row < batch; row++) all.set(logits, row * vocab);
      for (let first = 0; first < rows; first += batch) {
        const states = Array.from({ length: batch }, (_, row) => sampler.start({ seed: first + row, tokens: history }));
        for (const id of sampler.sample(all, states)) counts[id]++;
        for (const state of states) state.dispose();
      }
      // Rare tokens together, so that each cell expects a few.
      const cells = new Map<number, [number, number]>();
      for (let id = 0; id < vocab; id++) {
        const key = expected[id]! * rows < 8 ? (expected[id] === 0 ? -2 : -1) : id;
        const [count, wanted] = cells.get(key) ?? [0, 0];
        cells.set(key, [count + counts[id], wanted + expected[id]! * rows]);
      }
      const [found, wanted] = [0, 1].map((side) => [...cells.values()].map((cell) => cell[side]!)) as [
        number[],
        number[],
      ];
      if (found.filter((_, i) => wanted[i] !== 0).length === 1) expect(found).toEqual(wanted.map((w) => Math.round(w)));
      else expect(chiSquareDeviate(found, wanted)).toBeLessThan(4);
    }
  });

  it('is greedy at temperature 0: the largest logit after all rules, the lowest id among equals', () => {
    const sampler = createSampler({ temperature: 0, repetitionPenalty: 2, bannedTokens: [1] });
    const row = [1, 9, 4, 3, 4, -5, 4];
    const draw = (tokens: number[], logits: number[]) =>
      sampler.sample(Float32Array.from(logits), [sampler.start({ seed: 0, tokens })])[0];
    expect(draw([], row)).toBe(2);
    expect(draw([2], row)).toBe(4);
    expect(draw([2, 2, 4], row)).toBe(6);
    expect(draw([2, 4, 6], row)).toBe(3);
    expect(draw([0], [-1, 0, -1.5])).toBe(2);
    expect(draw([], [-Infinity, 0, -1e30])).toBe(2);
  });

  it('appends what it draws to the history', () => {
    const sampler = createSampler({ temperature: 0, noRepeatNgramSize: 2 });
    const state = sampler.start({ seed: 1, tokens: [0] });
    const row = Float32Array.of(3, 2, 1);
    const drawn = Array.from({ length: 5 }, () => sampler.sample(row, [state])[0]);
    // The bigrams 00, 01, 10, 02, 20: the best continuation each time, and after 0 nothing is new then.
    expect(drawn).toEqual([0, 1, 0, 2, 0]);
    expect(state.length).toBe(6);
    expect(() => sampler.sample(row, [state])).toThrow(TrainingError);
    expect([...row]).toEqual([3, 2, 1]);
  });

  it('draws the same for a sequence whatever batch it is in', () => {
    const vocab = 513;
    const sampler = createSampler({ temperature: 1.3, topP: 0.95 });
    const seeds = [5, 17, 2 ** 40];
    const rows = (step: number, row: number) => someLogits(vocab, 100 * step + row);
    const alone = seeds.map((seed, row) => {
      const state = sampler.start({ seed });
      return Array.from({ length: 8 }, (_, step) => sampler.sample(rows(step, row), [state])[0]);
    });
    const states = seeds.map((seed) => sampler.start({ seed }));
    const together = seeds.map(() => [] as (number | undefined)[]);
    for (let step = 0; step < 8; step++) {
      // One sequence ends after four steps; the order of the others turns around.
      const order = step < 4 ? [0, 1, 2] : [2, 0];
      const logits = new Float32Array(order.length * vocab);
      order.forEach((row, i) => {
        logits.set(rows(step, row), i * vocab);
      });
      const ids = sampler.sample(
        logits,
        order.map((row) => states[row]!),
      );
      order.forEach((row, i) => {
        together[row]!.push(ids[i]);
      });
    }
    expect(together).toEqual([alone[0], alone[1]!.slice(0, 4), alone[2]]);
    expect(new Set(alone.map(String)).size).toBe(3);
  });

  it('keeps logits of -infinity out, at any scale of the others', () => {
    const sampler = createSampler({ topK: 5, topP: 0.999 });
    for (const scale of [1e-30, 1, 1e30]) {
      const logits = Float32Array.from({ length: 300 }, (_, id) => (id % 3 === 0 ? scale * (id % 5) : -Infinity));
      const states = Array.from({ length: 50 }, (_, seed) => sampler.start({ seed }));
      const all = Float32Array.from({ length: 50 * 300 }, (_, i) => logits[i % 300]!);
      for (const id of sampler.sample(all, states)) expect(logits[id]).not.toBe(-Infinity);
    }
  });

  it('names the row that cannot be drawn from', () => {
    const sampler = createSampler({ bannedTokens: [1] });
    const two = () => [sampler.start({ seed: 0 }), sampler.start({ seed: 1 })];
    for (const bad of [Number.NaN, Infinity]) {
      expect(() => sampler.sample(Float32Array.of(0, 0, 0, 0, 0, bad), two())).toThrow(TrainingError);
      expect(() => sampler.sample(Float32Array.of(0, 0, 0, 0, 0, bad), two())).toThrow('row 1');
    }
    expect(() => sampler.sample(Float32Array.of(-Infinity, 0, 0, 0), two())).toThrow(/row 0 .* no token left/);
  });

  it('refuses options, shapes and states that do not fit', () => {
    const wrong: SamplerOptions[] = [
      { temperature: -1 },
      { temperature: Number.NaN },
      { topK: -1 },
      { topK: 1.5 },
      { topP: 0 },
      { topP: 1.1 },
      { repetitionPenalty: 0 },
      { noRepeatNgramSize: -2 },
      { bannedTokens: [-1] },
    ];
    for (const options of wrong) expect(() => createSampler(options)).toThrow(OptionError);
    const sampler = createSampler();
    const state = sampler.start({ seed: 0 });
    expect(() => sampler.sample(new Float32Array(5), [state, state])).toThrow(ShapeError);
    expect(() => sampler.sample(new Float32Array(5), [])).toThrow(ShapeError);
    expect(() => sampler.start({ seed: -1 })).toThrow(OptionError);
    state.dispose();
    state.dispose();
    expect(() => sampler.sample(new Float32Array(5), [state])).toThrow(DisposedError);
    sampler.dispose();
    expect(() => sampler.start({ seed: 0 })).toThrow(DisposedError);
  });
});
