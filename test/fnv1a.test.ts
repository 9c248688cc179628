import { expect, it } from 'vitest';
import { fnv1a } from '../src/fnv1a.js';

it.each([
  // From the test vectors of FNV's authors, http://www.isthe.com/chongo/src/fnv/test_fnv.c.
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('FNV-1a of "%s"', (text, expected) => expect(fnv1a(new TextEncoder().encode(text))).toBe(expected));
