/** Runs what an experiment has no results of, one command after the other, and tells how far it is and what failed. */
import { wordsOf } from '../../experiments/measures.js';
import type { Failure } from '../../experiments/report.js';
import { counted, duration } from '../format.js';
import type { Interrupt } from '../interrupts.js';
import type { ProgressLine } from '../progress.js';
import { type Job, jobsOf, keyOf, type PlannedRun } from './plan.js';
import { type JobContext, JobFailure, type JobResult, runJob, Stopped } from './runJob.js';
import type { Times } from './timeLeft.js';

/** The runs of an experiment, and how far they are. */
export interface Grid {
  readonly runs: readonly PlannedRun[];
  /** Results by the keys of their commands: those that are there, and those that come. */
  readonly done: Map<string, JobResult>;
  readonly known: Times;
  readonly line: ProgressLine;
}

export type Context = Omit<JobContext, 'signal' | 'onEvent'>;

/** Whether the results of a run are there: of training and of scoring. */
export const isDone = ({ last, train }: PlannedRun, done: Grid['done']): boolean =>
  done.has(keyOf(last)) && (!train || done.has(keyOf(train)));

/** What is left of runs, each command after those that it needs. */
export const leftOf = (runs: readonly PlannedRun[], done: Grid['done']): Job[] =>
  [...jobsOf(runs.filter((run) => !isDone(run, done)))].flatMap(([key, job]) => (done.has(key) ? [] : [job]));

/** Results of a run: of training and of scoring. */
export const measuresOf = ({ last, train }: PlannedRun, done: Grid['done']) => ({
  ...(train && done.get(keyOf(train))?.measures),
  ...done.get(keyOf(last))?.measures,
});

/** What a run needs could not be made. */
class NeedFailure extends JobFailure {
  constructor({ name }: Job) {
    super(`needs ${name}, which failed`);
  }
}

interface Ended {
  readonly failures: readonly Failure[];
  /** What told it to stop. */
  readonly interrupt: Interrupt | undefined;
}

/** @param measure what is told of each run */
export async function runAll(grid: Grid, measure: string, context: Context): Promise<Ended> {
  const { runs, done, line } = grid;
  const stop = new AbortController();
  let interrupt: Interrupt | undefined;
  const release = context.terminal.onInterrupt(
    (signal) => {
      interrupt = signal;
      line.print('Stopping, with what is done kept. Ctrl-C again ends at once.');
      stop.abort();
    },
    ['SIGINT', 'SIGTERM', 'SIGHUP'],
  );
  const failed = new Map<string, string>();
  const failures: Failure[] = [];
  const fail = (name: string, message: string) => void failures.push({ name, message });
  const there = runs.filter((run) => isDone(run, done)).length;
  if (there > 0) line.print(`${there} of ${counted(runs.length, 'run')} have their results already.`);
  // In a file or a pipe a line at the beginning, and one in ten seconds, are enough.
  const { isLive } = line;
  let number = there;
  try {
    for (const run of runs) {
      if (stop.signal.aborted) break;
      if (isDone(run, done)) continue;
      number++;
      const place = `${number}/${runs.length}`;
      try {
        const seconds = await runOne(run, place);
        const { title, digits } = wordsOf(measure);
        const value = measuresOf(run, done)[measure];
        const score = value === undefined ? '' : `${title} ${value.toFixed(digits)}, `;
        line.print(`[${place}] ${run.name}: ${score}${duration(1000 * seconds)}${remaining()}`);
      } catch (error) {
        if (error instanceof Stopped) break;
        const { message } = error as Error;
        const alike = error instanceof NeedFailure ? undefined : failures.find((each) => each.message === message);
        fail(run.name, message);
        line.print(`[${place}] ${run.name} failed${alike ? `, as ${alike.name} did` : `: ${message}`}`);
      }
    }
    return { failures, interrupt };
  } finally {
    release();
  }

  /** @returns seconds that its own commands took; what it shares with other runs is told apart */
  async function runOne(run: PlannedRun, place: string): Promise<number> {
    let seconds = 0;
    for (const job of leftOf([run], done)) {
      if (stop.signal.aborted) throw new Stopped();
      const key = keyOf(job);
      const isShared = job.kind === 'prepared';
      const before = failed.get(key);
      if (before !== undefined) throw isShared ? new NeedFailure(job) : new JobFailure(before);
      const what = isShared ? `${run.name}: ${job.name}` : run.name;
      let now = `${place} ${what}: ${job.command}${remaining()}`;
      if (isLive) line.update(now);
      else line.print(now);
      const work = () =>
        runJob(job, {
          ...{ ...context, signal: stop.signal },
          onEvent(_, event) {
            if (event.type !== 'step') return;
            const { step, totalSteps, loss } = event;
            now = `${place} ${what}: step ${step}/${totalSteps}, loss ${loss.toFixed(3)}${remaining()}`;
            if (isLive) line.update(now);
          },
        });
      const result = await line
        .during(() => now, work)
        .catch((error: Error) => {
          if (error instanceof Stopped) throw error;
          failed.set(key, error.message);
          if (!isShared) throw error;
          fail(job.name, error.message);
          line.print(`${job.name} failed: ${error.message}`);
          throw new NeedFailure(job);
        });
      done.set(key, result);
      grid.known.add(job, result.seconds);
      if (isShared) line.print(`${job.name} is prepared, in ${duration(1000 * result.seconds)}.`);
      else seconds += result.seconds;
    }
    return seconds;
  }

  function remaining(): string {
    const jobs = leftOf(runs, done).filter((job) => !failed.has(keyOf(job)));
    const { seconds, unknown } = grid.known.of(jobs);
    return jobs.length === 0 || unknown.length > 0 ? '' : `; about ${duration(1000 * seconds)} left`;
  }
}
