/**
 * The bootstrap (Efron, 1979): how far a score would move had other records of the same kind been asked. Records are
 * drawn again and again, with replacement, and the middle share of the scores is the interval.
 */
import { OptionError } from '../errors.js';
import { uniformGenerator } from '../random.js';
import { requireOption } from '../requireOption.js';
import { type MetricOption, metricOptions, wholeNumber } from './options.js';

/** How an interval is drawn. */
export interface BootstrapOptions {
  /** How often as many records are drawn as there are. Default 1,000. */
  readonly resamples?: number;
  /** Share of the scores that the interval holds, above 0 and below 1. Default 0.95. */
  readonly confidence?: number;
  /** Decides what is drawn: the same seed gives the same interval on every machine. Default 0. */
  readonly seed?: number;
}

/** From its lower to its upper end. */
export type Interval = readonly [low: number, high: number];

const confidence: MetricOption<number> = {
  fallback: 0.95,
  expected: 'a number above 0 and below 1',
  takes: (value) => typeof value === 'number' && value > 0 && value < 1,
};

export const checkBootstrap = (where: string, options: BootstrapOptions) =>
  metricOptions(where, { resamples: wholeNumber(1000, 1), confidence, seed: wholeNumber(0, 0) }, options);

/**
 * The percentile interval of a mean.
 * @param values one a record, finite
 * @example
 * bootstrapInterval(answers.map((answer, i) => rougeL(answer, references[i])));
 * @throws OptionError without a value, and for unknown and wrong options
 */
export function bootstrapInterval(values: readonly number[], options: BootstrapOptions = {}): Interval {
  const ok = Array.isArray(values) && values.every((value) => Number.isFinite(value));
  requireOption('bootstrapInterval', 'values', values, ok, 'a list of finite numbers');
  if (values.length === 0) {
    throw new OptionError('bootstrapInterval: values is empty, expected one a record.', {
      option: 'values',
      found: 0,
      expected: 1,
    });
  }
  const mean = (records: Int32Array) => records.reduce((sum, i) => sum + (values[i] as number), 0) / records.length;
  return resampled(values.length, (records) => [mean(records)], checkBootstrap('bootstrapInterval', options))[0]!;
}

/** The intervals of several scores, from the same draws, as `drawnScores`. */
export const resampled = (
  records: number,
  scores: (drawn: Int32Array) => readonly number[],
  options: Required<BootstrapOptions>,
): Interval[] => drawnScores(records, scores, options).map((each) => intervalOf(each, options.confidence));

/**
 * Several scores, each of all draws.
 * @param records how many there are
 * @param scores of those that were drawn, by their indices
 */
export function drawnScores(
  records: number,
  scores: (drawn: Int32Array) => readonly number[],
  { resamples, seed }: Pick<Required<BootstrapOptions>, 'resamples' | 'seed'>,
): number[][] {
  const uniform = uniformGenerator(seed);
  const drawn = new Int32Array(records);
  const found: number[][] = [];
  for (let i = 0; i < resamples; i++) {
    for (let j = 0; j < records; j++) drawn[j] = Math.floor(records * uniform());
    for (const [k, score] of scores(drawn).entries()) {
      found[k] ??= [];
      found[k].push(score);
    }
  }
  return found;
}

/** The middle share of the scores. */
export function intervalOf(scores: readonly number[], confidence: number): Interval {
  const sorted = Float64Array.from(scores).sort();
  return [quantile(sorted, (1 - confidence) / 2), quantile(sorted, (1 + confidence) / 2)];
}

/**
 * How likely a value at least as far from 0 would be, on either side, were the true one 0. The resamples, moved so that their
 * mean is 0, show how far chance goes. What was found counts as one more of them (Davison and Hinkley, 1997), so that no value is 0.
 * @param found of all records
 * @param draws of each resample, with its sign
 */
export function pValueOf(found: number, draws: readonly number[]): number {
  const mean = draws.reduce((sum, each) => sum + each, 0) / draws.length;
  const asFar = draws.filter((each) => Math.abs(each - mean) >= Math.abs(found)).length;
  return (asFar + 1) / (draws.length + 1);
}

/** Between two of the values it is interpolated, as NumPy does. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
  return below + (above - below) * (place - Math.floor(place));
}
