import { z } from 'zod';
import { CheckpointError } from '../errors.js';

/** Fields that many families have. */
export const count = z.int().min(1);
export const probability = z.number().min(0).lt(1);

/** Checks config.json's fields against a family's schema. @throws CheckpointError naming the first wrong field */
export function checkConfig<Schema extends z.ZodType>(
  schema: Schema,
  fields: Readonly<Record<string, unknown>>,
  where: string,
): z.output<Schema> {
  const result = schema.safeParse(fields);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0] as z.core.$ZodIssue;
  const field = path.join('.');
  throw new CheckpointError(
    `${where}: field '${field}' is ${JSON.stringify(fields[field])}. ${message}. Correct it, or take another model.`,
    { found: fields[field] },
  );
}
