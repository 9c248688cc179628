/** BLEU, the score of translations. */
import { refusedOption } from '../requireOption.js';
import { type BleuTokenOptions, bleuTokenOptions, bleuTokens } from './bleuTokens.js';
import { checkLists } from './checkTexts.js';
import { countNGrams } from './nGrams.js';
import { type MetricValues, metricOptions, oneOf, switched } from './options.js';

/** Runs of 1 to so many tokens are compared. */
export const MAX_ORDER = 4;

/** How BLEU is computed. */
export interface BleuOptions extends BleuTokenOptions {
  /**
   * What an order without a match counts: 'exp' (default), half of what the last such order counted, from half a match on;
   * 'floor', `smoothingValue` of a match; 'add-k', where `smoothingValue` is added to matches and runs of all orders above the
   * first; 'none', nothing, so that the score is 0 (Chen and Cherry, 2014).
   */
  readonly smoothing?: BleuSmoothing;
  /** Default: 0.1 of 'floor', 1 of 'add-k'. The other kinds take none. */
  readonly smoothingValue?: number;
  /** Only orders count of which the predictions have a run: for single sentences. Default false. */
  readonly effectiveOrder?: boolean;
}

/** Names of the kinds of smoothing. */
export type BleuSmoothing = 'exp' | 'floor' | 'add-k' | 'none';

/** BLEU and what it is made of. */
export interface BleuScore {
  /** 0 to 100. */
  readonly score: number;
  /** Of 1- to 4-grams, 0 to 100; those without a match are smoothed. */
  readonly precisions: readonly number[];
  /** 0 to 1: below 1 where the predictions are shorter than the references. */
  readonly brevityPenalty: number;
  /** Tokens of the predictions. */
  readonly length: number;
  /** Tokens of the references, of several those of the one closest in length. */
  readonly referenceLength: number;
}

const bleuOptions = {
  ...bleuTokenOptions,
  smoothing: oneOf(['exp', 'floor', 'add-k', 'none'], 'exp'),
  smoothingValue: {
    fallback: undefined as number | undefined,
    expected: 'a number above 0',
    takes: (value: unknown) => Number.isFinite(value) && (value as number) > 0,
  },
  effectiveOrder: switched(false),
};
const usualValues: Readonly<Partial<Record<BleuSmoothing, number>>> = { floor: 0.1, 'add-k': 1 };

/** Options with their defaults. */
export type BleuSettings = MetricValues<typeof bleuOptions>;

/** @throws OptionError for unknown and wrong options, and for a value that the smoothing does not take */
export function checkBleu(where: string, options: BleuOptions): BleuSettings {
  const checked = metricOptions(where, bleuOptions, options);
  const { smoothing, smoothingValue = usualValues[smoothing] } = checked;
  if (smoothingValue !== undefined && usualValues[smoothing] === undefined) {
    const expected = `none, for smoothing '${smoothing}' has no value`;
    throw refusedOption(where, 'smoothingValue', smoothingValue, expected, "Leave it out, or take 'floor' or 'add-k'.");
  }
  return { ...checked, smoothingValue };
}

/**
 * Corpus BLEU (Papineni et al., 2002) as sacreBLEU computes it (Post, 2018), by default with the 13a tokenizer, case kept, 1- to
 * 4-grams, and exponential smoothing. For one sentence give it alone, with `effectiveOrder`.
 * @param references the references of each prediction, at least one
 * @example
 * bleu(['The cat sat.'], [['The cat sat down.']], { effectiveOrder: true }).score;
 * @throws OptionError for empty or unequal lists, and for unknown and wrong options
 */
export function bleu(
  predictions: readonly string[],
  references: readonly (readonly string[])[],
  options: BleuOptions = {},
): BleuScore {
  checkLists('bleu', predictions, references);
  const settings = checkBleu('bleu', options);
  return bleuOf(
    predictions.map((prediction, i) => bleuCounts(prediction, references[i] as readonly string[], settings)),
    settings,
  );
}

/** What a prediction adds to the score of all, [2 x 4 + 2]: matches and runs of each order, and both lengths. */
export type BleuCounts = Float64Array;
const [lengthAt, referenceLengthAt] = [2 * MAX_ORDER, 2 * MAX_ORDER + 1];
export const BLEU_COUNTS = 2 * MAX_ORDER + 2;

