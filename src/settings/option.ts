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
  /** What others call it: advice to who writes one of these names leads here. */
  readonly alsoCalled?: readonly string[];
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

/**
 * The paths of options in groups, by their own names, by what else these and the command line call them, and by those
 * names of options outside of groups: 'threads' is 'wasm.threads'. A choice among kinds is a group of the options of each kind.
 */
export function optionsInside(options: z.ZodType | undefined): ReadonlyMap<string, readonly string[]> {
  const inside = new Map<string, string[]>();
  const inner = options && withoutDefault(options);
  if (!(inner instanceof z.ZodObject)) return inside;
  const add = (name: string, path: string) => {
    const paths = inside.get(name) ?? [];
    if (!paths.includes(path)) inside.set(name, [...paths, path]);
  };
  for (const leaf of leavesOf(inner).flatMap(ofKinds)) {
    const path = leaf.path.join('.');
    const { flag, alsoCalled = [] } = leaf;
    const names = [...(leaf.path.length > 1 ? [leaf.path.at(-1) as string] : []), ...alsoCalled];
    for (const name of names) add(name, path);
    // As the command line calls it.
    if (typeof flag === 'string' && flag !== path) add(flag, path);
  }
  return inside;
}

const advices = new WeakMap<z.ZodType, Readonly<Record<string, string>>>();

/** What to do in place of options that there are not, a sentence by the name of each: those of the command line, say. */
export function advising<Options extends z.ZodObject>(
  options: Options,
  advice: Readonly<Record<string, string>>,
): Options {
  advices.set(options, advice);
  return options;
}

/** The advice that a schema has for such a name; undefined where it has none. */
export function adviceInstead(options: z.ZodType | undefined, name: string | undefined): string | undefined {
  const advice = (options && advices.get(withoutDefault(options))) ?? {};
  return name !== undefined && Object.hasOwn(advice, name) ? advice[name] : undefined;
}

/** The options of all kinds of a choice; any other option alone. */
function ofKinds(leaf: OptionLeaf): OptionLeaf[] {
  const inner = withoutDefault(leaf.schema);
  if (!(inner instanceof z.ZodDiscriminatedUnion)) return [leaf];
  return (inner.options as readonly z.ZodObject[])
    .flatMap((kind) => leavesOf(kind, leaf.path))
    .filter(({ path }) => path.at(-1) !== inner.def.discriminator);
}

/** The schema of the value that is given: without default, optional and readonly around it. */
export function withoutDefault(schema: z.ZodType): z.ZodType {
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return innerType ? withoutDefault(innerType) : schema;
}
