import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';

/** One option of a command. The key it stands under is its name: `batchSize` is `--batch-size`. */
export interface OptionSpec<T> {
  readonly description: string;
  /** Placeholder of the value in the help; none for a switch. `<file...>` takes one value or more, as a list. */
  readonly argument?: string;
  /** Checks a value as it was typed and converts it. Its message says what was expected. */
  readonly schema?: z.ZodType<T>;
  readonly fallback?: T;
  readonly required?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds options of any types.
export type OptionTable = Readonly<Record<string, OptionSpec<any>>>;
/** What a command gets: each option by its name, with the type of its value. */
export type Values<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionSpec<infer T> ? T : never;
};

export const required = <T>(argument: string, schema: z.ZodType<T>, description: string): OptionSpec<T> => ({
  argument,
  schema,
  description,
  required: true,
});
export const optional = <T>(
  argument: string,
  schema: z.ZodType<T>,
  description: string,
): OptionSpec<T | undefined> => ({
  argument,
  schema,
  description,
});
export const withDefault = <T>(
  argument: string,
  schema: z.ZodType<T>,
  description: string,
  fallback: T,
): OptionSpec<T> => ({ argument, schema, description, fallback });
export const flag = (description: string): OptionSpec<boolean> => ({ description, fallback: false });

/** batchSize -> --batch-size */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * A message of the API as the command line says it: maxNewTokens becomes --max-new-tokens, `allowSoftware: true` the switch.
 * `names` are the options of the command. Those of one word stay, since they are words of any message, and so does what
 * stands in quotes, in a path or before a colon: it comes from the user.
 */
export function spellFlags(message: string, names: readonly string[]): string {
  const known = names.filter((name) => /[A-Z]/.test(name)).join('|');
  if (known === '') return message;
  const quoted = '(?<!\\w)([\'"`]).*?\\1';
  const option = `(?<![\\w./\\\\-])(${known})(?:: true\\b)?(?![\\w:/\\\\-]|\\.\\w)`;
  return message.replace(new RegExp(`${quoted}|${option}`, 'g'), (found, _quote, name) =>
    name ? flagOf(name) : found,
  );
}

/** Adds a table's options to a command, under a heading of its help. */
export function addOptions(command: Command, heading: string, table: OptionTable): void {
  for (const [name, { argument, description, schema, fallback, required }] of Object.entries(table)) {
    const long = flagOf(name);
    const option = new Option(argument ? `${long} ${argument}` : long, description).helpGroup(heading);
    // Commander takes any --no-x for the negation of --x; here it can only be a name, as in --no-repeat-ngram-size.
    option.negate = false;
    if (schema && option.variadic) {
      option.argParser((value, before: readonly unknown[] = []) => [
        ...before,
        ...(parser(schema)(value) as unknown[]),
      ]);
    } else if (schema) option.argParser(parser(schema));
    if (fallback !== undefined && argument) option.default(fallback, String(fallback));
    option.makeOptionMandatory(required ?? false);
    command.addOption(option);
  }
}

const parser =
  <T>(schema: z.ZodType<T>) =>
  (text: string): T => {
    const result = schema.safeParse(text);
    if (result.success) return result.data;
    throw new InvalidArgumentError(`Expected ${result.error.issues[0]?.message}.`);
  };

const number = (expected: string, test: (value: number) => boolean) =>
  z
    .string()
    .refine((text) => text.trim() !== '' && Number.isFinite(Number(text)) && test(Number(text)), expected)
    .transform(Number);

export const text = z.string().min(1, 'some text');
/** One of several texts: for `<file...>`. */
export const listed = text.transform((value) => [value]);
/** An integer of at least 1. */
export const count = number('an integer of at least 1', (value) => Number.isSafeInteger(value) && value >= 1);
/** An integer of at least 0. */
export const countOrZero = number('an integer of at least 0', (value) => Number.isSafeInteger(value) && value >= 0);
/** An integer of at least 1, or the word. */
export const countOr = <const Word extends string>(word: Word) =>
  z.union([z.literal(word), count], `'${word}' or an integer of at least 1`);
export const positive = number('a number above 0', (value) => value > 0);
export const notNegative = number('a number of at least 0', (value) => value >= 0);
/** 0 to 1, both included. */
export const share = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);
/** Whole numbers with commas between them. */
export const counts = z
  .string()
  .regex(/^\d+(,\d+)*$/, 'whole numbers with commas between them, as in 10,20,30')
  .transform((list) => list.split(',').map(Number));
export const choice = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, `one of ${names.join(', ')}`);

/** The fields that have a value: an absent option must not reach the API as `undefined`. */
export const given = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
