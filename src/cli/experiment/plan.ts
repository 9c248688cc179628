/**
 * What an experiment does, as commands of this program: those that prepare its models and data, one that trains for each run,
 * and one that scores it. Everything that can be checked without a model is, before the first of them begins. A command's
 * digest is made of its options and of the contents of the files that they name; by it its result is known again.
 */
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import * as z from 'zod';
import { type ExperimentFile, replicateAxis } from '../../experiments/file.js';
import {
  axesIn,
  type GridRun,
  gridOf,
  nameOf,
  type Setting,
  type Settings,
  sharedLabels,
  withValues,
} from '../../experiments/grid.js';
import { OptionError } from '../../index.js';
import { inWords } from '../../inWords.js';
import { didYouMean } from '../../requireOption.js';
import type { CommandFacts } from '../command.js';
import { configNames } from '../commands/trainOptions.js';
import { type ConfigNames, readFields, typedWords } from '../config.js';
import { isAddress } from '../inputs.js';
import { pathOptions } from '../keptOptions.js';
import type { OptionSpec } from '../options.js';
import { checkRules } from '../rules.js';
import { parted } from '../teachers.js';
import { sha256 } from '../textDigest.js';
import type { Contents } from './contents.js';

/** A command to run, once. */
export interface Job {
  readonly kind: 'prepared' | 'runs' | 'scores';
  /** For people: "teacher", "start, seed 2", "skew KL, seed 2". */
  readonly name: string;
  /** The same of all seeds; of what is prepared the name that the file gives it. */
  readonly likeness: string;
  readonly digest: string;
  readonly command: string;
  readonly options: readonly JobOption[];
  /** Whether it writes a folder. */
  readonly hasOut: boolean;
  /** What must be there before. */
  readonly needs: readonly Job[];
}

interface JobOption {
  readonly option: string;
  readonly spec: OptionSpec<unknown>;
  readonly value: JobValue;
}

type JobValue = Made | readonly JobValue[] | unknown;

/** What another command makes: a file in its folder; of training without a name its model. */
export class Made {
  constructor(
    readonly job: Job,
    readonly inside: string,
    /** What stands before it in the option: the name of a teacher. */
    readonly before = '',
  ) {}
}

/** A run of the grid. */
export interface PlannedRun {
  readonly labels: Readonly<Record<string, string>>;
  readonly name: string;
  /** The command by which the run is known: that which scores, or without one that which trains. */
  readonly last: Job;
  /** Absent where a model is scored as it is. */
  readonly train: Job | undefined;
}

/** What an experiment says of where and how; and what says nothing about a result. */
const ofTheExperiment = new Set([
  'out',
  'resume',
  'fallbackOut',
  'log',
  'config',
  'dryRun',
  'profile',
  'tensorboard',
  'answers',
]);
const withoutEffect = new Set(['threads']);
const morePaths = new Set([...pathOptions, 'model', 'from', 'adapter']);
const preparedPrefix = 'prepared:';

/** Names that only `train` knows are those of its settings. */
const noNames: ConfigNames = {
  flags: new Map(),
  flagsOfKinds: new Map(),
  optionsCalled: () => [],
  replacedBy: new Map(),
  passedOn: [],
};
const namesFor = (command: string): ConfigNames => (command === 'train' ? { ...configNames, passedOn: [] } : noNames);

/** Whether what a command makes is a folder, which others may need. */
const makesFolder = ({ table }: CommandFacts): boolean => table.out?.argument === '<folder>';

interface Context {
  readonly file: ExperimentFile;
  /** The folder from which paths in the file go. */
  readonly folder: string;
  readonly commands: ReadonlyMap<string, CommandFacts>;
  readonly contents: Contents;
}

/**
 * The runs of an experiment, with all that they need.
 * @throws OptionError with file, line and field; CheckpointError for an input that cannot be read
 */
