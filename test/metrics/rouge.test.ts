import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { meanRougeL, rougeL, rougeLsum, rougeN } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/rouge.json';

const kinds = {
  rouge1: rougeN,
  rouge2: (prediction, references, options) => rougeN(prediction, references, { n: 2, ...options }),
  rouge3: (prediction, references, options) => rougeN(prediction, references, { n: 3, ...options }),
  rougeL,
  rougeLsum,
} satisfies Record<string, typeof rougeL>;

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('%s', (kind) => {
  const score: typeof rougeL = kinds[kind];

  it("equals Google's rouge_score, with and without stems", () => {
    for (const { prediction, references, stemmed, plain } of cases) {
      expect(score(prediction, references), prediction).toBeCloseTo(100 * stemmed[kind], 10);
      expect(score(prediction, references, { stemming: false }), prediction).toBeCloseTo(100 * plain[kind], 10);
    }
    expect(cases.length).toBeGreaterThan(200);
    expect(cases.some(({ stemmed, plain }) => stemmed[kind] !== plain[kind])).toBe(true);
    expect(cases.filter(({ stemmed }) => stemmed[kind] > 0 && stemmed[kind] < 1).length).toBeGreaterThan(20);
  });

  it('is symmetric in order and takes the best reference', () => {
    expect(score('the cat sat', ['nothing', 'the cat sat', 'the'])).toBe(100);
    expect(score('a b c d', ['b d'])).toBe(score('b d', ['a b c d']));
  });

  it('refuses to score against nothing', () => {
    expect(() => score('a', [])).toThrow(OptionError);
  });
});

describe('rougeLsum', () => {
  it('is rougeL of one line, and does not mind the order of several', () => {
    const [prediction, reference] = ['The cat sat on a mat all day', 'a cat sat down on the mat'];
    expect(rougeLsum(prediction, [reference])).toBe(rougeL(prediction, [reference]));
    const [one, other] = ['It rains.\nThe cat sleeps.', 'The cat sleeps.\nIt rains.'];
    expect([rougeLsum(one, [other]), rougeL(one, [other])]).toEqual([100, 60]);
    // The value of rouge_score differs by kind in the oracle, too.
    expect(cases.some(({ stemmed }) => stemmed.rougeL !== stemmed.rougeLsum)).toBe(true);
  });
});

describe('rougeN', () => {
  it('counts a run as often as both have it', () => {
    expect(rougeN('the cats sat down', ['the cat sat'], { n: 2 })).toBe(80);
    expect(rougeN('a a a a', ['a a b b'])).toBe(50);
    expect(rougeN('a b', ['a b'], { n: 3 })).toBe(0);
  });

  it.each([0, 1.5, '2', Number.NaN])('refuses runs of %s words', (n) => {
    expect(() => rougeN('a', ['a'], { n: n as number })).toThrow('expected an integer of at least 1');
  });
});

describe('meanRougeL', () => {
  it('is the mean over predictions, on the same scale', () => {
    expect(meanRougeL(['the cat', 'x'], [['the cat'], ['y']])).toBe(50);
    const [predictions, references] = [
      ['the cat sat down', 'a b c'],
      [['the cat'], ['b c d e', 'b']],
    ];
    const scores = predictions.map((prediction, i) => rougeL(prediction, references[i]!));
    expect(scores).toEqual([200 / 3, 400 / 7]);
    expect(meanRougeL(predictions, references)).toBe((scores[0]! + scores[1]!) / 2);
  });

  it('refuses lists that do not fit', () => {
    expect(() => meanRougeL(['a'], [])).toThrow('1 predictions and 0 lists');
    expect(() => meanRougeL([], [])).toThrow(OptionError);
  });
});
