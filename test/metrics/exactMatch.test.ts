import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { exactMatch } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/exactMatch.json' with { type: 'json' };
import normalized from '../oracles/metrics/normalizedMatch.json' with { type: 'json' };

it('finds the answer among the references, outer white space aside', () => {
  expect(exactMatch(' Paris\n', ['London', 'Paris'])).toBe(true);
  expect(exactMatch('paris', ['Paris'])).toBe(false);
});

it("has Python's white space: U+001C to U+001F and U+0085 are some, U+FEFF and U+200B are none", () => {
  for (const { prediction, reference, match } of cases) {
    expect(exactMatch(prediction, [reference]), JSON.stringify([prediction, reference])).toBe(match === 1);
  }
  expect(new Set(cases.map(({ match }) => match))).toEqual(new Set([0, 1]));
});

describe.each(['naturalInstructions', 'squad'] as const)('the normalisation %s', (normalization) => {
  it('leaves out what the official evaluation leaves out', () => {
    for (const { prediction, reference, ...match } of normalized) {
      const found = exactMatch(prediction, [reference], { normalization });
      expect(found, JSON.stringify([prediction, reference])).toBe(match[normalization] === 1);
    }
    const matched = normalized.filter((each) => each[normalization] === 1).length;
    expect(matched).toBeGreaterThan(40);
    expect(normalized.length - matched).toBeGreaterThan(40);
    // The articles are where both differ.
    expect(normalized.some((each) => each.squad !== each.naturalInstructions)).toBe(true);
  });
});

it('refuses to compare with nothing, and a normalisation that there is not', () => {
  expect(() => exactMatch('', [])).toThrow(OptionError);
  expect(() => exactMatch('', [''], { normalization: 'SQuAD' as never })).toThrow(
    'exactMatch: normalization is SQuAD, expected one of none, naturalInstructions, squad.',
  );
});
