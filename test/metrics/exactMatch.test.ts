import { expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { exactMatch } from '../../src/metrics/index.js';
import cases from '../oracles/metrics/exactMatch.json' with { type: 'json' };

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

it('refuses to compare with nothing', () => {
  expect(() => exactMatch('', [])).toThrow(OptionError);
});
