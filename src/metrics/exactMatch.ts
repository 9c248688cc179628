import { checkTexts } from './checkTexts.js';
import { strip } from './pythonText.js';

/**
 * Whether the prediction is one of the references, white space at both ends aside (as Python's `str.strip` has it).
 * @throws OptionError for what is no text, and without a reference
 */
export function exactMatch(prediction: string, references: readonly string[]): boolean {
  checkTexts('exactMatch', prediction, references);
  const answer = strip(prediction);
  return references.some((reference) => strip(reference) === answer);
}
