/** ROUGE-N: runs of words that a prediction and a reference have in common. */
import { countNGrams } from './nGrams.js';
import { metricOptions, wholeNumber } from './options.js';
import { bestOf, fMeasure, type RougeOptions, rougeOptions, rougeWords } from './rougeWords.js';

/** How long runs are, and how their words are compared. */
export interface RougeNOptions extends RougeOptions {
  /** Words of a run. Default 1, which is ROUGE-1. */
  readonly n?: number;
}

/**
 * ROUGE-N F-measure, 0 to 100: runs of n words in common, each as often as both have it (Lin, 2004); the maximum over
 * the references. 100 times Google's rouge_score (`rouge1`, `rouge2`, ..., `use_stemmer`), which knows a to z and
 * digits only.
 * @example
 * rougeN('the cats sat down', ['the cat sat'], { n: 2 }); // 80: 2 of 3 runs against 2 of 2
 * @throws OptionError without a reference, and for unknown and wrong options
 */
export function rougeN(prediction: string, references: readonly string[], options: RougeNOptions = {}): number {
  const { n, ...checked } = metricOptions('rougeN', { n: wholeNumber(1, 1), ...rougeOptions }, options);
  return bestOf('rougeN', prediction, references, (reference) => {
    const [predicted, expected] = [rougeWords(prediction, checked), rougeWords(reference, checked)];
    const allowed = countNGrams(expected, n);
    let common = 0;
    for (const [gram, count] of countNGrams(predicted, n)) common += Math.min(count, allowed.get(gram) ?? 0);
    return fMeasure(common, runs(predicted, n), runs(expected, n));
  });
}

const runs = (words: readonly string[], n: number): number => Math.max(0, words.length - n + 1);
