/** What is scored: a prediction and the references of each. */
import { OptionError } from '../errors.js';
import { requireOption } from '../requireOption.js';

/** @throws OptionError unless these are texts, with at least one reference */
export function checkTexts(where: string, prediction: unknown, references: unknown): void {
  requireOption(where, 'prediction', prediction, typeof prediction === 'string', 'a string');
  checkReferences(where, 'references', references, 'the list of references');
}

/** @throws OptionError unless there is a list of references for each prediction, at least one prediction, one reference each */
export function checkLists(where: string, predictions: unknown, references: unknown): void {
  requireOption(where, 'predictions', predictions, Array.isArray(predictions), 'a list of strings');
  requireOption(where, 'references', references, Array.isArray(references), 'a list of references for each prediction');
  const [texts, lists] = [predictions as unknown[], references as unknown[]];
  if (texts.length === 0 || texts.length !== lists.length) {
    throw new OptionError(
      `${where}: ${texts.length} predictions and ${lists.length} lists of references, expected as many, and at least one.`,
      { found: lists.length, expected: texts.length },
    );
  }
  texts.forEach((text, i) => {
    requireOption(where, `predictions[${i}]`, text, typeof text === 'string', 'a string');
    checkReferences(where, `references[${i}]`, lists[i], `list ${i}`);
  });
}

function checkReferences(where: string, option: string, found: unknown, called: string): void {
  const ok = Array.isArray(found) && found.every((text) => typeof text === 'string');
  requireOption(where, option, found, ok, 'a list of strings');
  if ((found as unknown[]).length > 0) return;
  throw new OptionError(`${where}: ${called} is empty, expected at least one reference.`, {
    option,
    found: 0,
    expected: 1,
  });
}