export async function planExperiment(context: Context): Promise<PlannedRun[]> {
  const { spec, where } = context.file;
  const prepared = new Map<string, Job>();
  /** Axes on which what is prepared depends, by the digest. */
  const axesOf = new Map<string, ReadonlySet<string>>();

  /** @param above preparations that wait for this one */
  const prepare = async (name: string, run: GridRun, by: Setting, above: readonly string[]): Promise<Job> => {
    const options = spec.prepare[name];
    if (!options) {
      const known = Object.keys(spec.prepare);
      throw new OptionError(
        `${where(by.keys)}: nothing is prepared as '${name}'. ${didYouMean(name, known) || 'Add it to prepare.'}`,
        { found: name, expected: known },
      );
    }
    if (above.includes(name)) {
      throw new OptionError(`${where(by.keys)}: '${[...above, name].join("' needs '")}', which goes in a circle.`);
    }
    const { command = 'train', ...given } = options;
    const settings: Settings = new Map(
      Object.entries(given)
        .filter(([, value]) => value !== null)
        .map(([option, value]) => [option, { value: withValues(value, run.values), keys: ['prepare', name, option] }]),
    );
    const facts = typeof command === 'string' ? context.commands.get(command) : undefined;
    if (!facts || !makesFolder(facts)) {
      const known = [...context.commands.values()].filter(makesFolder).map((each) => each.name);
      throw new OptionError(
        `${where(['prepare', name, 'command'])}: 'command' is ${inWords(command)}, expected one of ${known.join(', ')}.`,
        { option: 'command', found: command, expected: known },
      );
    }
    const at = ['prepare', name];
    const job = await jobOf({ kind: 'prepared', name, likeness: name, facts, settings, at }, run, [...above, name]);
    const found = prepared.get(job.digest);
    if (found) return found;
    const axes = new Set([
      ...axesIn(given, run.values),
      ...job.needs.flatMap(({ digest }) => [...(axesOf.get(digest) ?? [])]),
    ]);
    const place = Object.fromEntries(Object.entries(run.labels).filter(([axis]) => axes.has(axis)));
    const named = { ...job, name: [name, ...(axes.size > 0 ? [nameOf(place)] : [])].join(', ') };
    axesOf.set(job.digest, axes);
    prepared.set(job.digest, named);
    return named;
  };

  const jobOf = async (
    {
      kind,
      name,
      likeness,
      facts,
      settings,
      at,
      more = [],
    }: {
      kind: Job['kind'];
      name: string;
      likeness: string;
      facts: CommandFacts;
      settings: Settings;
      /** Where the file has the options. */
      at: readonly PropertyKey[];
      /** Options that the file does not have. */
      more?: readonly [string, JobValue][];
    },
    run: GridRun,
    above: readonly string[],
  ): Promise<Job> => {
    const needs = new Set<Job>();
    const resolveValue = async (option: string, setting: Setting, value: unknown): Promise<JobValue> => {
      if (Array.isArray(value)) return Promise.all(value.map((each) => resolveValue(option, setting, each)));
      if (typeof value !== 'string') return value;
      const [before, source] = partsOf(option, value, settings.has('teacherField'));
      if (source.startsWith(preparedPrefix)) {
        const [wanted = '', ...inside] = source.slice(preparedPrefix.length).split('/');
        const job = await prepare(wanted, run, setting, above);
        needs.add(job);
        return new Made(job, inside.join('/'), before);
      }
      const isChoice = facts.table[option]?.schema instanceof z.ZodEnum;
      const isPath = (morePaths.has(option) && !isChoice) || /^\.\.?\//.test(source);
      if (!isPath || isAddress(source)) return value;
      const path = resolve(context.folder, source);
      if (!existsSync(path)) {
        throw new OptionError(
          `${where(setting.keys)}: '${option}' is ${source}, and there is no such file or folder (${path}). Check the path: it ` +
            "goes from the experiment's file.",
          { option, found: value },
        );
      }
      return before + fromHere(path);
    };
    const resolved = new Map<string, { value: JobValue; keys: readonly PropertyKey[] }>();
    for (const [option, setting] of settings) {
      if (ofTheExperiment.has(option)) {
        throw new OptionError(`${where(setting.keys)}: '${option}' is decided by the experiment. Leave it out.`, {
          option,
        });
      }
      resolved.set(option, { value: await resolveValue(option, setting, setting.value), keys: setting.keys });
    }
    for (const [option, value] of more) {
      if (value instanceof Made) needs.add(value.job);
      resolved.set(option, { value, keys: at });
    }
    const shown = Object.fromEntries([...resolved].map(([option, { value }]) => [option, asPath(value)]));
    const read = readFields(shown, facts.table, {
      names: namesFor(facts.name),
      where: (option) => where(resolved.get(option.split('.')[0] as string)?.keys ?? at),
    });
    const known = Object.fromEntries(
      read.filter(({ value }) => value !== false).map(({ option, value }) => [option, value]),
    );
    const missing = Object.entries(facts.table).filter(
      ([option, each]) => each.required && option !== 'out' && known[option] === undefined,
    );
    if (missing.length > 0) {
      const names = missing.map(([option]) => `'${option}'`).join(' and ');
      throw new OptionError(`${where(at)}: ${facts.name} needs ${names}${kind === 'prepared' ? ` ('${name}')` : ''}.`, {
        option: missing[0]?.[0] as string,
      });
    }
    try {
      checkRules(facts.rules, { out: '', ...known }, []);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      throw new OptionError(`${where(at)}: ${name}: ${error.message}`, {
        found: error.found,
        expected: error.expected,
      });
    }
    const options = read.flatMap(({ option, written }): JobOption[] => {
      const own = resolved.get(option)?.value;
      return [{ option, spec: facts.table[option] as OptionSpec<unknown>, value: own ?? written }];
    });
    const areNamed = settings.has('teacherField');
    const identity = await Promise.all(
      options.map(({ option, value }) => identityOf(option, value, { digests: context.contents, areNamed })),
    );
    const counted = identity.filter(([option]) => !withoutEffect.has(option)).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      ...{ kind, name, likeness, command: facts.name, options, hasOut: makesFolder(facts), needs: [...needs] },
      digest: sha256(JSON.stringify([facts.name, counted])).slice(0, 16),
    };
  };

  const train = context.commands.get('train') as CommandFacts;
  const evaluate = context.commands.get('eval') as CommandFacts;
  const runs: PlannedRun[] = [];
  for (const each of gridOf(spec)) {
    const name = nameOf(each.labels);
    const { [replicateAxis]: _, ...alike } = each.labels;
    const likeness = nameOf(alike);
    const training =
      each.train &&
      (await jobOf({ kind: 'runs', name, likeness, facts: train, settings: each.train, at: ['train'] }, each, []));
    const scoring =
      each.eval &&
      (await jobOf(
        {
          ...{ kind: 'scores', name, likeness, facts: evaluate, settings: each.eval, at: ['eval'] },
          more: training ? [['model', new Made(training, '')]] : [],
        },
        each,
        [],
      ));
    runs.push({ labels: each.labels, name, last: (scoring ?? training) as Job, train: training });
  }
  return merged(runs);
}

