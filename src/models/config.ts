import type * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { quoted, short } from '../inWords.js';
import { parse, ranges } from '../settings/index.js';
import type { AnyFamily } from './family.js';

/** Fields that many families have. */
export const { count } = ranges;
/** Layers: far more than any model has, and few enough to be made at once. */
export const layerCount = ranges.integer(1, 10_000);
export const probability = ranges.shareBelow1;
/** Positions are counted as i32. */
export const mostPositions = 2 ** 31 - 1;
export const positionCount = ranges.integer(1, mostPositions, 'an integer from 1 to 2^31 - 1');
/** What norms add to a mean square: models have 1e-12 to 1e-5. Others would leave f32, or nothing of the norm. */
export const epsilon = ranges.between(1e-30, 1);
/** The deviation of normal weights in a new model; beyond, f32 has no such weights. */
export const deviation = ranges.between(0, 1e6);

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

/** A family with the fields of one config.json. */
export interface ConfiguredFamily {
  readonly family: AnyFamily;
  /** The fields as they were read or given. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The checked ones that matter. */
  readonly config: unknown;
}

/**
 * @param where the file's name, for messages
 * @throws CheckpointError naming the first wrong field, and where the file says that its weights are quantized: they have other
 * tensors in their places
 */
export function configure(
  family: AnyFamily,
  fields: Readonly<Record<string, unknown>>,
  where: string,
): ConfiguredFamily {
  const { quantization_config: quantized } = fields;
  if (quantized === undefined || quantized === null) {
    return { family, fields, config: checkConfig(family.schema, fields, where) };
  }
  const method: unknown = Object(quantized).quant_method;
  const how = typeof method === 'string' ? ` by ${short(method)}` : '';
  throw new CheckpointError(
    `${where}: the weights are quantized${how} (quantization_config), which is not read here. Take the model that they were made ` +
      'from, or a GGUF file of it.',
    { found: method },
  );
}
