/**
 * What a run was started with, kept in its folder: `--resume --out RUN` is then the same command. Most options are
 * settings of the run, which its states compare by themselves. Those that only decide what is read are compared here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CheckpointError, OptionError, openFolder } from '../index.js';
import { type ConfigNames, readConfig } from './config.js';
import { firstLine } from './firstLine.js';
import { isAddress, tryInputs } from './inputs.js';
import { flagOf, type OptionTable } from './options.js';
import { optionsFile, wholeness, withDigest } from './optionsFile.js';
import { parted, type TeacherOptions } from './teachers.js';

type Fields = Readonly<Record<string, unknown>>;

/** What options came to, defaults filled in, by their names. None may be another when the run goes on. */
export type DecidedOptions = Readonly<Record<string, string | number>>;

/** What says nothing about the run, or only about this call. */
const ofOneCall = new Set(['out', 'resume', 'config', 'dryRun', 'profile']);
/** Options whose values are paths. A resume may come from another folder. */
export const pathOptions: ReadonlySet<string> = new Set([
  'data',
  'validation',
  'text',
  'student',
  'studentConfig',
  'teacher',
  'teacherCache',
  'tokenizer',
  'fallbackOut',
  'log',
  'tensorboard',
]);

/** Whether a run was started in a folder, even if it has no state yet. */
export const hasOptions = (out: string): boolean => existsSync(join(out, optionsFile));

/** Whether the run in a folder was given a path for an option, as a run that is started again is once more. */
export function wasGiven(out: string, name: string, path: string): boolean {
  try {
    return (JSON.parse(firstLine(join(out, optionsFile)) ?? '') as Fields)[name] === resolve(path);
  } catch {
    return false;
  }
}

/** Writes the options into the folder of the run. @throws CheckpointError where the system refuses */
export async function keepOptions(out: string, options: object, decided: DecidedOptions): Promise<void> {
  const resolved = (name: string, value: unknown) => {
    if (name === 'teacher') {
      return [value as string | readonly string[]].flat().map((each) => {
        const [before, source] = parted(each, options as TeacherOptions);
        return before + fromAnywhere(source);
      });
    }
    if (!pathOptions.has(name)) return value;
    return Array.isArray(value) ? value.map(pathFromAnywhere) : pathFromAnywhere(value);
  };
  const kept = Object.entries(options)
    .filter(([name, value]) => value !== undefined && !ofOneCall.has(name))
    .map(([name, value]) => [name, resolved(name, value)]);
  const lines = [
    { type: 'options', ...Object.fromEntries(kept) },
    { type: 'decided', ...decided },
  ];
  await openFolder(out).write(optionsFile, [new TextEncoder().encode(withDigest(lines))]);
}

/** A path as it is known in every folder, as addresses are. */
const fromAnywhere = (path: string): string => (isAddress(path) ? path : resolve(path));
/** Of `--validation`, a number may stand where a path does. */
const pathFromAnywhere = (value: unknown): unknown => (typeof value === 'string' ? fromAnywhere(value) : value);

/**
 * Values of the options that were not typed, of the run in `out`; none where it was started otherwise.
 * @param typed options that were typed, by their names
 * @throws OptionError naming each option that was typed and is not what the run began with; CheckpointError for a
 * file that is not what the run wrote
 */
export async function optionsOfRun(
  out: string,
  table: OptionTable,
  { names, typed }: { readonly names: ConfigNames; readonly typed: Fields },
): Promise<Fields> {
  const path = join(out, optionsFile);
  if (!existsSync(path)) return {};
  const decided = decidedIn(readKept(path));
  const changed = Object.keys(decided).filter((name) => typed[name] !== undefined && typed[name] !== decided[name]);
  if (changed.length > 0) {
    const list = changed.map((name) => `${flagOf(name)} was ${decided[name]} and is ${typed[name]}`).join('; ');
    throw new OptionError(
      `the run in ${out} began with other options: ${list}. Leave ${changed.length > 1 ? 'them' : 'it'} out, or start anew in ` +
        'another folder.',
      { found: changed.map((name) => typed[name]), expected: changed.map((name) => decided[name]) },
    );
  }
  // What was typed once more counts as it counted then: a length that was not given is that of the models.
  const again = Object.keys(decided).filter((name) => Object.hasOwn(typed, name));
  const others = Object.fromEntries(Object.entries(typed).filter(([name]) => !again.includes(name)));
  const kept = await readConfig(path, table, { names, typed: others });
  const asThen = Object.fromEntries(again.map((name) => [name, kept[name]]));
  return { ...asThen, ...kept, template: decided.template, config: path };
}

/**
 * Nobody but a run writes this file, and there is no other copy of it.
 * @throws CheckpointError for a file that cannot be read, or is not what the run wrote
 */
function readKept(path: string): string {
  tryInputs('', [path]);
  const text = readFileSync(path, 'utf8');
  if (wholeness(text) === 'whole') return text;
  throw new CheckpointError(
    `${path} does not hold the options of the run any more: it is empty, cut or changed. Remove it, and name the options ` +
      'again, as the run was started, beside --resume.',
  );
}

/** The second line of the file; a file without one decides nothing. */
function decidedIn(text: string): Fields {
  const { type, ...decided } = JSON.parse(text.split('\n')[1] ?? '') as Fields;
  return type === 'decided' ? decided : {};
}
