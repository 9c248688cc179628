import { describe, expect, it } from 'vitest';
import { type BleuTokenOptions, bleu, distinctN, selfBleu } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/diversity.json';

const all = cases as unknown as readonly {
  readonly texts: readonly string[];
  readonly options: BleuTokenOptions;
  readonly selfBleu: number;
  readonly distinct: Readonly<Record<'1' | '2' | '4', number>>;
}[];

describe('distinctN', () => {
  it('is the share of runs that differ', () => {
    expect(distinctN(['a b a', 'a b'], { n: 1 })).toBe(40);
    // 'a b' twice and 'b a' once; no run reaches over the end of a text.
    expect(distinctN(['a b a', 'a b'])).toBeCloseTo(200 / 3, 12);
    expect(distinctN(['a', ''])).toBe(0);
  });

  it('counts the tokens of sacrebleu', () => {
    for (const { texts, options, distinct } of all) {
      for (const n of [1, 2, 4] as const) {
        expect(distinctN(texts, { ...options, n }), JSON.stringify(texts)).toBeCloseTo(distinct[n], 9);
      }
    }
    expect(all.length).toBeGreaterThan(50);
  });

  it('refuses no text', () => {
    expect(() => distinctN([])).toThrow('distinctN: 0 texts, expected at least 1.');
  });
});

describe('selfBleu', () => {
  it('is the mean of BLEU beside all others', () => {
    for (const { texts, options, selfBleu: expected } of all) {
      expect(selfBleu(texts, options), JSON.stringify(texts)).toBeCloseTo(expected, 9);
    }
  });

  it('is what bleu gives text by text, with lengths that occur several times and once', () => {
    const texts = ['a b c d e', 'a b c', 'a b c d', 'c d', 'a b c d e f g', 'a b c', 'x'];
    const one = (text: string, i: number) =>
      bleu([text], [texts.filter((_, at) => at !== i)], { effectiveOrder: true });
    const expected = texts.map((text, i) => one(text, i).score);
    expect(selfBleu(texts)).toBeCloseTo(expected.reduce((sum, score) => sum + score, 0) / texts.length, 12);
  });

  it('is 100 of texts that are alike, and takes two at least', () => {
    expect(selfBleu(['A red cat sat.', 'A red cat sat.'])).toBeCloseTo(100, 9);
    expect(selfBleu(['one', 'two'])).toBe(0);
    expect(() => selfBleu(['one'])).toThrow('selfBleu: 1 texts, expected at least 2.');
  });
});
