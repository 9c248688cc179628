/**
 * `--config`: options of a run from a file, in the forms in which a run's log keeps them. The first line of a log has the
 * options by the names of their flags (`batchSize`), its line of settings has them as the API does (`optimizer: { lr }`).
 * A file of one's own may mix both. Messages have its names in quotes, as they stand there, not as flags. What is typed comes before what the file has.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { flattened } from '../distill/settings.js';
import { CheckpointError, OptionError, openFolder, readJson } from '../index.js';
import { nearest } from '../requireOption.js';
import { firstLine } from './firstLine.js';
import { tryInputs } from './inputs.js';
import { flagOf, meantOptions, type OptionSpec, type OptionTable, optional, readValue, text } from './options.js';
import { optionsFile, wholeness } from './optionsFile.js';

export const configOption = optional(
  '<file>',
  text,
  'options from a JSON file, or those of a run from its log.jsonl; what is typed comes before what it has',
);

/** What a command knows of its options' other names. */
export interface ConfigNames {
  /** Options by what the API calls them: 'optimizer.lr' is that of --lr. */
  readonly flags: ReadonlyMap<string, string>;
  /** Of a choice the options of its kinds, for kinds may differ: 'loss.alpha' is --alpha, of alphaBeta --divergence-alpha. */
  readonly flagsOfKinds: ReadonlyMap<string, Readonly<Record<string, ReadonlyMap<string, string>>>>;
  /** Options by another name of theirs. */
  optionsCalled(written: string): readonly string[];
  /** Options of the file that do not count where another one is typed: epochs for steps. */
  readonly replacedBy: ReadonlyMap<string, readonly string[]>;
  /** Settings of the API that no option has: the API checks them. */
  readonly passedOn: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Values of options that were not typed.
 * @param typed options that were, by their names
 * @throws OptionError for a name that is no option, with the nearest, and for a wrong value; CheckpointError for a file
 * that cannot be read
 */
export async function readConfig(
  path: string,
  table: OptionTable,
  { names, typed }: { readonly names: ConfigNames; readonly typed: Fields },
): Promise<Fields> {
  tryInputs('--config', [path]);
  const fields = recordOf(await fieldsOf(path));
  const values: Record<string, unknown> = {};
  const replaced = new Set(Object.keys(typed).flatMap((name) => names.replacedBy.get(name) ?? []));
  for (const { option, value } of readFields(fields, table, { names, where: () => path })) {
    const isFree = names.passedOn.includes(option) || (!(option in typed) && !replaced.has(option));
    // A switch that is off says nothing.
    if (value !== false && isFree) values[option] = value;
  }
  return values;
}

/** An option that a file has. */
interface FileOption {
  /** Its name, that of its flag. */
  readonly option: string;
  /** As the option takes it. */
  readonly value: unknown;
  /** As the file has it. */
  readonly written: unknown;
}

/**
 * Options that a file has, by the names of their flags.
 * @param where begins the messages about a name of the file
 * @throws OptionError for a name that is no option, with the nearest, and for a wrong value
 */
export function readFields(
  fields: Fields,
  table: OptionTable,
  { names, where }: { readonly names: ConfigNames; readonly where: (name: string) => string },
): FileOption[] {
  const options = optionsIn(fields, names);
  const flagsHere = new Map([...names.flags, ...flagsOfChosenKinds(options, names)]);
  return options.map(([name, written]) => {
    if (names.passedOn.includes(name)) return { option: name, value: written, written };
    const option = Object.hasOwn(table, name) ? name : flagsHere.get(name);
    if (option === undefined || option === 'config') throw unknownName(where(name), name, table, names);
    const value = readField(table[option] as OptionSpec<unknown>, written, `${where(name)}: '${name}'`);
    return { option, value, written };
  });
}

/** An option of a file as it is typed on a command line. @throws OptionError for what cannot be typed */
export function typedWords(option: string, { argument = '' }: OptionSpec<unknown>, written: unknown): string[] {
  if (typeof written === 'boolean') return written ? [flagOf(option)] : [];
  const values = argument.includes('...') ? [written].flat() : [written];
  return [flagOf(option), ...values.map((value) => textOf(value, flagOf(option)))];
}

/**
 * The first line of a log where the file is one, else all of it.
 * @throws CheckpointError for options that a run kept and that are not what it wrote any more
 */
async function fieldsOf(path: string): Promise<Fields> {
  if (basename(path) === optionsFile && wholeness(readFileSync(path, 'utf8')) === 'changed') {
    throw new CheckpointError(
      `${path} does not hold the options of the run any more: it was changed. Put it back, or name the options themselves; ` +
        'those of a run are also in the first line of its log.',
    );
  }
  try {
    const line = JSON.parse(firstLine(path) ?? '') as Fields | null;
    if (line?.type === 'options') return line;
  } catch {
    // No log.
  }
  return readJson(openFolder(dirname(path)), basename(path));
}

/** The fields without those by which a log tells its lines apart. */
function recordOf({ time, type, ...fields }: Fields): Fields {
  if (type === 'options' || type === 'settings') return fields;
  return { ...(time !== undefined && { time }), ...(type !== undefined && { type }), ...fields };
}

/** The options by their names. Groups of the API are taken apart: { optimizer: { lr } } is 'optimizer.lr'. */
function optionsIn(fields: Fields, { flags }: ConfigNames): [name: string, value: unknown][] {
  const groups = new Set([...flags.keys()].flatMap((path) => (path.includes('.') ? [path.split('.', 1)[0]] : [])));
  return Object.entries(fields).flatMap(([name, value]) =>
    groups.has(name) && isGroup(value) ? [...flattened({ [name]: value })] : [[name, value] as [string, unknown]],
  );
}

/** What the API calls the options of the kinds that a file chooses: by `loss: 'skewKL'`, or `loss: { kind: 'skewKL' }`. */
const flagsOfChosenKinds = (
  options: readonly (readonly [name: string, value: unknown])[],
  { flagsOfKinds }: ConfigNames,
): [path: string, flag: string][] =>
  options.flatMap(([name, kind]) => {
    const kinds = flagsOfKinds.get(name.replace(/\.kind$/, ''));
    return kinds && typeof kind === 'string' && Object.hasOwn(kinds, kind) ? [...(kinds[kind] ?? [])] : [];
  });

const isGroup = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

function unknownName(path: string, name: string, table: OptionTable, names: ConfigNames): OptionError {
  const known = [...Object.keys(table), ...names.flags.keys()].filter((each) => each !== 'config');
  const called = names.optionsCalled(name).filter((option) => Object.hasOwn(table, option));
  const meant = meantOptions(name, Object.keys(table), called);
  const near = meant.length > 0 ? meant : [nearest(name, known)].filter((each) => each !== undefined);
  const advice = near.length === 0 ? '' : ` Did you mean ${near.map((each) => `'${each}'`).join(' or ')}?`;
  return new OptionError(`${path}: there is no option '${name}'.${advice}`, {
    option: name,
    found: name,
  });
}

/** A value of JSON as its option takes it. @throws OptionError */
function readField(spec: OptionSpec<unknown>, value: unknown, where: string): unknown {
  const { argument = '' } = spec;
  // A switch, or an option whose value may be left out.
  if (!argument.startsWith('<') && typeof value === 'boolean') return value;
  if (argument === '') throw new OptionError(`${where} is ${shown(value)}, expected true or false.`, { found: value });
  if (argument.includes('...')) {
    return [value].flat().flatMap((each) => readValue(spec, textOf(each, where), where) as unknown[]);
  }
  const read = readValue(spec, textOf(value, where), where);
  // '8' for 8, and 8 for a name, are slips.
  const isSlip = typeof value !== typeof read && ['string', 'number'].includes(typeof value);
  if (isSlip && ['string', 'number'].includes(typeof read)) {
    const kind = typeof read === 'number' ? 'a number' : 'text';
    throw new OptionError(`${where} is the ${typeof value} ${shown(value)}, expected ${kind}.`, { found: value });
  }
  return read;
}

/** How a value is typed: lists of numbers with commas, names of fields with =. @throws OptionError */
function textOf(value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map((each) => textOf(each, where)).join(',');
  if (isGroup(value)) {
    return Object.entries(value as Fields)
      .map(([name, each]) => `${name}=${textOf(each, where)}`)
      .join(',');
  }
  throw new OptionError(`${where} is ${shown(value)}, expected text or a number.`, { found: value });
}

const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value));
