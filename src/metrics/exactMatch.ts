/** Whether an answer is one that is expected. */
import { checkTexts } from './checkTexts.js';
import { type AnswerNormalization, normalizations } from './normalizeAnswer.js';
import { metricOptions, oneOf } from './options.js';
import { strip } from './pythonText.js';

/** How answers are compared. */
export interface ExactMatchOptions {
  /**
   * What is left out first. 'none' (default): nothing but white space at both ends. 'naturalInstructions': case, ASCII's
   * punctuation, and more than one space, as the evaluation of Super-NaturalInstructions has it, which the paper's code takes.
   * 'squad': the same and the words a, an and the, as the evaluation of SQuAD 1.1 has it.
   */
  readonly normalization?: AnswerNormalization;
}

const exactMatchOptions = {
  normalization: oneOf(Object.keys(normalizations) as AnswerNormalization[], 'none'),
};

/**
 * Whether the prediction is one of the references, white space at both ends aside (as Python's `str.strip` has it).
 * @example
 * exactMatch('The Eiffel Tower!', ['eiffel tower'], { normalization: 'squad' }); // true
 * @throws OptionError for what is no text, without a reference, and for unknown and wrong options
 */
export function exactMatch(
  prediction: string,
  references: readonly string[],
  options: ExactMatchOptions = {},
): boolean {
  checkTexts('exactMatch', prediction, references);
  const { normalization } = metricOptions('exactMatch', exactMatchOptions, options);
  const normalized = normalizations[normalization];
  const answer = strip(normalized(prediction));
  return references.some((reference) => strip(normalized(reference)) === answer);
}
