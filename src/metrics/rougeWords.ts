/**
 * Words as Google's rouge_score has them: runs of a to z and digits in lower case, those longer than three letters by
 * their stems.
 */
import { requireOption } from '../requireOption.js';
import { checkTexts } from './checkTexts.js';
import { type MetricValues, metricOptions, switched } from './options.js';
import { porterStem } from './porterStemmer.js';

/** How words are compared. */
export interface RougeOptions {
  /** Compares the stems of words longer than three letters. Default true, as the papers report it. */
  readonly stemming?: boolean;
}

export const rougeOptions = { stemming: switched(true) };

/**
 * Whether a text has a word that ROUGE knows: one of a to z and digits. Answers to a reference without one score 0,
 * whatever they are.
 * @throws OptionError for what is no text
 */
export function hasRougeWords(text: string): boolean {
  requireOption('hasRougeWords', 'text', text, typeof text === 'string', 'a string');
  return /[a-z0-9]/.test(text.toLowerCase());
}

export function rougeWords(text: string, { stemming }: MetricValues<typeof rougeOptions>): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return stemming ? words.map((word) => (word.length > 3 ? porterStem(word) : word)) : words;
}

/**
 * The F-measure of precision `common / predicted` and recall `common / expected`, 0 to 100: what all forms of ROUGE end
 * with.
 */
export const fMeasure = (common: number, predicted: number, expected: number): number =>
  common === 0 ? 0 : (200 * common) / (predicted + expected);

/**
 * The best score of a prediction over its references, as rouge_score's `score_multi` takes it.
 * @throws OptionError without a reference, and for what is no text
 */
export function bestOf(
  where: string,
  prediction: string,
  references: readonly string[],
  score: (reference: string) => number,
): number {
  checkTexts(where, prediction, references);
  return references.reduce((best, reference) => Math.max(best, score(reference)), 0);
}

export const checkRouge = (where: string, options: RougeOptions) => metricOptions(where, rougeOptions, options);
