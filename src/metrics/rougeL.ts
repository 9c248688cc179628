/** ROUGE-L, the score that the paper reports. */
import { refusedOption, requireFields, requireOption, unknownOptions } from '../requireOption.js';
import { checkLists, checkTexts } from './checkTexts.js';
import { porterStem } from './porterStemmer.js';

/** How words are compared. */
export interface RougeOptions {
  /** Compares the stems of words longer than three letters. Default true, as the papers report it. */
  readonly stemming?: boolean;
}

/**
 * ROUGE-L F-measure, 0 to 100 as the papers' tables have it: twice the longest common subsequence of words over the sum
 * of both lengths (Lin, 2004); the maximum over the references. 100 times Google's rouge_score (`rougeL`, `use_stemmer`),
 * which knows a to z and digits only: text in other scripts scores 0.
 * @example
 * rougeL('The cats sat.', ['a cat was sitting', 'the cat sat']); // 100
 * @throws OptionError without a reference, and for unknown and wrong options
 */
export function rougeL(prediction: string, references: readonly string[], options: RougeOptions = {}): number {
  checkTexts('rougeL', prediction, references);
  const stemming = stemmingOf('rougeL', options);
  const words = rougeWords(prediction, stemming);
  return references.reduce((best, reference) => Math.max(best, fMeasure(words, rougeWords(reference, stemming))), 0);
}

/**
 * Mean ROUGE-L of predictions with the references of each, 0 to 100.
 * @throws OptionError for empty or unequal lists.
 */
export function meanRougeL(
  predictions: readonly string[],
  references: readonly (readonly string[])[],
  options: RougeOptions = {},
): number {
  checkLists('meanRougeL', predictions, references);
  stemmingOf('meanRougeL', options);
  const total = predictions.reduce(
    (sum, text, i) => sum + rougeL(text, references[i] as readonly string[], options),
    0,
  );
  return total / predictions.length;
}

/**
 * Whether a text has a word that ROUGE-L knows: one of a to z and digits. Answers to a reference without one score 0,
 * whatever they are.
 * @throws OptionError for what is no text
 */
export function hasRougeWords(text: string): boolean {
  requireOption('hasRougeWords', 'text', text, typeof text === 'string', 'a string');
  return /[a-z0-9]/.test(text.toLowerCase());
}

/** Checked by hand: a page that scores answers need not load the library of the schemas. */
function stemmingOf(where: string, options: unknown): boolean {
  requireFields(where, options);
  const { stemming = true, ...others } = options;
  const unknown = Object.keys(others);
  if (unknown.length > 0) throw unknownOptions(where, unknown, ['stemming']);
  if (typeof stemming !== 'boolean') throw refusedOption(where, 'stemming', stemming, 'true or false');
  return stemming;
}

function rougeWords(text: string, stemming: boolean): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return stemming ? words.map((word) => (word.length > 3 ? porterStem(word) : word)) : words;
}

/** 0 to 100. */
function fMeasure(prediction: readonly string[], reference: readonly string[]): number {
  const common = commonLength(prediction, reference);
  return common === 0 ? 0 : (200 * common) / (prediction.length + reference.length);
}

/** Length of the longest common subsequence: one row of the table is kept, words are compared as numbers. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  const numbers = new Map<string, number>();
  const columns = Int32Array.from(b, (word) => {
    const number = numbers.get(word) ?? numbers.size;
    numbers.set(word, number);
    return number;
  });
  const row = new Int32Array(columns.length + 1);
  for (const word of a) {
    const number = numbers.get(word);
    // A word that b lacks leaves the row as it is.
    if (number === undefined) continue;
    let diagonal = 0;
    for (let j = 0; j < columns.length; j++) {
      const above = row[j + 1] as number;
      row[j + 1] = columns[j] === number ? diagonal + 1 : Math.max(above, row[j] as number);
      diagonal = above;
    }
  }
  return row[columns.length] as number;
}
