/**
 * What a schema expects, in words that go after "expected": for schemas without words of their own, in place of those of
 * the schema library.
 */
import type * as z from 'zod';
import { quoted } from '../inWords.js';

/** Words for every way to miss a schema that it has no message for. */
export const expectedInWords: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return kinds[issue.expected] ?? `${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;
    case 'too_small':
      return sized(issue.origin, `${issue.inclusive === false ? 'above' : 'of at least'} ${issue.minimum}`);
    case 'too_big':
      return sized(issue.origin, `${issue.inclusive === false ? 'below' : 'of at most'} ${issue.maximum}`);
    case 'invalid_value':
      return `${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(quoted).join(', ')}`;
    case 'invalid_union':
      return either(issue.errors);
    case 'unrecognized_keys':
      return `no ${issue.keys.join(', ')}`;
    default:
      return 'another value';
  }
};

const kinds: Readonly<Record<string, string>> = {
  int: 'an integer',
  boolean: 'true or false',
  tuple: 'an array',
  record: 'an object',
};

function sized(origin: string, size: string): string {
  if (origin === 'string') return `a string of a length ${size}`;
  return origin === 'array' ? `an array of a length ${size}` : `a number ${size}`;
}

/** Each way to take a value, once: "a string or an object". */
function either(ways: readonly (readonly z.core.$ZodIssue[])[]): string {
  // What is wrong inside one of them says less than of which kind the value itself should be.
  const words = ways.flatMap(([first]) =>
    first === undefined ? [] : [first.path.length === 0 ? first.message : 'an object with other fields'],
  );
  return [...new Set(words)].join(' or ') || 'another value';
}
