/**
 * Merges of a vocabulary that has none but an order: SentencePiece's BPE and tiktoken join any two neighbours whose join
 * is a token, the best token first.
 */
import type { Merges } from '../components/models/bpe.js';

/**
 * @param tokens best first, as lists of their parts (characters or bytes, as the files of Hugging Face spell them)
 * @param isToken whether a text may be one side of a merge
 */
export function rankedMerges(tokens: Iterable<readonly string[]>, isToken: (text: string) => boolean): Merges {
  const lines: string[] = [];
  for (const parts of tokens) {
    const token = parts.join('');
    let split = 0;
    for (const part of parts.slice(0, -1)) {
      split += part.length;
      const [left, right] = [token.slice(0, split), token.slice(split)];
      if (isToken(left) && isToken(right)) lines.push(`${left}\0${right}`);
    }
  }
  return { separator: '\0', lines };
}
