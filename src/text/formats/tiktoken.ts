/**
 * tiktoken's files: a line for each token, its bytes in base64 and its rank, which is its id. How texts are cut stands in
 * no file: the pattern and the special tokens are given beside it.
 */
import { CheckpointError } from '../../errors.js';
import { bpeModel } from '../components/models/bpe.js';
import type { Model } from '../components/models/model.js';
import { MAX_ID, vocabularyOf } from '../vocabulary.js';
import { byteAlphabet } from './byteAlphabet.js';
import { rankedMerges } from './rankedMerges.js';

/** @throws CheckpointError for a line that is none */
export function readTiktoken(content: string): Model {
  const alphabet = byteAlphabet();
  if (content.trim() === '')
    throw new CheckpointError('tiktoken: the file is empty, expected lines of base64 and a rank.');
  const tokens: { readonly bytes: readonly string[]; readonly rank: number }[] = [];
  for (const [index, line] of content.split('\n').entries()) {
    if (line.trim() === '') continue;
    const [, base64 = '', digits] = /^([A-Za-z0-9+/]+={0,2}) (\d{1,8})\s*$/.exec(line) ?? [];
    const rank = Number(digits);
    // One character of base64 alone is no byte.
    if (!(rank < MAX_ID) || base64.replace(/=+$/, '').length % 4 === 1) {
      throw new CheckpointError(`tiktoken: line ${index + 1} is ${JSON.stringify(line)}, expected base64 and a rank.`, {
        found: line,
      });
    }
    tokens.push({ bytes: Array.from(atob(base64), (byte) => alphabet[byte.charCodeAt(0)] as string), rank });
  }
  tokens.sort((a, b) => a.rank - b.rank);
  const vocab = vocabularyOf(Object.fromEntries(tokens.map(({ bytes, rank }) => [bytes.join(''), rank])));
  return bpeModel(
    vocab,
    rankedMerges(
      tokens.map(({ bytes }) => bytes),
      (text) => vocab.idOf(text) !== undefined,
    ),
    { byteLevel: true, ignoreMerges: true },
  );
}

/**
 * A pattern of Rust's fancy-regex, which tiktoken has, as Oniguruma reads it: `$` is the end of the text alone, and
 * `{1,3}+` a possessive repetition, which Oniguruma spells with an atomic group. tiktoken's patterns have that at the end of
 * an alternative only, where it changes nothing.
 */
export const ofRust = (pattern: string): string =>
  pattern.replace(/\\[pP]\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]|\$|\}\+(?=\||\)|$)/gs, (found) =>
    found === '$' ? '\\z' : found === '}+' ? '}' : found,
  );
