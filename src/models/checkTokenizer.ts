/** Whether a tokenizer is a model's: ids of another one are other words to the model, and its answers are garbage. */
import * as z from 'zod';
import { CompatibilityError, whole } from '../errors.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import { tokenInWords, vocabularyDifferences } from '../text/compareTokenizers.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import type { LanguageModel } from './model.js';

/**
 * Rows beyond the tokens that are usual, and so how far the vocabularies of two models with one tokenizer may be apart.
 * Padding to a multiple of 128 is common; some families pad by up to two hundredths.
 */
export const usualPadding = (tokens: number): number => Math.max(128, Math.floor(tokens / 50));

/** What a tokenizer is compared with besides the size of the vocabulary, and what messages say. */
export interface CheckTokenizerOptions {
  /** The tokenizer that the model's folder holds: no id may name another token there. Tokens may be added. Default: none. */
  readonly own?: Tokenizer | undefined;
  /** What messages call the model: 'the teacher', 'the model in ./gpt2'. Default: 'the model'. */
  readonly called?: string;
}
const checkTokenizerOptions = z.strictObject({
  own: tokenizerOption.optional(),
  called: ranges.text.default('the model'),
} satisfies Fields<CheckTokenizerOptions>);

/**
 * Refuses a tokenizer that cannot be the model's. A vocabulary padded beyond the tokenizer's is usual (OPT has 50,272
 * rows and 50,265 tokens); one of more than twice the tokens is another tokenizer's.
 * @throws OptionError for what is no tokenizer or no model, and for wrong options; CompatibilityError
 */
export function checkTokenizer(
  tokenizer: Tokenizer,
  model: Pick<LanguageModel, 'vocabSize'>,
  options: CheckTokenizerOptions = {},
): void {
  const where = 'checkTokenizer';
  checkOption(where, 'tokenizer', tokenizer, tokenizerOption);
  const { own, called } = checkOptions(where, checkTokenizerOptions, options);
  const vocabSize = checkOption(where, 'model.vocabSize', Object(model).vocabSize, ranges.count);
  const tokens = tokenizer.vocabSize;
  const details = { found: tokens, expected: vocabSize };
  if (tokens > vocabSize || vocabSize > 2 * tokens) {
    throw new CompatibilityError(
      `The tokenizer has ${whole(tokens)} tokens, the vocabulary of ${called} has ${whole(vocabSize)}. Use the tokenizer that ` +
        `${called} was made for, or make a model with as many rows as the tokenizer has tokens (vocab_size in its config.json).`,
      details,
    );
  }
  const [difference] = own ? vocabularyDifferences(own, tokenizer, { shared: true, most: 1 }) : [];
  if (!difference) return;
  const [ours, theirs] = difference.tokens.map(tokenInWords);
  throw new CompatibilityError(
    `The tokenizer is of another vocabulary than that of ${called}: id ${difference.id} is ${theirs}, and ${called} was ` +
      `trained with ${ours}. Use the tokenizer of its folder.`,
    details,
  );
}
