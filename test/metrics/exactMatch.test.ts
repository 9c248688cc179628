import { expect, it } from 'vitest';
import { exactMatch } from '../../src/metrics/index.js';

it('finds the answer among the references, outer white space aside', () => {
  expect(exactMatch(' Paris\n', ['London', 'Paris'])).toBe(1);
  expect(exactMatch('paris', ['Paris'])).toBe(0);
  expect(exactMatch('', [])).toBe(0);
});
