import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { meanRougeL, rougeL } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/rouge.json';

describe('rougeL', () => {
  it("equals Google's rouge_score, with and without stems", () => {
    for (const { prediction, references, stemmed, plain } of cases) {
      expect(rougeL(prediction, references), prediction).toBeCloseTo(100 * stemmed, 10);
      expect(rougeL(prediction, references, { stemming: false }), prediction).toBeCloseTo(100 * plain, 10);
    }
    expect(cases.some(({ stemmed, plain }) => stemmed !== plain)).toBe(true);
  });

  it('is symmetric in order and takes the best reference', () => {
    expect(rougeL('the cat sat', ['nothing', 'the cat sat', 'the'])).toBe(100);
    expect(rougeL('a b c d', ['b d'])).toBe(rougeL('b d', ['a b c d']));
  });

  it('refuses to score against nothing', () => {
    expect(() => rougeL('a', [])).toThrow(OptionError);
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
