/**
 * A command of an experiment, run in this process, and its result kept. A command whose result is there is not run again; one
 * that was killed goes on where its states let it, or begins anew.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Measures, scoresIn, stepMeasures } from '../../experiments/measures.js';
import { CheckpointError, type TrainingEvent } from '../../index.js';
import { isPlainObject } from '../../inWords.js';
import { exitCodes } from '../exitCodes.js';
import type { OptionSpec } from '../options.js';
import { holdsRun } from '../outputs.js';
import type { Terminal } from '../terminal.js';
import { type Job, type Made, wordsOf } from './plan.js';
import { readSealed, writeSealed } from './sealed.js';
import { streamTo } from './streams.js';

/** What a command came to. */
export interface JobResult {
  /** What it printed, as data. */
  readonly printed: Readonly<Record<string, unknown>>;
  readonly measures: Measures;
  readonly notes: readonly string[];
  /** By the clock, of all its calls. */
  readonly seconds: number;
}

/** A command that came to no result. */
export class JobFailure extends Error {}
/** The experiment was told to stop. */
export class Stopped extends Error {}

/** The folders of an experiment's commands, which all experiments with the same `out` share. */
export interface Shelf {
  folderOf(job: Job): string;
  /** The result of a command, where it is there and whole. @param damaged gets what is wrong with one that is not */
  resultOf(job: Job, damaged?: (file: string, why: string) => void): JobResult | undefined;
}

const resultFile = 'result.json';
/** What a command writes, in its folder. */
const madeFolder = 'made';

/** @param out folder of all experiments */
export function openShelf(out: string): Shelf {
  const folderOf = ({ kind, name, digest }: Job): string => {
    const parent = join(out, kind);
    // By its digest: another experiment may call it otherwise.
    const there = existsSync(parent) ? readdirSync(parent).find((each) => each.endsWith(`-${digest}`)) : undefined;
    return join(parent, there ?? `${slugOf(name)}-${digest}`);
  };
  return {
    folderOf,
    resultOf(job, damaged = () => {}) {
      const path = join(folderOf(job), resultFile);
      const found = readSealed(path, (why) => damaged(path, why));
      if (found === undefined) return undefined;
      if (found.digest === job.digest && isPlainObject(found.measures)) return found as unknown as JobResult;
      damaged(path, 'it is that of another command');
      return undefined;
    },
  };
}

/** A name that is the same on all systems. */
const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60) || 'run';

/** How commands are run. */
export interface JobContext {
  readonly shelf: Shelf;
  /** Runs a command line of this program, and returns its exit code. */
  run(words: readonly string[], terminal: Terminal): Promise<number>;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** For every command that takes the option; they change no result. */
  readonly threads: number | undefined;
  /** An option of a command; undefined where it has none of the name. */
  specOf(command: string, option: string): OptionSpec<unknown> | undefined;
  onEvent(job: Job, event: TrainingEvent): void;
}

/** The folder of what a command makes. */
export const madeBy = (shelf: Shelf, job: Job): string => join(shelf.folderOf(job), madeFolder);

/**
 * Runs a command whose needs are there.
 * @throws JobFailure with the command's own message; Stopped
 */
export async function runJob(job: Job, context: JobContext): Promise<JobResult> {
  const { shelf, signal } = context;
  const folder = shelf.folderOf(job);
  const made = join(folder, madeFolder);
  mkdirSync(folder, { recursive: true });
  const goesOn = job.command === 'train' && holdsRun(made);
  // What a killed command left.
  if (job.hasOut && job.command !== 'train') rmSync(made, { recursive: true, force: true });
  const words = goesOn
    ? ['train', '--resume', '--out', made]
    : [...wordsOf(job, placeIn(shelf)), ...(job.hasOut ? ['--out', made] : [])];
  const called = await call(words, { ...context, job });
  if (called.code !== exitCodes.done) {
    if (signal.aborted || called.code === exitCodes.interrupted || called.code === exitCodes.hungUp)
      throw new Stopped();
    throw new JobFailure(called.problem);
  }
  const printed = lastObjectIn(called.out);
  const steps = job.command === 'train' ? stepsOf(join(made, 'log.jsonl'), called.cpuOfSteps) : [];
  const seconds = Math.max(called.seconds, steps.reduce((sum, { stepMs }) => sum + stepMs, 0) / 1000);
  const measures = {
    ...stepMeasures(steps),
    ...(job.command === 'train' ? validationsIn(printed) : scoresIn(printed)),
  };
  const result: JobResult = { printed, measures, notes: called.notes, seconds };
  const { command, name, digest } = job;
  await writeSealed(join(folder, resultFile), { digest, command, name, words, ...result });
  return result;
}

