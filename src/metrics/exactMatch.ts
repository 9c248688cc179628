import { checkTexts } from './checkTexts.js';

/**
 * 1 where the prediction is one of the references, white space at both ends aside, else 0.
 * @throws OptionError for what is no text
 */
export function exactMatch(prediction: string, references: readonly string[]): number {
  checkTexts('exactMatch', prediction, references, 0);
  return references.some((reference) => reference.trim() === prediction.trim()) ? 1 : 0;
}
