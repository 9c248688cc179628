/** Checks options by their schemas, and refuses what a schema does not take. */
import { z } from 'zod';
import { OptionError } from '../errors.js';
import { isPlainObject, short } from '../inWords.js';
import { refusedOption } from '../requireOption.js';
import { type Issue, parse } from './parse.js';

/**
 * The options with their defaults.
 * @param where begins messages: the function or the kind whose options these are.
 * @throws OptionError
 */
export function checkOptions<Schema extends z.ZodType>(
  where: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const refuse = ({ path, found, message, unknown }: Issue) => {
    if (!unknown) return refusedOption(where, path || 'what is given', found, message);
    const known =
      schema instanceof z.ZodObject && path === '' ? `, expected one of ${Object.keys(schema.shape).join(', ')}` : '';
    const names = unknown.map((name) => (path ? `${path}.${name}` : name)).join(', ');
    return new OptionError(`${where}: there is no option ${short(names)}${known}.`, { found: unknown });
  };
  return parse(schema, options, refuse, { given: plainOnly(options), error: kindOfValue });
}

/** Deeper than any option is. It ends the walk through a cycle. */
const DEEPEST = 5;

/**
 * The same data with a function, which no option takes, for each object that is neither plain nor an array. zod reads a
 * Map or a Promise as an object without fields, and fails to freeze a typed array.
 */
function plainOnly(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return value;
  if (Array.isArray(value)) return value.map((inside) => plainOnly(inside, depth + 1));
  if (!isPlainObject(value)) return () => undefined;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, plainOnly(inside, depth + 1)]));
}

/** What was expected where a schema has no words of its own. */
const kindOfValue: z.core.$ZodErrorMap = (issue) =>
  issue.code !== 'invalid_type'
    ? undefined
    : issue.expected === 'object'
      ? 'an object of options'
      : `${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;

/** One option that is no field of a schema. @throws OptionError */
export const checkOption = <Schema extends z.ZodType>(
  where: string,
  option: string,
  found: unknown,
  range: Schema,
): z.output<Schema> => parse(range, found, ({ message }) => refusedOption(where, option, found, message));
