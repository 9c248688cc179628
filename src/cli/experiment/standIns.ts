/**
 * What a dry run measures trainings with where their models are not prepared yet: what the same commands make with one step of
 * training, in a folder that goes afterwards. A step takes as long whatever a model knows.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OptionSpec } from '../options.js';
import type { Job } from './plan.js';
import type { Context } from './runAll.js';
import { type JobContext, JobFailure, type JobResult, openShelf, runJob, type Shelf } from './runJob.js';

export interface StandIns {
  /** What is prepared, and what stands in for the rest. */
  readonly shelf: Shelf;
  /** Makes what stands in for a command's result. @returns undefined where that takes too long, or fails @throws Stopped */
  make(job: Job): Promise<JobResult | undefined>;
  /** The same of all that a command needs. @returns whether all is there */
  makeNeeds(job: Job): Promise<boolean>;
  dispose(): void;
}

/** Options that decide how long a training takes, or that a training of one step does not take. */
const ofLength: ReadonlySet<string> = new Set([
  ...['steps', 'epochs', 'warmupSteps', 'rougeSamples', 'validateEvery', 'saveEvery'],
]);
/** Commands that take hours with a teacher of any size. */
const tooLong: ReadonlySet<string> = new Set(['cache-teacher']);

/** @param isThere whether a command has its result on the shelf */
export function openStandIns(
  context: Context & { readonly signal: AbortSignal },
  isThere: (job: Job) => boolean,
): StandIns {
  const folder = mkdtempSync(join(tmpdir(), 'distillm-dry-run-'));
  const trial = openShelf(folder);
  const shelfOf = (job: Job) => (isThere(job) ? context.shelf : trial);
  const shelf: Shelf = {
    folderOf: (job) => shelfOf(job).folderOf(job),
    resultOf: (job, damaged) => shelfOf(job).resultOf(job, damaged),
  };
  const jobContext: JobContext = { ...context, shelf, onEvent() {} };
  const failed = new Set<string>();

  const shortened = (job: Job): Job => {
    if (job.command !== 'train') return job;
    const one = Object.entries({ steps: 1, rougeSamples: 0 }).map(([option, value]) => ({
      option,
      spec: context.specOf(job.command, option) as OptionSpec<unknown>,
      value,
    }));
    return { ...job, options: [...job.options.filter(({ option }) => !ofLength.has(option)), ...one] };
  };
  const standIns: StandIns = {
    shelf,
    async make(job) {
      const found = shelf.resultOf(job);
      if (found) return found;
      if (failed.has(job.digest) || tooLong.has(job.command) || !(await standIns.makeNeeds(job))) return undefined;
      try {
        return await runJob(shortened(job), jobContext);
      } catch (error) {
        if (!(error instanceof JobFailure)) throw error;
        failed.add(job.digest);
        return undefined;
      }
    },
    async makeNeeds(job) {
      for (const need of job.needs) if (!(await standIns.make(need))) return false;
      return true;
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
  return standIns;
}
