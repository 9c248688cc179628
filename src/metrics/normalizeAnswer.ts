/** What official evaluations leave out of answers before they compare them. */
import { splitWords } from './pythonText.js';

/** Names of the normalisations. */
export type AnswerNormalization = 'none' | 'naturalInstructions' | 'squad';

/** Python's `string.punctuation`: the punctuation marks and symbols of ASCII, and no others. */
const punctuation = /[!-/:-@[-`{-~]/g;
/** Python's `\b(a|an|the)\b`, whose words may have letters and digits of any script. */
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

const plain = (text: string) => text.toLowerCase().replace(punctuation, '');
const spaced = (text: string) => splitWords(text).join(' ');

/** The texts that are compared, by the name of the normalisation. */
export const normalizations: Readonly<Record<AnswerNormalization, (text: string) => string>> = {
  none: (text) => text,
  naturalInstructions: (text) => spaced(plain(text)),
  squad: (text) => spaced(plain(text).replace(articles, ' ')),
};
