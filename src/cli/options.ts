/**
 * Options of commands: how they are declared, parsed by commander, and named in messages. Options that the API has too
 * are not declared again; see flags.ts.
 */
import { type Command, Option } from 'commander';
import * as z from 'zod';
import { OptionError, whole } from '../errors.js';
import { didYouMean } from '../requireOption.js';
import { parse, ranges, tryParse } from '../settings/index.js';

/** One option of a command. Its key in the table is its name: `batchSize` is `--batch-size`. */
export interface OptionSpec<T> {
  readonly description: string;
  /** Placeholder of the value in the help; none for a switch. `<file...>` takes one value or more, as a list. */
  readonly argument?: string;
  /** Checks a value as it was typed and converts it. Its message says what was expected. */
  readonly schema?: z.ZodType<T>;
  /** The words that it takes, where its values are words. */
  readonly words?: readonly string[];
  readonly fallback?: T;
  readonly required?: boolean;
  /** A switch with which a required option may be left out. */
  readonly unless?: string;
  /** --help leaves it out. */
  readonly hidden?: boolean;
}

/** Options by their names. `Names` is never where they are known at run time only: see `flagsOf`. */
// biome-ignore lint/suspicious/noExplicitAny: a table holds options of any types.
export type OptionTable<Names extends string = string> = Readonly<Record<Names, OptionSpec<any>>>;
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
/** @param unless a switch of the command with which it may be left out */
export const requiredUnless = <T>(
  unless: string,
  argument: string,
  schema: z.ZodType<T>,
  description: string,
): OptionSpec<T | undefined> => ({ ...required(argument, schema, description), unless });
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
/** An option that --help leaves out: for what has not been measured yet. */
export const hidden = <T>(option: OptionSpec<T>): OptionSpec<T> => ({ ...option, hidden: true });

/** batchSize -> --batch-size */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** More would be a list, not an advice. */
const mostMeant = 4;

/**
 * Which options an unknown name stands for: those that are called so elsewhere, else those whose flags go on where it ends:
 * curriculumAlpha and curriculumWeight of 'curriculum'.
 */
export function meantOptions(written: string, known: readonly string[], called: readonly string[]): readonly string[] {
  const meant = called.length > 0 ? called : known.filter((option) => flagOf(option).startsWith(`${flagOf(written)}-`));
  return meant.length > mostMeant ? [] : meant;
}

/**
 * A message of the API in the words of the command line: maxNewTokens becomes --max-new-tokens, optimizer.weightDecay
 * --weight-decay, `allowSoftware: true` the switch, data.train[6] "sample 7 of --data", sgo 'dataOnly' and sgo dataOnly()
 * --sgo dataOnly, and "(validation: 20)" the same of --validation 20. Any message may hold a name of one word, such as
 * seed: only what a sentence is about is taken for an option, "seed is 3" at its beginning, and the `choices` before one of
 * their words. Text in quotes, in a path or before a colon stays, for it comes from the user.
 * @param flags what the API calls the command's options, and the names of their flags
 * @param choices those of them whose values are words: no text of a user stands in quotes after these
 */
export function spellFlags(
  message: string,
  flags: ReadonlyMap<string, string>,
  choices: readonly string[] = [],
): string {
  // The longest first: optimizer.weightDecay before weightDecay.
  const names = [...flags.keys()].sort((a, b) => b.length - a.length);
  const oneOf = (some: readonly string[]) => `(?:${some.join('|').replaceAll('.', '\\.') || '(?!)'})`;
  const made = oneOf(names.filter((name) => /[A-Z.]/.test(name)));
  const groups = oneOf(names.filter((name) => name.includes('.')));
  const word = oneOf(names.filter((name) => /^[a-z]+$/.test(name)));
  const chosen = oneOf(choices.filter((name) => flags.has(name)));
  const alone = '(?<![\\w./\\\\-])';
  const forms = [
    `(?<=\\bgive )(?<set>${oneOf(names)}) '(?<to>\\w+)'`,
    `${alone}(?<choice>${chosen}) (?:'(?<one>\\w+)'|(?<made>\\w+)\\(\\))`,
    `(?<=\\()(?<within>${oneOf(names)}): (?<value>\\w+)(?=\\))`,
    '(?<!\\w)(?<quote>[\'"`]).*?\\k<quote>',
    `${alone}(?<list>${groups})\\[(?<at>\\d+)\\]`,
    `^(?<place>${groups})(?=: )`,
    `${alone}(?<name>${made})(?:: true\\b)?(?![\\w:/\\\\-]|\\.\\w)`,
    `(?<=^|[:;] |\\) and )(?<subject>${word})(?= (?:is|was) | \\()`,
  ];
  const flag = (name: string) => flagOf(flags.get(name) as string);
  return message.replace(new RegExp(forms.join('|'), 'g'), (found, ...rest) => {
    const parts = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    const option = parts.set ?? parts.choice ?? parts.within;
    if (option !== undefined) return `${flag(option)} ${parts.to ?? parts.one ?? parts.made ?? parts.value}`;
    if (parts.list !== undefined) return `sample ${whole(Number(parts.at) + 1)} of ${flag(parts.list)}`;
    const name = parts.place ?? parts.name ?? parts.subject;
    return name === undefined ? found : flag(name);
  });
}

