/** Refuses options in the one form that these messages have: where, which option, what was found, what was expected. */
import { z } from 'zod';
import { OptionError } from '../errors.js';
import { parse } from './parse.js';

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
  return parse(schema, options, ({ path, found, message, unknown }) => {
    if (!unknown) return refusal(where, path || 'what is given', found, message);
    const known =
      schema instanceof z.ZodObject && path === '' ? `, expected one of ${Object.keys(schema.shape).join(', ')}` : '';
    const names = unknown.map((name) => (path ? `${path}.${name}` : name)).join(', ');
    return new OptionError(`${where}: there is no option ${names}${known}.`, { found: unknown });
  });
}

/** One option that is no field of a schema. @throws OptionError */
export const checkOption = <Schema extends z.ZodType>(
  where: string,
  option: string,
  found: unknown,
  range: Schema,
): z.output<Schema> => parse(range, found, ({ message }) => refusal(where, option, found, message));

/** An option whose range depends on others. @throws OptionError unless `ok` */
export function requireOption(where: string, option: string, found: unknown, ok: boolean, expected: string): void {
  if (!ok) throw refusal(where, option, found, expected);
}

const refusal = (where: string, option: string, found: unknown, expected: string) =>
  new OptionError(`${where}: ${option} is ${inWords(found)}, expected ${expected}.`, { found, expected });

/** A function or an object tells nothing by its text. */
function inWords(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
