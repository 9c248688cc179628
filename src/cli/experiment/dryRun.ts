/**
 * `--dry-run`: the runs of an experiment, which of them are there, and what the others would take: each kind of training is
 * measured as it is by `train --dry-run`. Nothing is written where results go.
 */
import { counted, duration } from '../format.js';
import type { Interrupt } from '../interrupts.js';
import { type Job, jobsOf, keyOf, wordsOf } from './plan.js';
import { type Context, type Grid, isDone, leftOf } from './runAll.js';
import { call, madeBy, placeIn, Stopped } from './runJob.js';
import { openStandIns, type StandIns } from './standIns.js';

/** @returns what told it to stop, if anything did */
export async function listRuns(grid: Grid, title: string, context: Context): Promise<Interrupt | undefined> {
  const { runs, done, known, line } = grid;
  line.print(title);
  const prepared = [...jobsOf(runs).values()].filter(({ kind }) => kind === 'prepared');
  for (const name of new Set(prepared.map((job) => job.likeness))) {
    const alike = prepared.filter((job) => job.likeness === name);
    const there = alike.filter((job) => done.has(keyOf(job))).length;
    const state = there === alike.length ? ', is there' : there > 0 ? `, ${there} of them there` : '';
    line.print(
      `  prepared: ${name} (${alike[0]?.command})${alike.length > 1 ? `, ${alike.length} times` : ''}${state}`,
    );
  }
  for (const run of runs) {
    const kinds = leftOf([run], done).map(({ kind }) => kind);
    const isTrained = run.train && !kinds.includes('runs') && kinds.includes('scores');
    line.print(`  ${run.name}${kinds.length === 0 ? ', is there' : isTrained ? ', is trained' : ''}`);
  }
  const stoppedBy = await measure(grid, context);
  if (stoppedBy !== undefined) {
    line.done();
    return stoppedBy;
  }
  const left = leftOf(runs, done);
  const { seconds, unknown } = known.of(left);
  const toRun = runs.filter((run) => !isDone(run, done)).length;
  const estimated = left.filter((job) => !unknown.includes(job));
  const estimate = estimated.length > 0 ? `: about ${duration(1000 * seconds)} for ${workOf(estimated)}` : '';
  line.print(
    `${counted(runs.length, 'run')}, ${toRun} to make${estimate}${withoutWhat(unknown)}. Nothing was written.`,
  );
  line.done();
  const listed = runs.map((run) => ({ labels: run.labels, digest: run.last.digest, done: isDone(run, done) }));
  const estimates = { seconds, notEstimated: unknown.length };
  context.terminal.stdout.write(`${JSON.stringify({ dryRun: true, runs: listed, left: toRun, ...estimates })}\n`);
  return undefined;
}

function withoutWhat(unknown: readonly Job[]): string {
  if (unknown.length === 0) return '';
  if (unknown.every(({ kind }) => kind === 'scores'))
    return '; what scoring takes cannot be told before one of them is scored';
  return `; what ${counted(unknown.length, 'command')} for ${workOf(unknown)} will take could not be measured`;
}

const works = [
  ['prepared', 'preparing'],
  ['runs', 'training'],
  ['scores', 'scoring'],
] as const;

/** "preparing and training". */
const workOf = (jobs: readonly Job[]): string =>
  works
    .filter(([kind]) => jobs.some((job) => job.kind === kind))
    .map(([, work]) => work)
    .join(' and ');

/** Adds what commands would take to what is known of them. @returns what told it to stop */
async function measure({ runs, done, known, line }: Grid, context: Context): Promise<Interrupt | undefined> {
  const jobs = oneOfAlike(known.of(leftOf(runs, done)).unknown).filter(({ kind }) => kind !== 'scores');
  if (jobs.length === 0) return undefined;
  line.print(`Measuring ${counted(jobs.length, 'kind')} of preparing and training, for some seconds each ...`);
  const stop = new AbortController();
  let stoppedBy: Interrupt | undefined;
  const release = context.terminal.onInterrupt(
    (signal) => {
      stoppedBy = signal;
      stop.abort();
    },
    ['SIGINT', 'SIGTERM', 'SIGHUP'],
  );
  const measuring = { ...context, signal: stop.signal };
  const standIns = openStandIns(measuring, (job) => done.has(keyOf(job)));
  try {
    for (const job of jobs) {
      if (stop.signal.aborted) break;
      const what = `measuring ${job.likeness} (${job.command})`;
      if (line.isLive) line.update(what);
      const seconds = await line.during(
        () => what,
        () => secondsOf(job, standIns, measuring),
      );
      if (seconds !== undefined) known.add(job, seconds);
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  } finally {
    release();
    standIns.dispose();
  }
  return stoppedBy;
}

/** One of those that differ by their seeds alone. */
const oneOfAlike = (jobs: readonly Job[]): Job[] => [
  ...new Map(jobs.map((job) => [`${job.kind}/${job.likeness}`, job])).values(),
];

/** Of training what it says itself, of other commands what they took; undefined where that is not known. */
async function secondsOf(
  job: Job,
  standIns: StandIns,
  context: Context & { readonly signal: AbortSignal },
): Promise<number | undefined> {
  if (job.command !== 'train') return (await standIns.make(job))?.seconds;
  if (!(await standIns.makeNeeds(job))) return undefined;
  const out = `${madeBy(standIns.shelf, job)}-dry-run`;
  const words = [...wordsOf(job, placeIn(standIns.shelf)), '--out', out, '--dry-run'];
  const { code, out: printed } = await call(words, { ...context, job, onEvent() {} });
  if (context.signal.aborted) throw new Stopped();
  const ms: number | undefined = code === 0 ? JSON.parse(printed).time?.total : undefined;
  return ms === undefined ? undefined : ms / 1000;
}
