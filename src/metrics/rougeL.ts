/** ROUGE-L, the score that the paper reports. */
import { checkLists } from './checkTexts.js';
import { bestOf, checkRouge, fMeasure, type RougeOptions, rougeWords } from './rougeWords.js';

/**
 * ROUGE-L F-measure, 0 to 100 as the papers' tables have it: twice the longest common subsequence of words over the sum
 * of both lengths (Lin, 2004); the maximum over the references. 100 times Google's rouge_score (`rougeL`, `use_stemmer`),
 * which knows a to z and digits only: text in other scripts scores 0.
 * @example
 * rougeL('The cats sat.', ['a cat was sitting', 'the cat sat']); // 100
 * @throws OptionError without a reference, and for unknown and wrong options
 */
export function rougeL(prediction: string, references: readonly string[], options: RougeOptions = {}): number {
  const checked = checkRouge('rougeL', options);
  return bestOf('rougeL', prediction, references, (reference) => {
    const [predicted, expected] = [rougeWords(prediction, checked), rougeWords(reference, checked)];
    return fMeasure(commonLength(predicted, expected), predicted.length, expected.length);
  });
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
  checkRouge('meanRougeL', options);
  const total = predictions.reduce(
    (sum, text, i) => sum + rougeL(text, references[i] as readonly string[], options),
    0,
  );
  return total / predictions.length;
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
