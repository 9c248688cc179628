/** Checks options by their schemas, and refuses what a schema does not take. */
import { z } from 'zod';
import { OptionError } from '../errors.js';
import { refusedOption } from '../requireOption.js';
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
    if (!unknown) return refusedOption(where, path || 'what is given', found, message);
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
): z.output<Schema> => parse(range, found, ({ message }) => refusedOption(where, option, found, message));
