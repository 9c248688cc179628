import type { EncodeOptions, Tokenizer } from '../text/index.js';

/** How text that is no template's is encoded: no BOS; special tokens in a text are text. */
export const plainEncoding: EncodeOptions = { addSpecialTokens: false, allowedSpecial: 'none' };

/** The text without its last `tokens` tokens and without half a character. */
export function shorten(text: string, tokens: number, tokenizer: Tokenizer): string {
  const ids = tokenizer.encode(text, plainEncoding);
  const stream = tokenizer.stream();
  const kept = stream.push(ids.subarray(0, Math.max(0, ids.length - tokens)));
  // The shorter text may be tokenized otherwise at its new end, and to as many tokens. It must get shorter each time.
  return kept.length < text.length ? kept.trimEnd() : text.slice(0, -1);
}
