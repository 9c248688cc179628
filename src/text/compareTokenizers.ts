/** Whether two tokenizers are one vocabulary: where they first differ, in words for a message. */
import { checkOption } from '../settings/index.js';
import { type Tokenizer, tokenizerOption } from './tokenizer.js';

/** An id that names another token in each. */
export interface TokenDifference {
  readonly id: number;
  /** As the files spell it; undefined for no token. */
  readonly tokens: readonly [string | undefined, string | undefined];
}

/**
 * The first differences between two vocabularies; none where they are the same.
 * @param shared looks only at ids that have a token in both: one may have added tokens
 * @param most differences at most
 */
export function vocabularyDifferences(
  one: Tokenizer,
  other: Tokenizer,
  { shared = false, most }: { readonly shared?: boolean; readonly most: number },
): TokenDifference[] {
  const differences: TokenDifference[] = [];
  for (let id = 0; id < Math.max(one.vocabSize, other.vocabSize) && differences.length < most; id++) {
    const tokens = [one.idToToken(id), other.idToToken(id)] as const;
    if (tokens[0] === tokens[1] || (shared && tokens.includes(undefined))) continue;
    differences.push({ id, tokens });
  }
  return differences;
}

/**
 * The tokens with which a student and its teacher end a text, in words, where both have one and these differ. Their padding
 * tokens may differ: padding is outside of what attention and losses see.
 * @throws OptionError for what is no tokenizer
 */
export function eosDifference(student: Tokenizer, teacher: Tokenizer): readonly [string, string] | undefined {
  checkOption('eosDifference', 'student', student, tokenizerOption);
  checkOption('eosDifference', 'teacher', teacher, tokenizerOption);
  const [ours, theirs] = [student.eosTokenId, teacher.eosTokenId];
  if (ours === undefined || theirs === undefined || ours === theirs) return undefined;
  return [endInWords(student, ours), endInWords(teacher, theirs)];
}

const endInWords = (tokenizer: Tokenizer, id: number) => `${tokenInWords(tokenizer.idToToken(id))} (id ${id})`;

export const tokenInWords = (token: string | undefined): string =>
  token === undefined ? 'no token' : JSON.stringify(token);
