/**
 * How BLEU cuts texts into tokens: the tokenizers of sacreBLEU (github.com/mjpost/sacrebleu), by their names there. What
 * they give is split at white space as Python has it.
 */
import { oneOf, switched } from './options.js';
import { splitWords, stripEnd } from './pythonText.js';

/** How a text becomes tokens. */
export interface BleuTokenOptions {
  /**
   * '13a' (default) is that of WMT, for languages with spaces; 'intl' also puts every punctuation mark and symbol of Unicode
   * apart; 'char' makes each character a token, for scripts without spaces; 'none' takes the words as they stand.
   */
  readonly tokenization?: BleuTokenization;
  /** Compares letters without their case. Default false. */
  readonly lowercase?: boolean;
}

/** Names of the tokenizers. */
export type BleuTokenization = '13a' | 'intl' | 'char' | 'none';

const tokenizers: Readonly<Record<BleuTokenization, (text: string) => string>> = {
  '13a': apart13a,
  intl: (text) =>
    text
      .replace(/(\P{N})(\p{P})/gu, '$1 $2 ')
      .replace(/(\p{P})(\P{N})/gu, ' $1 $2')
      .replace(/\p{S}/gu, ' $& '),
  char: (text) => Array.from(text).join(' '),
  none: (text) => text,
};

export const bleuTokenOptions = {
  tokenization: oneOf(Object.keys(tokenizers) as BleuTokenization[], '13a'),
  lowercase: switched(false),
};

/** The tokens of a text. */
export function bleuTokens(
  text: string,
  { tokenization, lowercase }: { readonly tokenization: BleuTokenization; readonly lowercase: boolean },
): string[] {
  return splitWords(tokenizers[tokenization](stripEnd(lowercase ? text.toLowerCase() : text)));
}

/** The tokenizer of WMT's mteval-v13a: punctuation apart, except inside numbers. */
function apart13a(text: string): string {
  const plain = text
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  return ` ${plain} `
    .replace(/([{-~[-` -&(-+:-@/])/gu, ' $1 ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/gu, '$1 $2 ');
}
