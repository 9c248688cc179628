/**
 * An option is declared once, as a field of a zod object:
 *
 *     epochs: option(count.optional(), 'passes over the data', { unit: 'number' }),
 *
 * Its type, range, default, flag, help line, and whether a resumed run may change it are read from there.
 */
import * as z from 'zod';
import { tryParse } from './parse.js';

export interface OptionFacts {
  /** What the command line calls it, in camelCase, where that is not the option's own name; false: there is no flag. */
  readonly flag?: string | false;
  /** Placeholder of the value in the help: `<tokens>`. By default the kind of the value: `<number>`. */
  readonly unit?: string;
  /** The default in words, where no fixed value is it. */
  readonly defaultWords?: string;
  /** A resumed run may have another value. By default it may not: most options decide what the steps are. */
  readonly mayChange?: boolean;
}

const registry = z.registry<OptionFacts>();

/** @param description one sentence without its first capital, its full stop and its default, as a line of the help. */
export function option<Schema extends z.ZodType>(schema: Schema, description: string, facts: OptionFacts = {}): Schema {
  // A copy: the same range serves many options.
  const described = schema.describe(description);
  registry.add(described, facts);
  return described;
}

/**
 * A group of options as an option itself. Absent is the same as {}.
 * @param prefix begins the flags of its options: 'generation' makes `topK` `--generation-top-k`.
 */
export function group<Shape extends z.ZodRawShape>(options: z.ZodObject<Shape>, prefix?: string) {
  // Defaults inside an absent group apply as in an empty one.
  const optional = options.prefault({} as never);
  if (prefix !== undefined) registry.add(optional, { flag: prefix });
  return optional;
}

/** An option of a group or of a group within it. */
export interface OptionLeaf extends OptionFacts {
  /** ['validation', 'every'] */
  readonly path: readonly string[];
  /** With its default. */
  readonly schema: z.ZodType;
  readonly description: string;
  /** undefined where there is none. */
  readonly default: unknown;
}

/** All options of a group, those of nested groups included, in the order of their declaration. */
export function leavesOf(options: z.ZodObject, path: readonly string[] = [], prefix = ''): OptionLeaf[] {
  return Object.entries(options.shape as Record<string, z.ZodType>).flatMap(([name, schema]): OptionLeaf[] => {
    const facts = registry.get(schema) ?? {};
    const inner = withoutDefault(schema);
    const here = [...path, name];
    if (inner instanceof z.ZodObject) return leavesOf(inner, here, facts.flag === undefined ? prefix : `${facts.flag}`);
    const flag = facts.flag ?? (prefix ? prefix + name.replace(/^./, (first) => first.toUpperCase()) : name);
    const absent = tryParse(schema, undefined);
    const fallback = 'value' in absent ? absent.value : undefined;
    return [{ ...facts, flag, path: here, schema, description: schema.description ?? '', default: fallback }];
  });
}

/** The schema of the value that is given: without default, optional and readonly around it. */
export function withoutDefault(schema: z.ZodType): z.ZodType {
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return innerType ? withoutDefault(innerType) : schema;
}
