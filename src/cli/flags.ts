/**
 * Options of the command line that follow from the API's schemas: flag, placeholder, range, help line and default are
 * read from each option. An absent flag stays absent, so that its default is the API's.
 */
import * as z from 'zod';
import { OptionError } from '../errors.js';
import { leavesOf, type OptionLeaf, type VariantTable, withoutDefault } from '../settings/index.js';
import { flagOf, type OptionSpec, type OptionTable, typed } from './options.js';

/** An option that has a flag. */
type Flagged = OptionLeaf & { readonly flag: string };

const flagged = (schema: z.ZodObject): Flagged[] =>
  leavesOf(schema).filter((leaf): leaf is Flagged => typeof leaf.flag === 'string');

/** The options of a schema, by the names of their flags. `defaults`: where this command has another one, in words. */
export function flagsOf(schema: z.ZodObject, defaults: Readonly<Record<string, string>> = {}): OptionTable<never> {
  return Object.fromEntries(flagged(schema).map((leaf) => [leaf.flag, specOf(leaf, defaults[leaf.flag])]));
}

/** What messages of the API call the options of a schema that stand in a group, and the names of their flags. */
export const flagsByPath = (schema: z.ZodObject, prefix = ''): [path: string, flag: string][] =>
  flagged(schema).map(({ path, flag }) => [prefix + path.join('.'), flag]);

/** What the flags of a schema were given, as the API takes it: nested as its options are. */
export function optionsFrom<Schema extends z.ZodObject>(schema: Schema, values: object): z.input<Schema> {
  const options: Record<string, unknown> = {};
  for (const { flag, path } of flagged(schema)) {
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

/** The options of all kinds of a table. The help says of which kinds an option is, unless all have it. */
export function kindFlags(table: VariantTable): OptionTable<never> {
  const kinds = Object.values(table).map(({ kind, options }) => ({ kind, leaves: flagged(options) }));
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
      const schema = typed(...specs.map(({ leaf }) => leaf.schema));
      return [flag, { ...specs[0]!.spec, schema, description: [...texts].map(linesOf).join('; ') }];
    }),
  );
}

/**
 * The data of one kind from the flags that were given.
 * @param what names the table: 'loss'
 * @throws OptionError for a flag that this kind does not have, and for a value that is out of range
 */
export function makeKind<Table extends VariantTable>(
  what: string,
  table: Table,
  kind: keyof Table & string,
  values: object,
): ReturnType<Table[keyof Table]> {
  const chosen = table[kind] as Table[keyof Table & string];
  const takes = new Set(flagged(chosen.options).map(({ flag }) => flag));
  for (const flag of Object.keys(kindFlags(table))) {
    if (takes.has(flag) || Object(values)[flag] === undefined) continue;
    const others = Object.values(table).filter(({ options }) => flagged(options).some((leaf) => leaf.flag === flag));
    throw new OptionError(
      `${flagOf(flag)} does not apply to the ${what} ${kind}, only to ${others.map(({ kind }) => kind).join(' and ')}. Leave it out.`,
    );
  }
  return chosen(optionsFrom(chosen.options, values)) as ReturnType<Table[keyof Table]>;
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
