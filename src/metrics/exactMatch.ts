import { checkTexts } from './checkTexts.js';
import { strip } from './pythonText.js';

/**
 * 1 where the prediction is one of the references, white space at both ends aside (as Python's `str.strip` has it),
 * else 0.
 * @throws OptionError for what is no text, and without a reference
 */
export function exactMatch(prediction: string, references: readonly string[]): number {
  checkTexts('exactMatch', prediction, references);
  const answer = strip(prediction);
  return references.some((reference) => strip(reference) === answer) ? 1 : 0;
}
