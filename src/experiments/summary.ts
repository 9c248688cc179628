/** What the runs of an experiment came to: means over seeds with their spread, and which claims hold. */
import { type ClaimSpec, replicateAxis } from './file.js';
import { type Interval, meanInterval } from './interval.js';
import type { Measures } from './measures.js';

/** A run that was made, as far as it is summed up. */
export interface MeasuredRun {
  readonly labels: Readonly<Record<string, string>>;
  readonly measures: Measures;
}

/** Values of a measure over seeds. */
export interface Spread {
  readonly mean: number;
  /** Of the sample, with n - 1; 0 of one value. */
  readonly deviation: number;
  readonly least: number;
  readonly most: number;
  readonly values: readonly number[];
}

/** Runs that differ by their seeds alone. */
export interface Configuration<Run extends MeasuredRun = MeasuredRun> {
  /** Without the seed. */
  readonly labels: Readonly<Record<string, string>>;
  readonly runs: readonly Run[];
}

/** undefined where there is no value. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    mean,
    deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
    least: Math.min(...values),
    most: Math.max(...values),
    values,
  };
}

export const spreadIn = ({ runs }: Configuration, measure: string): Spread | undefined =>
  spreadOf(runs.flatMap(({ measures }) => measures[measure] ?? []));

/** In the order in which they come first. */
export function configurationsOf<Run extends MeasuredRun>(runs: readonly Run[]): Configuration<Run>[] {
  const byPlace = new Map<string, { labels: Record<string, string>; runs: Run[] }>();
  for (const run of runs) {
    const { [replicateAxis]: _, ...labels } = run.labels;
    const key = JSON.stringify(Object.entries(labels));
    const found = byPlace.get(key) ?? { labels, runs: [] };
    found.runs.push(run);
    byPlace.set(key, found);
  }
  return [...byPlace.values()];
}

/**
 * A claim of a range *holds* where the whole 95% interval of the pairs' mean lies in the range, *does not hold* where the whole
 * interval lies outside it, and *cannot be told* where the interval has an end of the range in it, or there is none. There are
 * *no runs yet* where none was made of those that it is about, or of those that these are compared with.
 */
export type Verdict = 'holds' | 'does not hold' | 'cannot be told' | 'no runs yet';

/** How a claim fares on the runs that there are. */
export interface ClaimResult {
  readonly text: string;
  readonly measure: string;
  /** Differences or ratios, a pair of runs each, that are alike but for what is compared. */
  readonly spread: Spread | undefined;
  /** The 95% interval of their mean. */
  readonly interval: Interval | undefined;
  /** Pairs for which the claim holds. */
  readonly holding: number;
  readonly verdict: Verdict;
}

export function judge(
  { text, measure, of, over, as, atLeast, atMost }: ClaimSpec,
  runs: readonly MeasuredRun[],
): ClaimResult {
  const isAt = (run: MeasuredRun, place: ClaimSpec['of']) =>
    Object.entries(place).every(([axis, value]) => run.labels[axis] === String(value));
  /** Where a run stands beside what is compared. A model that is no run has a place on fewer axes. */
  const elsewhere = ({ labels }: MeasuredRun) =>
    Object.entries(labels).filter(([axis]) => !(axis in of) && !(axis in over));
  const pairs = runs
    .filter((run) => isAt(run, of))
    .flatMap((run) => {
      const labels = new Map(elsewhere(run));
      const other = runs.find(
        (each) => isAt(each, over) && elsewhere(each).every(([axis, label]) => labels.get(axis) === label),
      );
      const [one, base] = [run.measures[measure], other?.measures[measure]];
      if (one === undefined || base === undefined) return [];
      return [as === 'ratio' ? one / base : one - base];
    });
  const [least, most] = [atLeast ?? Number.NEGATIVE_INFINITY, atMost ?? Number.POSITIVE_INFINITY];
  const spread = spreadOf(pairs);
  const interval = spread && meanInterval(spread);
  const holding = pairs.filter((value) => value >= least && value <= most).length;
  const areThere = [of, over].every((place) => runs.some((run) => isAt(run, place)));
  const verdict = areThere ? verdictOf(interval, { least, most }) : 'no runs yet';
  return { text, measure, spread, interval, holding, verdict };
}

function verdictOf(interval: Interval | undefined, { least, most }: { least: number; most: number }): Verdict {
  if (!interval) return 'cannot be told';
  const { low, high } = interval;
  if (low >= least && high <= most) return 'holds';
  return high < least || low > most ? 'does not hold' : 'cannot be told';
}
