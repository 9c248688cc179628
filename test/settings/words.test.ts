import { expect, it } from 'vitest';
import * as z from 'zod';
import { tryParse } from '../../src/settings/index.js';

it.each<[z.ZodType, unknown, string]>([
  [z.number(), undefined, 'a number'],
  [z.int(), 0.5, 'an integer'],
  [z.boolean(), 'yes', 'true or false'],
  [z.string(), 7, 'a string'],
  [z.array(z.string()), 7, 'an array'],
  [z.object({}), 7, 'an object'],
  [z.record(z.string(), z.string()), 7, 'an object'],
  [z.number().min(1), 0, 'a number of at least 1'],
  [z.number().positive(), 0, 'a number above 0'],
  [z.number().max(5), 6, 'a number of at most 5'],
  [z.number().lt(1), 1, 'a number below 1'],
  [z.string().min(2), 'a', 'a string of a length of at least 2'],
  [z.array(z.string()).max(1), ['a', 'b'], 'an array of a length of at most 1'],
  [z.literal('silu'), 'gelu', '"silu"'],
  [z.literal(true), false, 'true'],
  [z.enum(['a', 'b']), 'c', 'one of "a", "b"'],
  [z.union([z.string(), z.object({ a: z.string() })]), 7, 'a string or an object'],
  [z.union([z.string(), z.object({ a: z.string() })]), {}, 'a string or an object with other fields'],
  [z.strictObject({}), { a: 1 }, 'no a'],
  [z.string().regex(/a/), 'b', 'another value'],
  [z.number('how many'), 'b', 'how many'],
])('case %#: what a schema expects is told in words of a sentence', (schema, value, message) => {
  expect(tryParse(schema, value)).toMatchObject({ issue: { message } });
});