/** A path as it is shortest: from the working folder where it lies in it. */
const fromHere = (path: string): string => {
  const short = relative('.', path);
  return short === '' || short.startsWith('..') ? path : short;
};

/** Models that no run trains are there once, by the axes on which they depend. */
function merged(runs: readonly PlannedRun[]): PlannedRun[] {
  const trained = runs.filter(({ train }) => train);
  const compared = new Map<string, PlannedRun[]>();
  for (const run of runs) {
    if (!run.train) compared.set(run.last.digest, [...(compared.get(run.last.digest) ?? []), run]);
  }
  return [
    ...trained,
    ...[...compared.values()].map((all): PlannedRun => {
      const labels = sharedLabels(all.map((each) => each.labels));
      return { ...(all[0] as PlannedRun), labels, name: nameOf(labels) };
    }),
  ];
}

/** What is made, as the path where it will be, for checks that want a text. */
function asPath(value: JobValue): unknown {
  if (value instanceof Made) return `${value.before}${value.job.name}/${value.inside}`;
  return Array.isArray(value) ? value.map(asPath) : value;
}

/** What an option says, wherever its files lie. */
async function identityOf(
  option: string,
  value: JobValue,
  { digests, areNamed }: { readonly digests: Contents; readonly areNamed: boolean },
): Promise<[string, unknown]> {
  const of = async (each: JobValue): Promise<unknown> => {
    if (each instanceof Made) {
      const { job, inside, before } = each;
      return { made: job.digest, inside, ...(before !== '' && { before }) };
    }
    if (Array.isArray(each)) return Promise.all(each.map(of));
    if (typeof each !== 'string') return each;
    const [before, source] = partsOf(option, each, areNamed);
    const isFile = !isAddress(source) && (morePaths.has(option) || source.includes('/'));
    if (!isFile || !existsSync(source)) return each;
    return { contents: await digests.digestOf(source), ...(before !== '' && { before }) };
  };
  return [option, await of(value)];
}

/** Of several teachers each has its name before it. */
const partsOf = (option: string, value: string, areNamed: boolean): readonly [before: string, source: string] =>
  option === 'teacher' && areNamed ? parted(value, { teacherField: '' }) : ['', value];

/** The command line, without the program. @param place what a value that is made stands for, as a path */
export const wordsOf = (job: Job, place: (made: Made) => string): string[] => {
  const textOf = (value: JobValue): unknown => {
    if (value instanceof Made) return value.before + place(value);
    return Array.isArray(value) ? value.map(textOf) : value;
  };
  return [job.command, ...job.options.flatMap(({ option, spec, value }) => typedWords(option, spec, textOf(value)))];
};

/** By which a command is known among those of a plan. */
export const keyOf = ({ kind, digest }: Job): string => `${kind}/${digest}`;

/** All that runs need, by their keys, each before what needs it. */
export function jobsOf(runs: readonly Pick<PlannedRun, 'last'>[]): Map<string, Job> {
  const all = new Map<string, Job>();
  const add = (job: Job) => {
    for (const need of job.needs) add(need);
    if (!all.has(keyOf(job))) all.set(keyOf(job), job);
  };
  for (const { last } of runs) add(last);
  return all;
}
