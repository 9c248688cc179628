/**
 * Options of the command line that follow from the API's schemas: flag, placeholder, range, help line and default are
 * read from each option. An absent flag stays absent, so that its default is the API's.
 */
import * as z from 'zod';
import { OptionError } from '../errors.js';
import { leavesOf, type OptionLeaf, type VariantTable, withoutDefault } from '../settings/index.js';
import { flagOf, type OptionSpec, type OptionTable, spellFlags, typed } from './options.js';

/** An option that has a flag. */
type Flagged = OptionLeaf & { readonly flag: string };

const flagged = (schema: z.ZodObject): Flagged[] =>
  leavesOf(schema).filter((leaf): leaf is Flagged => typeof leaf.flag === 'string');

/** The options of a schema, by the names of their flags. `defaults`: where this command has another one, in words. */
export function flagsOf(schema: z.ZodObject, defaults: Readonly<Record<string, string>> = {}): OptionTable<never> {
  return Object.fromEntries(flagged(schema).map((leaf) => [leaf.flag, specOf(leaf, defaults[leaf.flag])]));
}

/** What messages of the API call the options of a schema that stand in a group, and the names of their flags. */
export const flagsByPath = (schema: z.ZodObject, prefix = '', flags = ''): [path: string, flag: string][] =>
  flaggedAs(schema, flags).map(({ path, flag }) => [prefix + path.join('.'), flag]);

/** What the flags of a schema were given, as the API takes it: nested as its options are. */
export function optionsFrom<Schema extends z.ZodObject>(schema: Schema, values: object, prefix = ''): z.input<Schema> {
  const options: Record<string, unknown> = {};
  for (const { flag, path } of flaggedAs(schema, prefix)) {
    const value = Object(values)[flag];
    if (value === undefined) continue;
    let group = options;
    for (const name of path.slice(0, -1)) {
      group[name] ??= {};
      group = group[name] as Record<string, unknown>;
    }
    group[path.at(-1) as string] = value;
  }
  return options as z.input<Schema>;
}

/** What flags are made of: kinds, each with a schema of its options. */
type KindTable = Readonly<Record<string, { readonly kind: string; readonly options: z.ZodObject }>>;

/** With a prefix 'student', the flag 'alpha' is 'studentAlpha'. */
const prefixed = (flag: string, prefix: string): string =>
  prefix === '' ? flag : prefix + flag.replace(/^./, (first) => first.toUpperCase());

/** An option that has a flag, which begins with a prefix. */
const flaggedAs = (schema: z.ZodObject, prefix: string): Flagged[] =>
  flagged(schema).map((leaf) => ({ ...leaf, flag: prefixed(leaf.flag, prefix) }));

/** `flagsByPath` of each kind of a table. */
export const flagsByKind = (
  table: KindTable,
  prefix = '',
  flags = '',
): Readonly<Record<string, ReadonlyMap<string, string>>> =>
  Object.fromEntries(
    Object.values(table).map(({ kind, options }) => [kind, new Map(flagsByPath(options, prefix, flags))]),
  );

/**
 * The options of all kinds of a table. The help says of which kinds an option is, unless all have it.
 * @param prefix begins every flag, where two choices from one table have flags of their own
 */
export function kindFlags(table: KindTable, prefix = ''): OptionTable<never> {
  const kinds = Object.values(table).map(({ kind, options }) => ({ kind, leaves: flaggedAs(options, prefix) }));
  const withOptions = kinds.filter(({ leaves }) => leaves.length > 0);
  const flags = new Set(kinds.flatMap(({ leaves }) => leaves.map(({ flag }) => flag)));
  return Object.fromEntries(
    [...flags].map((flag): [string, OptionSpec<unknown>] => {
      const specs = withOptions.flatMap(({ kind, leaves }) =>
        leaves.filter((leaf) => leaf.flag === flag).map((leaf) => ({ kind, leaf, spec: specOf(leaf) })),
      );
      const texts = new Set(specs.map(({ spec }) => spec.description));
      const linesOf = (text: string) => {
        const users = specs.filter(({ spec }) => spec.description === text).map(({ kind }) => kind);
        return users.length === withOptions.length ? text : `${users.join(', ')}: ${text}`;
      };
      const [{ spec }] = specs as [(typeof specs)[number]];
      // A switch has no value to read.
      const schema = spec.argument && typed(...specs.map(({ leaf }) => leaf.schema));
      return [flag, { ...spec, ...(schema && { schema }), description: [...texts].map(linesOf).join('; ') }];
    }),
  );
}

