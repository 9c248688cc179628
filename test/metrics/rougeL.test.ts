import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { meanRougeL, rougeL } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/rouge.json';

describe('rougeL', () => {
  it("equals Google's rouge_score, with and without stems", () => {
    for (const { prediction, references, stemmed, plain } of cases) {
      expect(rougeL(prediction, references), prediction).toBeCloseTo(stemmed, 12);
      expect(rougeL(prediction, references, { stemming: false }), prediction).toBeCloseTo(plain, 12);
    }
    expect(cases.some(({ stemmed, plain }) => stemmed !== plain)).toBe(true);
  });

  it('is symmetric in order and takes the best reference', () => {
    expect(rougeL('the cat sat', ['nothing', 'the cat sat', 'the'])).toBe(1);
    expect(rougeL('a b c d', ['b d'])).toBe(rougeL('b d', ['a b c d']));
  });

  it('refuses to score against nothing', () => {
    expect(() => rougeL('a', [])).toThrow(OptionError);
  });
});

describe('meanRougeL', () => {
  it('is the mean over predictions, times 100', () => {
    expect(meanRougeL(['the cat', 'x'], [['the cat'], ['y']])).toBe(50);
  });

  it('refuses lists that do not fit', () => {
    expect(() => meanRougeL(['a'], [])).toThrow('1 predictions and 0 lists');
    expect(() => meanRougeL([], [])).toThrow(OptionError);
  });
});
