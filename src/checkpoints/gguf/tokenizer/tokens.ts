/** The tokens of a GGUF file, and which of them have a part to play. */
import { CheckpointError } from '../../../errors.js';
import type { Metadata } from '../metadata.js';

/** Types of tokens, as SentencePiece numbers them. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface Tokens {
  readonly texts: readonly string[];
  /** Of each token. Normal where the file has no types. */
  typeOf(id: number): number;
  readonly roles: Readonly<Record<'bos' | 'eos' | 'unk' | 'pad', number | undefined>>;
  /** All at which a model stops. */
  readonly ends: readonly number[];
}

const key = (name: string) => `tokenizer.ggml.${name}`;

/** @throws CheckpointError where there are no tokens, or lists do not fit each other */
export function tokensOf(metadata: Metadata): Tokens {
  const texts = metadata.texts(key('tokens'));
  const types = listOf(metadata, 'token_type', texts.length);
  const idOf = (name: string): number | undefined => {
    const id = metadata.optionalNumber(key(`${name}_token_id`));
    // Files name tokens beyond the vocabulary for those that there are not.
    return id !== undefined && texts[id] !== undefined ? id : undefined;
  };
  const roles = { bos: idOf('bos'), eos: idOf('eos'), unk: idOf('unknown'), pad: idOf('padding') };
  const ends = [roles.eos, idOf('eot'), idOf('eom')].filter((id) => id !== undefined);
  return { texts, typeOf: (id) => types?.[id] ?? tokenTypes.normal, roles, ends: [...new Set(ends)] };
}

/** A number for each token; undefined where the file has no such list. @throws CheckpointError for one of another length */
export function listOf(metadata: Metadata, name: string, length: number): ArrayLike<number> | undefined {
  const list = metadata.numbers(key(name));
  if (!list || list.length === length) return list;
  throw new CheckpointError(
    `${metadata.name}: '${key(name)}' has ${list.length} entries, expected ${length}, one for each token. ` +
      'Download the file again, or convert the model again.',
    { found: list.length, expected: length },
  );
}