/** The options of the kinds of several tables. A flag that kinds of two tables have is one flag. */
export function kindFlagsOf(...tables: readonly KindTable[]): OptionTable<never> {
  const apart = tables.map((table): OptionTable => kindFlags(table));
  const together: OptionTable = kindFlags(Object.assign({}, ...tables) as KindTable);
  return Object.fromEntries(
    Object.keys(together).map((flag): [string, OptionSpec<unknown>] => {
      const [only, other] = apart.filter((flags) => flag in flags);
      return [flag, (other ? together[flag] : only?.[flag]) as OptionSpec<unknown>];
    }),
  );
}

/** What is wrong with a flag that was given and that this kind does not have; undefined where there is none. */
export function foreignFlag<Table extends KindTable>(
  what: string,
  table: Table,
  kind: keyof Table & string,
  values: object,
  prefix = '',
): string | undefined {
  const flagsOfKind = (options: z.ZodObject) => flaggedAs(options, prefix).map(({ flag }) => flag);
  const takes = new Set(flagsOfKind((table[kind] as KindTable[string]).options));
  const flag = Object.keys(kindFlags(table, prefix)).find(
    (each) => !takes.has(each) && Object(values)[each] !== undefined,
  );
  if (flag === undefined) return undefined;
  const others = Object.values(table).filter(({ options }) => flagsOfKind(options).includes(flag));
  const names = inList(others.map((other) => other.kind));
  return `${flagOf(flag)} does not apply to the ${what} ${kind}, only to ${names}. Leave it out.`;
}

/** 'a', 'a and b', 'a, b and c' */
const inList = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/**
 * The data of one kind from the flags that were given.
 * @param what names the table: 'loss'
 * @param prefix of the flags, see `kindFlags`
 * @param base data of a kind, whose options stay where no flag says otherwise
 * @throws OptionError for a flag that this kind does not have, and for a value that is out of range
 */
export function makeKind<Table extends VariantTable>(
  what: string,
  table: Table,
  kind: keyof Table & string,
  values: object,
  { prefix = '', base = { kind } }: { readonly prefix?: string; readonly base?: { readonly kind: string } } = {},
): ReturnType<Table[keyof Table]> {
  const chosen = table[kind] as Table[keyof Table & string];
  const foreign = foreignFlag(what, table, kind, values, prefix);
  if (foreign !== undefined) throw new OptionError(foreign);
  const { kind: _, ...kept } = base.kind === kind ? base : { kind };
  try {
    return chosen({ ...kept, ...optionsFrom(chosen.options, values, prefix) }) as ReturnType<Table[keyof Table]>;
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    // Only here is known whose option it is: `start` of taid is --taid-start.
    const { option, found, expected } = error;
    const message = spellFlags(error.message, new Map(flagsByPath(chosen.options, '', prefix)));
    throw new OptionError(message, { ...(option !== undefined && { option }), found, expected });
  }
}

/** The help line of an option, and how its text becomes a value. */
function specOf({ schema, description, unit, defaultWords, default: fallback }: Flagged, words = defaultWords) {
  const value = withoutDefault(schema);
  const isSwitch = value instanceof z.ZodBoolean;
  const names = value instanceof z.ZodEnum ? `: ${value.options.join(', ')}` : '';
  const shown = words ?? (isSwitch || fallback === undefined ? undefined : String(fallback));
  return {
    description: `${description}${names}${shown === undefined ? '' : ` (default: ${shown})`}`,
    ...(!isSwitch && { argument: `<${unit ?? placeholder(value)}>`, schema: typed(schema) }),
    ...(value instanceof z.ZodEnum && { words: value.options.map(String) }),
  };
}

function placeholder(value: z.ZodType): string {
  if (value instanceof z.ZodEnum) return 'name';
  return value instanceof z.ZodString ? 'text' : 'number';
}