export function bleuCounts(prediction: string, references: readonly string[], settings: BleuSettings): BleuCounts {
  const words = bleuTokens(prediction, settings);
  const others = references.map((reference) => bleuTokens(reference, settings));
  return countsBeside(
    words,
    (order) => maximumCounts(others, order),
    closestLength(
      words.length,
      others.map(({ length }) => length),
    ),
  );
}

/**
 * The counts of a prediction's tokens.
 * @param allowed how often each run of an order counts
 */
export function countsBeside(
  words: readonly string[],
  allowed: (order: number) => { get(gram: string): number | undefined },
  referenceLength: number,
): BleuCounts {
  const counts = new Float64Array(BLEU_COUNTS);
  for (let order = 1; order <= MAX_ORDER; order++) {
    const most = allowed(order);
    let matches = 0;
    for (const [gram, count] of countNGrams(words, order)) matches += Math.min(count, most.get(gram) ?? 0);
    counts[order - 1] = matches;
    counts[MAX_ORDER + order - 1] = Math.max(0, words.length - order + 1);
  }
  counts[lengthAt] = words.length;
  counts[referenceLengthAt] = referenceLength;
  return counts;
}

/** The score of predictions from what each of them adds. */
export function bleuOf(predictions: readonly BleuCounts[], settings: BleuSettings): BleuScore {
  const sum = new Float64Array(BLEU_COUNTS);
  for (const counts of predictions) for (let i = 0; i < BLEU_COUNTS; i++) sum[i]! += counts[i] as number;
  return bleuOfSum(sum, settings);
}

export function bleuOfSum(sum: BleuCounts, settings: BleuSettings): BleuScore {
  const [matches, totals] = [sum.subarray(0, MAX_ORDER), sum.subarray(MAX_ORDER, 2 * MAX_ORDER)];
  const [length, referenceLength] = [sum[lengthAt] as number, sum[referenceLengthAt] as number];
  const brevityPenalty = length >= referenceLength ? 1 : length === 0 ? 0 : Math.exp(1 - referenceLength / length);
  const facts = { brevityPenalty, length, referenceLength };
  if (!matches.some((count) => count > 0)) return { score: 0, precisions: [0, 0, 0, 0], ...facts };
  const precisions = smoothedPrecisions(matches, totals, settings);
  const counted = settings.effectiveOrder ? precisions.filter((_, i) => hasRuns(i, totals, settings)) : precisions;
  const mean = counted.reduce((log, precision) => log + Math.log(precision), 0) / counted.length;
  return { score: brevityPenalty * Math.exp(mean), precisions, ...facts };
}

/** Runs of the order, from 0, with those that smoothing adds. */
const addedTo = (order: number, { smoothing, smoothingValue = 0 }: BleuSettings): number =>
  smoothing === 'add-k' && order > 0 ? smoothingValue : 0;
const hasRuns = (order: number, totals: BleuCounts, settings: BleuSettings): boolean =>
  (totals[order] as number) + addedTo(order, settings) > 0;

function smoothedPrecisions(matches: BleuCounts, totals: BleuCounts, settings: BleuSettings): number[] {
  const { smoothing, smoothingValue = 0 } = settings;
  let divisor = 1;
  return Array.from(totals, (runs, order) => {
    if (!hasRuns(order, totals, settings)) return 0;
    const added = addedTo(order, settings);
    const [count, total] = [(matches[order] as number) + added, runs + added];
    if (count > 0) return (100 * count) / total;
    if (smoothing === 'floor') return (100 * smoothingValue) / total;
    if (smoothing !== 'exp') return 0;
    divisor *= 2;
    return 100 / (divisor * total);
  });
}

/** The length closest to the prediction's; of two as close, the shorter. */
function closestLength(length: number, lengths: readonly number[]): number {
  return lengths.reduce((best, candidate) => {
    const nearer = Math.abs(candidate - length) - Math.abs(best - length);
    return nearer < 0 || (nearer === 0 && candidate < best) ? candidate : best;
  });
}

function maximumCounts(references: readonly (readonly string[])[], order: number): Map<string, number> {
  const most = new Map<string, number>();
  for (const words of references) {
    for (const [gram, count] of countNGrams(words, order)) most.set(gram, Math.max(count, most.get(gram) ?? 0));
  }
  return most;
}
