/** Whether a tokenizer is a model's: ids of another one are other words to the model, and its answers are garbage. */
import { CompatibilityError } from '../errors.js';
import { checkOption, ranges } from '../settings/index.js';
import { tokenInWords, vocabularyDifference } from '../text/compareTokenizers.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import type { LanguageModel } from './model.js';

/**
 * Refuses a tokenizer that cannot be the model's. A vocabulary padded beyond the tokenizer's is usual (OPT has 50,272
 * rows and 50,265 tokens); one of more than twice the tokens is another tokenizer's.
 * @param own the tokenizer that the model's folder holds: no id may name another token there. Tokens may be added
 * @throws OptionError for what is no tokenizer or no model; CompatibilityError
 */
export function checkTokenizer(tokenizer: Tokenizer, model: Pick<LanguageModel, 'vocabSize'>, own?: Tokenizer): void {
  const where = 'checkTokenizer';
  checkOption(where, 'tokenizer', tokenizer, tokenizerOption);
  checkOption(where, 'own', own, tokenizerOption.optional());
  const vocabSize = checkOption(where, 'model.vocabSize', Object(model).vocabSize, ranges.count);
  const tokens = tokenizer.vocabSize;
  const details = { found: tokens, expected: vocabSize };
  if (tokens > vocabSize || vocabSize > 2 * tokens) {
    throw new CompatibilityError(
      `The tokenizer has ${tokens} tokens, the model's vocabulary is ${vocabSize}. Use the tokenizer that the model was made ` +
        'for, or make a model with as many rows as the tokenizer has tokens (vocab_size in its config.json).',
      details,
    );
  }
  const difference = own && vocabularyDifference(own, tokenizer, { shared: true });
  if (!difference) return;
  const [ours, theirs] = difference.tokens.map(tokenInWords);
  throw new CompatibilityError(
    `The tokenizer is of another vocabulary than the model's own: id ${difference.id} is ${theirs}, the model was trained with ` +
      `${ours}. Use the tokenizer of the model's folder.`,
    details,
  );
}
