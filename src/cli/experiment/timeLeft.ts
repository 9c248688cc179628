/** How long what is left of an experiment takes: by what the same command took with another seed, else what its kind took. */
import type { Job } from './plan.js';

/** Seconds that commands took, as they become known. */
export interface Times {
  add(job: Job, seconds: number): void;
  /** Seconds of these commands, and how many there is nothing to go by for. */
  of(jobs: readonly Job[]): { readonly seconds: number; readonly unknown: readonly Job[] };
}

export function times(): Times {
  const known = new Map<string, number[]>();
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const keysOf = ({ kind, command, likeness }: Job) => [`${kind}/${command}/${likeness}`, `${kind}/${command}`];
  return {
    add(job, seconds) {
      for (const key of keysOf(job)) known.set(key, [...(known.get(key) ?? []), seconds]);
    },
    of(jobs) {
      const unknown: Job[] = [];
      let seconds = 0;
      for (const job of jobs) {
        const key = keysOf(job).find((each) => known.has(each));
        if (key === undefined || (job.kind === 'prepared' && key !== keysOf(job)[0])) unknown.push(job);
        else seconds += mean(known.get(key) as number[]);
      }
      return { seconds, unknown };
    },
  };
}
