/**
 * The one place where a zod schema meets a value. What is wrong is returned as data, from which callers make an error.
 */
import type * as z from 'zod';
import { expectedInWords } from './words.js';

/** The first thing that a value has wrong. */
export interface Issue {
  /** Where in the value: 'validation.every', 'seeds[0]'; '' for the value itself. */
  readonly path: string;
  /** The same, key by key. */
  readonly keys: readonly PropertyKey[];
  /** What is there. */
  readonly found: unknown;
  /** What was expected: the schema's message. */
  readonly message: string;
  /** It is of another kind than any that the schema takes: text for a number, say. */
  readonly otherKind: boolean;
  /** Names that the schema does not know, where that is what is wrong. */
  readonly unknown?: readonly string[];
}

interface ParseOptions {
  readonly given?: unknown;
  readonly error?: z.core.$ZodErrorMap;
}

/**
 * The value as the schema gives it, defaults filled in; or what is wrong.
 * @param given what the schema gets in the value's place
 * @param error words for what the schema itself has no message for
 */
export function tryParse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  { given = value, error = expectedInWords }: ParseOptions = {},
): { readonly value: z.output<Schema> } | { readonly issue: Issue } {
  const result = schema.safeParse(given, { error });
  if (result.success) return { value: result.data };
  const { issues } = result.error;
  const [first] = issues as [z.core.$ZodIssue];
  const at = (path: readonly PropertyKey[]) => path.reduce<unknown>((inside, key) => Object(inside)[key], value);
  // What is missing may be there under a wrong name, of which more is learnt.
  const misnamed =
    at(first.path) === undefined &&
    issues.find(({ code, path }) => code === 'unrecognized_keys' && pathOf(path) === pathOf(first.path.slice(0, -1)));
  const issue = misnamed || first;
  return {
    issue: {
      path: pathOf(issue.path),
      keys: issue.path,
      found: at(issue.path),
      message: issue.message,
      otherKind: issue.code === 'invalid_type' || (issue.code === 'invalid_union' && !issue.discriminator),
      ...(issue.code === 'unrecognized_keys' && { unknown: issue.keys }),
    },
  };
}

/** ['seeds', 0] -> 'seeds[0]' */
export const pathOf = (keys: readonly PropertyKey[]): string =>
  keys.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');

/** The same; throws what `refuse` makes of the issue. */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  refuse: (issue: Issue) => Error,
  options?: ParseOptions,
): z.output<Schema> {
  const result = tryParse(schema, value, options);
  if ('issue' in result) throw refuse(result.issue);
  return result.value;
}
