import { expect, it } from 'vitest';
import { retryAfterMs } from '../../src/io/retryAfter.js';

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
it.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['0.5', 500],
  ['Fri, 02 Jan 2026 03:05:05 GMT', 60_000],
  ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
  ['soon', undefined],
  ['-3', undefined],
  ['', undefined],
])('reads Retry-After: %s', (wish, ms) => {
  expect(retryAfterMs(new Headers({ 'Retry-After': wish }), now)).toBe(ms);
});

it('is nothing where a server does not say', () => expect(retryAfterMs(new Headers())).toBeUndefined());
