/** Added tokens, and the roles of special ones. */
import * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { MAX_ID, type Vocabulary } from './vocabulary.js';

/** An added token with Hugging Face's flags. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

export type SpecialRole = 'bos' | 'eos' | 'unk' | 'pad';

/** Special tokens by role, as texts, and further ones. */
export interface SpecialTokens {
  /** Begins a text: "<s>". */
  readonly bos?: string;
  /** Ends a text: "<|endoftext|>". */
  readonly eos?: string;
  /** Stands for what the vocabulary lacks. */
  readonly unk?: string;
  /** Fills sequences up. */
  readonly pad?: string;
  /** Without a role of their own. */
  readonly additional?: readonly string[];
}

export type Roles = Readonly<Partial<Record<SpecialRole, { readonly id: number; readonly content: string }>>>;

const flag = z.boolean().default(false);

export const AddedTokenSchema = z.object({
  id: z.int().min(0).lt(MAX_ID),
  content: z.string(),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
  special: flag,
});

/** Without those that are empty or listed twice. @throws CheckpointError for a text with two ids */
export function checkAdded(tokens: readonly AddedToken[], vocab: Vocabulary): AddedToken[] {
  const seen = new Map<string, number>();
  return tokens.filter(({ content, id }) => {
    if (content === '' || seen.get(content) === id) return false;
    const known = seen.get(content) ?? vocab.idOf(content);
    if (known !== undefined && known !== id) {
      throw new CheckpointError(`added_tokens: ${JSON.stringify(content)} has id ${id}, but id ${known} elsewhere.`, {
        found: id,
        expected: known,
      });
    }
    seen.set(content, id);
    return true;
  });
}

/** Makes the special tokens added tokens, with the next free ids where the files lack them. */
export function addSpecial(
  { additional = [], ...byRole }: SpecialTokens,
  roleIds: Partial<Readonly<Record<SpecialRole, number>>>,
  listed: readonly AddedToken[],
  vocab: Vocabulary,
): { added: readonly AddedToken[]; roles: Roles } {
  const added = [...listed];
  let next = vocab.end;
  for (const { id } of added) if (id >= next) next = id + 1;
  const idOf = (content: string): number => {
    const place = added.findIndex((token) => token.content === content);
    const known = added[place];
    if (known) {
      added[place] = { ...known, special: true };
      return known.id;
    }
    const id = vocab.idOf(content) ?? next++;
    added.push({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
    return id;
  };
  const roles: Partial<Record<SpecialRole, { id: number; content: string }>> = {};
  for (const role of ['bos', 'eos', 'unk', 'pad'] as const) {
    const content = byRole[role];
    const id = roleIds[role];
    if (content) roles[role] = { id: idOf(content), content };
    else if (id !== undefined) {
      const known = added.find((token) => token.id === id)?.content ?? vocab.tokens[vocab.ids.indexOf(id)];
      if (known !== undefined) roles[role] = { id, content: known };
    }
  }
  for (const content of additional) idOf(content);
  return { added, roles };
}
