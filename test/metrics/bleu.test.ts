import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { bleu } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/bleu.json';

describe('bleu', () => {
  it.each(cases)('equals sacrebleu: $name', ({ predictions, references, ...expected }) => {
    const found = bleu(predictions, references);
    expect(found.score).toBeCloseTo(expected.score, 9);
    expect(found.brevityPenalty).toBeCloseTo(expected.brevityPenalty, 12);
    expect([found.length, found.referenceLength]).toEqual([expected.length, expected.referenceLength]);
    found.precisions.forEach((precision, i) => {
      expect(precision).toBeCloseTo(expected.precisions[i] as number, 9);
    });
  });

  it('refuses lists that do not fit', () => {
    expect(() => bleu(['a'], [])).toThrow(OptionError);
    expect(() => bleu(['a', 'b'], [['a'], []])).toThrow('list 1 is empty');
  });
});
