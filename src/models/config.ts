import type * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { quoted } from '../inWords.js';
import { parse, ranges } from '../settings/index.js';

/** Fields that many families have. */
export const { count } = ranges;
/** Layers: far more than any model has, and few enough to be made at once. */
export const layerCount = ranges.integer(1, 10_000);
export const probability = ranges.shareBelow1;

/** Checks config.json's fields against a family's schema. @throws CheckpointError naming the first wrong field */
export function checkConfig<Schema extends z.ZodType>(
  schema: Schema,
  fields: Readonly<Record<string, unknown>>,
  where: string,
): z.output<Schema> {
  return parse(schema, fields, ({ path, found, message }) => {
    const correction = 'Correct it, or take another model.';
    const is = found === undefined ? 'missing' : quoted(found);
    const text = `${where}: field '${path}' is ${is}, expected ${message}. ${correction}`;
    return new CheckpointError(text, { found, expected: message });
  });
}