/** Adds a table's options to a command, under a heading of its help. */
export function addOptions(command: Command, heading: string, table: OptionTable): void {
  for (const [name, spec] of Object.entries(table)) {
    const { argument, description, schema, fallback, hidden } = spec;
    const long = flagOf(name);
    const option = new Option(argument ? `${long} ${argument}` : long, description).helpGroup(heading);
    // Commander takes any --no-x for the negation of --x; here it can only be a name, as in --no-repeat-ngram-size.
    option.negate = false;
    const read = (text: string) => readValue(spec, text, long);
    if (schema && option.variadic) {
      option.argParser((text, before: readonly unknown[] = []) => [...before, ...(read(text) as unknown[])]);
    } else if (schema) option.argParser(read);
    if (fallback !== undefined && argument) option.default(fallback, String(fallback));
    option.hideHelp(hidden ?? false);
    command.addOption(option);
  }
}

/**
 * The value of an option from the text that was given.
 * @param where names the option: '--batch-size'
 * @throws OptionError
 */
export function readValue({ schema, words }: OptionSpec<unknown>, text: string, where: string): unknown {
  if (!schema) return text;
  const known = words ?? (schema instanceof z.ZodEnum ? schema.options.map(String) : []);
  return parse(schema, text, ({ message }) => {
    const advice = didYouMean(text, known);
    const found = text.trim() === '' ? 'empty' : text;
    return new OptionError(`${where} is ${found}, expected ${message}.${advice && ` ${advice}`}`, {
      found: text,
      expected: message,
    });
  });
}

/**
 * Takes a value of one of the schemas as it is typed: the text itself, a number, or numbers with commas between. The
 * message is that of the schemas.
 */
export function typed<Schemas extends readonly z.ZodType[]>(...schemas: Schemas): z.ZodType<z.output<Schemas[number]>> {
  return z.string().transform((text, context) => {
    const readings: unknown[] = [text, numberIn(text), text.split(',').map(numberIn)];
    for (const schema of schemas) {
      for (const reading of readings) {
        const result = tryParse(schema, reading);
        if ('value' in result) return result.value;
      }
    }
    const expected = new Set(schemas.map((schema) => expectedBy(schema, text)));
    context.addIssue({ code: 'custom', message: [...expected].join(' or ') });
    return z.NEVER;
  }) as unknown as z.ZodType<z.output<Schemas[number]>>;
}

/** NaN, which no schema takes, for a text that holds nothing: Number('') is 0. */
const numberIn = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

function expectedBy(schema: z.ZodType, text: string): string {
  // Of a number out of range the schema may say more than of a word.
  const number = numberIn(text);
  const result = tryParse(schema, Number.isNaN(number) ? text : number);
  return 'issue' in result ? result.issue.message : '';
}

export const text = ranges.text;
/** One of several texts: for `<file...>`. */
export const listed = text.transform((value) => [value]);
export const count = typed(ranges.count);
export const countOrZero = typed(ranges.countOrZero);
/** Whole numbers with commas between them. */
export const counts = typed(z.array(ranges.countOrZero, 'whole numbers with commas between them, as in 10,20,30'));
const distinct = (values: readonly number[]) => new Set(values).size === values.length;
const onceEach = 'whole numbers with commas between them, each once, as in 10,20,30';
/** The same, where a number that comes twice would say nothing. */
export const distinctCounts = typed(z.array(ranges.countOrZero, onceEach).refine(distinct, onceEach));
export const { choice } = ranges;

/** The fields that have a value: an absent option must not reach the API as `undefined`. */
export const given = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
