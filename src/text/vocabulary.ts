/** A model's vocabulary: tokens and their ids, checked. */
import { CheckpointError } from '../errors.js';
import { inWords } from '../inWords.js';
import { isWellFormed } from '../io/utf8.js';

/** Ids at or above this are taken for a mistake. */
export const MAX_ID = 2 ** 24;

/** `ids[i]` belongs to `tokens[i]`. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly ids: Int32Array;
  /** Id of a token, undefined for one that is not in it. */
  idOf(token: string): number | undefined;
  /** Highest id + 1. */
  readonly end: number;
}

/** The vocabulary of a list: a token's id is its place. */
export function vocabularyOfList(tokens: readonly string[]): Vocabulary {
  const places = new Map(tokens.map((token, id) => [token, id]));
  return { tokens, ids: Int32Array.from(tokens.keys()), idOf: (token) => places.get(token), end: tokens.length };
}

/** From an object of token: id. @throws CheckpointError for another value, and for an id that is none */
export function vocabularyOf(vocab: unknown): Vocabulary {
  if (!vocab || typeof vocab !== 'object' || Array.isArray(vocab)) {
    throw new CheckpointError('vocab: expected an object of token: id.');
  }
  const tokens = Object.keys(vocab);
  const ids = new Int32Array(tokens.length);
  let end = 0;
  Object.values(vocab).forEach((id: unknown, i) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MAX_ID) {
      throw new CheckpointError(
        `vocab: id of ${JSON.stringify(tokens[i])} is ${inWords(id)}, expected an integer from 0 to ${MAX_ID - 1}.`,
        { found: id },
      );
    }
    ids[i] = id;
    if (id >= end) end = id + 1;
  });
  const idOf = (token: string) => (Object.hasOwn(vocab, token) ? (vocab as Record<string, number>)[token] : undefined);
  return { tokens, ids, idOf, end };
}

/** The ids of <0x00> to <0xFF>. @throws CheckpointError when one is missing */
export function byteTokens(vocab: Vocabulary): number[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const token = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    const id = vocab.idOf(token);
    if (id !== undefined) return id;
    throw new CheckpointError(`model: byte_fallback needs a token for each byte, but there is no ${token}.`);
  });
}

/** Two tokens with half a character each would become one: UTF-8 has U+FFFD for both. @throws CheckpointError */
export function requireText(where: string, texts: readonly string[]): void {
  const index = texts.findIndex((text) => !isWellFormed(text));
  if (index < 0) return;
  throw new CheckpointError(
    `${where}: entry ${index}, ${JSON.stringify(texts[index])}, holds half of a character (an unpaired surrogate), ` +
      'expected whole ones. Download the file again.',
    { found: texts[index] },
  );
}