/** Where the file is that a value stands for: of training without a name its best model, or its last. */
export const placeIn =
  (shelf: Shelf) =>
  ({ job, inside }: Made): string => {
    const made = madeBy(shelf, job);
    if (inside !== '') return join(made, inside);
    if (job.command !== 'train') return made;
    const { student } = shelf.resultOf(job)?.printed ?? {};
    return join(made, typeof student === 'string' ? basename(student) : 'last');
  };

interface Called {
  readonly code: number;
  readonly out: string;
  /** What it said went wrong. */
  readonly problem: string;
  readonly notes: readonly string[];
  readonly seconds: number;
  /** Processor time of each step in ms, by its number. */
  readonly cpuOfSteps: ReadonlyMap<number, number>;
}

/** A command line in this process, on as many threads as were asked for, with a terminal that keeps what it says. */
export async function call(words: readonly string[], context: JobContext & { readonly job: Job }): Promise<Called> {
  const { terminal, signal, job, onEvent, threads } = context;
  const isChosen = words.includes('--threads') || !context.specOf(job.command, 'threads');
  const onThreads = threads === undefined || isChosen ? [] : ['--threads', `${threads}`];
  const cpuOfSteps = new Map<number, number>();
  let [out, err] = ['', ''];
  let cpu = cpuMs();
  const inner: Terminal = {
    program: terminal.program,
    stdin: terminal.stdin,
    lines: terminal.lines,
    stdout: streamTo((text) => {
      out += text;
    }),
    stderr: streamTo((text) => {
      err = (err + text).slice(-mostKept);
    }),
    signal,
    onInterrupt(listener) {
      const tell = () => listener('SIGINT');
      if (signal.aborted) tell();
      else signal.addEventListener('abort', tell);
      return () => signal.removeEventListener('abort', tell);
    },
    watch(event) {
      const now = cpuMs();
      if (event.type === 'step') cpuOfSteps.set(event.step, now - cpu);
      cpu = now;
      onEvent(job, event);
    },
    outliveReaders() {},
  };
  const started = performance.now();
  const code = await context.run([...words, ...onThreads], inner).catch((error: Error) => {
    err += `distillm: ${error.message}`;
    return exitCodes.failed;
  });
  const seconds = (performance.now() - started) / 1000;
  const problem =
    /^distillm: ([\s\S]*)/m.exec(err)?.[1]?.trim() ?? (err.trim().split('\n').at(-1) || `exit code ${code}`);
  const notes = [...err.matchAll(/^Note: (.*)$/gm)].map(([, note]) => note as string);
  return { code, out, problem, notes, seconds, cpuOfSteps };
}

/** Characters of what a command says to people: enough for what went wrong. */
const mostKept = 100_000;

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Commands print one line of JSON, the last. */
function lastObjectIn(out: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(out.trim().split('\n').at(-1) ?? '');
    return isPlainObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** The steps of a log, the later where one was taken twice, with the processor time of those that this call took. */
function stepsOf(log: string, cpuOfSteps: ReadonlyMap<number, number>) {
  const steps = new Map<number, Parameters<typeof stepMeasures>[0][number]>();
  for (const line of readLog(log).split('\n')) {
    if (!line.includes('"type":"step"')) continue;
    const { step, source, phi, gradNorm, stepMs, generationMs, measures } = JSON.parse(line);
    const cpu = cpuOfSteps.get(step);
    const measured = { source, phi, gradNorm: gradNorm ?? Number.NaN, stepMs, generationMs, measures };
    steps.set(step, { ...measured, ...(cpu !== undefined && { cpuMs: cpu }) });
  }
  return [...steps.values()];
}

function readLog(log: string): string {
  try {
    return readFileSync(log, 'utf8');
  } catch (cause) {
    throw new CheckpointError(`${log} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Of the best validation. */
function validationsIn({ best }: Readonly<Record<string, unknown>>): Measures {
  const { loss, rougeL } = Object(best) as { readonly loss?: number; readonly rougeL?: number };
  return {
    ...(loss !== undefined && Number.isFinite(loss) && { validationLoss: loss }),
    ...(rougeL !== undefined && Number.isFinite(rougeL) && { validationRougeL: rougeL }),
  };
}
