import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { type BleuOptions, type BleuScore, bleu } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/bleu.json';
import optionCases from '../oracles/metrics/bleuOptions.json';

interface OptionCase extends BleuScore {
  readonly options: BleuOptions;
  readonly predictions: readonly string[];
  readonly references: readonly (readonly string[])[];
}

function expectEqual(found: BleuScore, expected: BleuScore, what: string): void {
  expect(found.score, what).toBeCloseTo(expected.score, 9);
  expect(found.brevityPenalty, what).toBeCloseTo(expected.brevityPenalty, 12);
  expect([found.length, found.referenceLength], what).toEqual([expected.length, expected.referenceLength]);
  expect(found.precisions).toHaveLength(4);
  found.precisions.forEach((precision, i) => {
    expect(precision, what).toBeCloseTo(expected.precisions[i] as number, 9);
  });
}

describe('bleu', () => {
  it.each(cases)('equals sacrebleu: $name', ({ predictions, references, ...expected }) => {
    expectEqual(bleu(predictions, references), expected, predictions.join('\n'));
  });

  const kinds = new Map<string, OptionCase[]>();
  for (const each of optionCases as unknown as OptionCase[]) {
    const name = JSON.stringify(each.options);
    kinds.set(name, [...(kinds.get(name) ?? []), each]);
  }
  it.each([...kinds])('equals sacrebleu with %s', (_, all) => {
    for (const { options, predictions, references, ...expected } of all) {
      expectEqual(bleu(predictions, references, options), expected, JSON.stringify(predictions));
    }
    // Some score in between, so that no option is tried on nothing but 0 and 100.
    expect(all.some(({ score }) => score > 1 && score < 99)).toBe(true);
  });

  it('has oracle values for every option', () => {
    const given = (name: keyof BleuOptions) => new Set([...kinds.keys()].map((each) => JSON.parse(each)[name]));
    expect(given('tokenization')).toEqual(new Set([undefined, '13a', 'intl', 'char', 'none']));
    expect(given('smoothing')).toEqual(new Set([undefined, 'exp', 'floor', 'add-k', 'none']));
    expect(given('smoothingValue').size).toBeGreaterThan(2);
    expect(given('effectiveOrder')).toEqual(new Set([undefined, true]));
    expect(given('lowercase')).toEqual(new Set([undefined, false, true]));
  });

  it('refuses lists that do not fit', () => {
    expect(() => bleu(['a'], [])).toThrow(OptionError);
    expect(() => bleu(['a', 'b'], [['a'], []])).toThrow('list 1 is empty');
  });

  it('refuses a value that the smoothing does not take, and names that there are not', () => {
    const score = (options: BleuOptions) => () => bleu(['a'], [['a']], options);
    expect(score({ smoothingValue: 0.5 })).toThrow(
      "bleu: smoothingValue is 0.5, expected none, for smoothing 'exp' has no value. Leave it out, or take 'floor' or 'add-k'.",
    );
    expect(score({ smoothing: 'floor', smoothingValue: 0 })).toThrow('smoothingValue is 0, expected a number above 0');
    expect(score({ smoothing: 'addk' as never })).toThrow(
      'smoothing is addk, expected one of exp, floor, add-k, none.',
    );
    expect(score({ lowerCase: true } as never)).toThrow('Did you mean lowercase?');
  });
});
