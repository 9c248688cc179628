/** Checks options and arguments by their schemas, and refuses what a schema does not take. */
import * as z from 'zod';
import type { OptionError } from '../errors.js';
import { inWords, isPlainObject, short } from '../inWords.js';
import { didYouMean, nearest, refusedOption, unknownOptions } from '../requireOption.js';
import { adviceInstead, optionsInside, withoutDefault } from './option.js';
import { type Issue, parse } from './parse.js';
import { expectedInWords } from './words.js';

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
  return parse(schema, options, (issue) => refusal(where, schema, options, issue), {
    given: plainOnly(options, schema),
    error: kindOfValue,
  });
}

/**
 * One option that is no field of a schema, or an argument that has a place instead of a name. The words of `range` say
 * what all of it must be.
 * @throws OptionError
 */
export const checkOption = <Schema extends z.ZodType>(
  where: string,
  option: string,
  found: unknown,
  range: Schema,
): z.output<Schema> => {
  const refuse = ({ message, otherKind }: Issue) =>
    refusedOption(
      where,
      option,
      found,
      message,
      adviceFor(found, namesAt(range, found, []), range),
      wordsFor(found, otherKind),
    );
  return parse(range, found, refuse, { given: plainOnly(found, range) });
};

function refusal(
  where: string,
  schema: z.ZodType,
  value: unknown,
  { path, keys, found, message, unknown, otherKind }: Issue,
): OptionError {
  const known = namesAt(schema, value, keys);
  if (unknown) {
    const group = schemaAt(schema, keys);
    const more = { inside: optionsInside(group), instead: adviceInstead(group, unknown[0]) };
    return unknownOptions(where, unknown, known, path && `${path}.`, more);
  }
  if (!path) return refusedOption(where, 'options', found, message, asField(schema, found));
  const advice = adviceFor(found, known, schemaAt(schema, keys));
  return refusedOption(where, path, found, message, advice, wordsFor(found, otherKind));
}

/** '1e-3' for a number reads like one: that it is text is what is wrong. */
const wordsFor = (found: unknown, otherKind: boolean): string =>
  otherKind && typeof found === 'string' ? `the string '${short(found)}'` : inWords(found);

/** A word in place of the options: "Did you mean { kind: 'wasm' }?" where it is a choice of one of them, else ''. */
function asField(schema: z.ZodType, word: unknown): string {
  if (!(schema instanceof z.ZodObject)) return '';
  const choices = Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, field]) => {
    const inner = withoutDefault(field);
    return inner instanceof z.ZodEnum ? inner.options.map((choice) => [name, String(choice)] as const) : [];
  });
  const near =
    choices.find(([, choice]) => choice === word) ?? choices.find(([, choice]) => didYouMean(word, [choice]));
  return near ? `Did you mean { ${near[0]}: '${near[1]}' }?` : '';
}

/** A loss or a policy whose function or name was given in place of what the function makes is told so. */
function adviceFor(found: unknown, known: readonly string[], schema: z.ZodType | undefined): string {
  const { kind } = Object(found) as { kind?: unknown };
  if (typeof found === 'function' && typeof kind === 'string') return `Call it: ${kind}().`;
  const inner = schema && withoutDefault(schema);
  const near = inner instanceof z.ZodDiscriminatedUnion ? nearest(found, kindsOf(inner)) : undefined;
  return near === undefined ? didYouMean(found, known) : `Call it: ${near}().`;
}

/** The names of a variant's kinds. */
const kindsOf = (union: z.ZodDiscriminatedUnion): string[] => namesAt(union, {}, [union.def.discriminator]) as string[];

/** The schema of a field of options, or of a field of a group; undefined where there is none to be known. */
function schemaAt(schema: z.ZodType, [key, ...rest]: readonly PropertyKey[]): z.ZodType | undefined {
  if (key === undefined) return schema;
  const inner = withoutDefault(schema);
  const field = inner instanceof z.ZodObject ? (inner.shape as Record<PropertyKey, z.ZodType>)[key] : undefined;
  return field && schemaAt(field, rest);
}

/** The names that can stand at a place of a value: fields of an object, members of a choice, kinds of a variant. */
function namesAt(schema: z.ZodType, value: unknown, [key, ...rest]: readonly PropertyKey[]): readonly string[] {
  const inner = withoutDefault(schema);
  if (inner instanceof z.ZodEnum) return inner.options.map(String);
  if (inner instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = inner.def;
    const kinds = inner.options as readonly z.ZodObject[];
    const kindOf = ({ shape }: z.ZodObject) => (shape[discriminator] as z.ZodLiteral).value;
    if (key === discriminator) return kinds.map((kind) => String(kindOf(kind)));
    const chosen = kinds.find((kind) => kindOf(kind) === Object(value)[discriminator]);
    return chosen ? namesAt(chosen, value, key === undefined ? [] : [key, ...rest]) : [];
  }
  if (!(inner instanceof z.ZodObject)) return [];
  if (key === undefined) return Object.keys(inner.shape);
  const field = (inner.shape as Record<PropertyKey, z.ZodType>)[key];
  return field ? namesAt(field, Object(value)[key], rest) : [];
}

/** Deeper than any option is. It ends the walk through a cycle. */
const DEEPEST = 5;

/**
 * The same data with a function, which no option takes, for each object that is neither plain nor an array, unless an
 * `instance` is wanted there. zod reads a Map or a Promise as an object without fields, and fails to freeze a typed
 * array.
 */
function plainOnly(value: unknown, schema: z.ZodType | undefined, depth = 0): unknown {
  const inner = schema && withoutDefault(schema);
  if (typeof value !== 'object' || value === null || depth > DEEPEST || inner instanceof z.ZodCustom) return value;
  if (Array.isArray(value)) {
    const element = inner instanceof z.ZodArray ? (inner.element as z.ZodType) : undefined;
    return value.map((inside) => plainOnly(inside, element, depth + 1));
  }
  if (!isPlainObject(value)) return () => undefined;
  const fields: Readonly<Record<string, z.ZodType>> = inner instanceof z.ZodObject ? inner.shape : {};
  const others = inner instanceof z.ZodRecord ? (inner.valueType as z.ZodType) : undefined;
  const fieldOf = (name: string) => (Object.hasOwn(fields, name) ? fields[name] : others);
  return Object.fromEntries(
    Object.entries(value).map(([name, inside]) => [name, plainOnly(inside, fieldOf(name), depth + 1)]),
  );
}

/** What was expected where a schema has no words of its own. */
const kindOfValue: z.core.$ZodErrorMap = (issue) =>
  issue.code === 'invalid_type' && issue.expected === 'object' ? 'an object of options' : expectedInWords(issue);
