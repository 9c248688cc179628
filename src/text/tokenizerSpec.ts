/**
 * What a byte-level BPE tokenizer is, whatever files describe it, and the way from a tokenizer.json to it and back. A
 * component that is not byte-level BPE is refused by name here.
 */
import * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { inWords } from '../inWords.js';
import { parseJson } from '../io/json.js';
import { isWellFormed } from '../io/utf8.js';
import { parse } from '../settings/index.js';

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

/** The model's vocabulary: `ids[i]` belongs to `tokens[i]`. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly ids: Int32Array;
  /** Id of a token, undefined for one that is not in it. */
  idOf(token: string): number | undefined;
  /** Highest id + 1. */
  readonly end: number;
}

/** A byte-level BPE tokenizer, whatever files it came from. */
export interface TokenizerSpec {
  readonly vocab: Vocabulary;
  /** "left right", best first. */
  readonly merges: readonly string[];
  readonly added: readonly AddedToken[];
  readonly addPrefixSpace: boolean;
  readonly unknown: { readonly token: string; readonly id: number; readonly fuse: boolean } | undefined;
  /** Ids put around a text. */
  readonly template: { readonly before: readonly number[]; readonly after: readonly number[] };
  readonly roles: Readonly<Partial<Record<SpecialRole, { readonly id: number; readonly content: string }>>>;
  /** Further ids at which a model stops, as its files have them. */
  readonly endIds: readonly number[];
  /** tokenizer_config.json as it came; `save` writes it back. */
  readonly config: Readonly<Record<string, unknown>>;
}

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

interface SourceOptions {
  /** Those that the files lack get the next free ids. */
  readonly specialTokens?: SpecialTokens;
  /** Roles that `specialTokens` leaves open, as config.json names them; such tokens do not become special by it. */
  readonly roleIds?: Partial<Readonly<Record<SpecialRole, number>>>;
  /** Further ids at which a model stops; those that name no token are left out. */
  readonly endIds?: readonly number[];
  /** tokenizer_config.json, parsed: written back by `save`, otherwise unused. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface TokenizerJsonSource extends SourceOptions {
  /** As text or parsed. */
  readonly tokenizerJson: string | object;
}

export interface VocabAndMergesSource extends SourceOptions {
  /** vocab.json as text or parsed. */
  readonly vocab: string | Readonly<Record<string, number>>;
  /** merges.txt, or its lines without the version. */
  readonly merges: string | readonly (string | readonly [string, string])[];
  /** Added tokens with their ids and flags, as tokenizer_config.json lists them. */
  readonly addedTokens?: readonly AddedToken[];
  /** Default false. */
  readonly addPrefixSpace?: boolean;
  /** `encode` puts the BOS token first. Default false. */
  readonly addBosToken?: boolean;
}

/** Contents of a tokenizer's files. */
export type TokenizerSource = TokenizerJsonSource | VocabAndMergesSource;

/** Ids at or above this are taken for a mistake. */
const MAX_ID = 2 ** 24;
const Id = z.int().min(0).lt(MAX_ID);
const flag = (fallback: boolean) => z.boolean().default(fallback);

export const AddedTokenSchema = z.object({
  id: Id,
  content: z.string(),
  single_word: flag(false),
  lstrip: flag(false),
  rstrip: flag(false),
  normalized: flag(false),
  special: flag(false),
});

const ByteLevel = z.object({ type: z.literal('ByteLevel'), add_prefix_space: flag(true), use_regex: flag(true) });
const Piece = z.union([
  z.object({ SpecialToken: z.object({ id: z.string() }) }),
  z.object({ Sequence: z.object({ id: z.literal('A') }) }),
]);
const Template = z.object({
  type: z.literal('TemplateProcessing'),
  single: z.array(Piece),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(Id) })),
});
// The vocabulary and the merges are too long for a schema: they are checked in loops.
const TokenizerJson = z.object({
  added_tokens: z.array(AddedTokenSchema).default([]),
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  post_processor: z.unknown().optional(),
  decoder: z.unknown().optional(),
  model: z.looseObject({
    type: z.string().default('BPE'),
    unk_token: z.string().nullish(),
    fuse_unk: z.boolean().nullish(),
    vocab: z.unknown().optional(),
    merges: z.unknown().optional(),
  }),
});

/** @throws CheckpointError naming the file's part that is malformed or not byte-level BPE. */
export function specFrom(source: TokenizerSource): TokenizerSpec {
  const spec = 'tokenizerJson' in source ? fromTokenizerJson(source) : fromVocabAndMerges(source);
  requireText('vocab', spec.vocab.tokens);
  requireText('merges', spec.merges);
  requireText(
    'added_tokens',
    spec.added.map(({ content }) => content),
  );
  return spec;
}

/** Two tokens with half a character each would become one: UTF-8 has U+FFFD for both. @throws CheckpointError */
function requireText(where: string, texts: readonly string[]): void {
  const index = texts.findIndex((text) => !isWellFormed(text));
  if (index < 0) return;
  throw new CheckpointError(
    `${where}: entry ${index}, ${JSON.stringify(texts[index])}, holds half of a character (an unpaired surrogate), ` +
      'expected whole ones. Download the file again.',
    { found: texts[index] },
  );
}

function fromTokenizerJson({
  tokenizerJson: content,
  specialTokens = {},
  roleIds = {},
  endIds = [],
  config = {},
}: TokenizerJsonSource): TokenizerSpec {
  const json = check(TokenizerJson, parsed(content, 'tokenizer.json'), 'tokenizer.json');
  const { model } = json;
  if (model.type !== 'BPE') throw unsupported(`model ${model.type}`);
  for (const option of [
    'dropout',
    'continuing_subword_prefix',
    'end_of_word_suffix',
    'byte_fallback',
    'ignore_merges',
  ]) {
    if (model[option]) throw unsupported(`model option ${option} = ${inWords(model[option])}`);
  }
  if (json.normalizer) throw unsupported(`normalizer ${typeOf(json.normalizer)}`);
  if (typeOf(json.decoder) !== 'ByteLevel') throw unsupported(`decoder ${typeOf(json.decoder)}`);
  if (typeOf(json.pre_tokenizer) !== 'ByteLevel') throw unsupported(`pre_tokenizer ${typeOf(json.pre_tokenizer)}`);
  const preTokenizer = check(ByteLevel, json.pre_tokenizer, 'tokenizer.json: pre_tokenizer');
  if (!preTokenizer.use_regex) throw unsupported('pre_tokenizer ByteLevel with use_regex = false');

  const vocab = checkVocab(model.vocab);
  const { added, roles } = addSpecial(specialTokens, roleIds, checkAdded(json.added_tokens, vocab), vocab);
  return {
    vocab,
    merges: checkMerges(model.merges),
    added,
    addPrefixSpace: preTokenizer.add_prefix_space,
    unknown: unknownToken(model.unk_token, model.fuse_unk ?? false, vocab),
    template: templateOf(json.post_processor),
    roles,
    endIds,
    config,
  };
}

function fromVocabAndMerges(source: VocabAndMergesSource): TokenizerSpec {
  const { specialTokens = {}, addedTokens = [], addPrefixSpace = false, addBosToken = false } = source;
  const { roleIds = {}, endIds = [], config = {} } = source;
  const vocab = checkVocab(parsed(source.vocab, 'vocab.json'));
  const { added, roles } = addSpecial(specialTokens, roleIds, checkAdded(addedTokens, vocab), vocab);
  if (addBosToken && !roles.bos) {
    throw new CheckpointError('tokenizer_config.json: add_bos_token is true, but no bos_token is named.');
  }
  return {
    vocab,
    merges: typeof source.merges === 'string' ? mergeLines(source.merges) : checkMerges(source.merges),
    added,
    addPrefixSpace,
    unknown: unknownToken(specialTokens.unk, false, vocab),
    template: { before: addBosToken && roles.bos ? [roles.bos.id] : [], after: [] },
    roles,
    endIds,
    config,
  };
}

/** tokenizer.json of a spec, as Hugging Face tokenizers reads it. */
export function tokenizerJson(
  spec: Omit<TokenizerSpec, 'merges' | 'vocab'> & {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly [string, string][];
  },
): object {
  const { before, after } = spec.template;
  const byteLevel = { type: 'ByteLevel', add_prefix_space: spec.addPrefixSpace, trim_offsets: true, use_regex: true };
  const contents = new Map(spec.added.map(({ id, content }) => [id, content]));
  const nameOf = (id: number) => contents.get(id) ?? String(id);
  const special = (id: number) => ({ SpecialToken: { id: nameOf(id), type_id: 0 } });
  const sequence = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });
  const template = {
    type: 'TemplateProcessing',
    single: [...before.map(special), sequence('A', 0), ...after.map(special)],
    pair: [...before.map(special), sequence('A', 0), sequence('B', 0), ...after.map(special)],
    special_tokens: Object.fromEntries(
      [...before, ...after].map((id) => [nameOf(id), { id: nameOf(id), ids: [id], tokens: [nameOf(id)] }]),
    ),
  };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: spec.added,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: before.length + after.length > 0 ? template : { ...byteLevel, trim_offsets: false },
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: spec.unknown?.token ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: spec.unknown?.fuse ?? false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: spec.vocab,
      merges: spec.merges,
    },
  };
}

const unsupported = (component: string) =>
  new CheckpointError(
    `tokenizer.json: ${component} is not supported, expected byte-level BPE as GPT-2 has it (model BPE, pre_tokenizer and decoder ByteLevel, no normalizer).`,
    { found: component },
  );

/** Sequences in Sequences that are followed. No tokenizer that is supported has any. */
const deepestSequence = 8;

/** Type of a component of tokenizer.json, with what a Sequence consists of. */
function typeOf(component: unknown, depth = 0): string {
  if (!component || typeof component !== 'object') return 'null';
  const { type, ...rest } = component as { type?: unknown };
  const parts = Object.values(rest).find(Array.isArray);
  if (type !== 'Sequence' || !parts) return inWords(type);
  return depth === deepestSequence ? '...' : `Sequence [${parts.map((part) => typeOf(part, depth + 1)).join(', ')}]`;
}

const parsed = (content: unknown, file: string): unknown =>
  typeof content === 'string' ? parseJson(content, file) : content;

/** @throws CheckpointError naming the first wrong field */
export const check = <Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> =>
  parse(schema, value, ({ path, found, message }) => {
    return new CheckpointError(`${where}: ${path || 'content'}: ${message}.`, { found });
  });

function checkVocab(vocab: unknown): Vocabulary {
  if (!vocab || typeof vocab !== 'object' || Array.isArray(vocab)) {
    throw new CheckpointError('vocab: expected an object of token: id.');
  }
  const tokens = Object.keys(vocab);
  const ids = new Int32Array(tokens.length);
  let end = 0;
  Object.values(vocab).forEach((id: unknown, i) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MAX_ID) {
      throw new CheckpointError(
        `vocab: id of ${JSON.stringify(tokens[i])} is ${id}, expected an integer from 0 to ${MAX_ID - 1}.`,
        { found: id },
      );
    }
    ids[i] = id;
    if (id >= end) end = id + 1;
  });
  const idOf = (token: string) => (Object.hasOwn(vocab, token) ? (vocab as Record<string, number>)[token] : undefined);
  return { tokens, ids, idOf, end };
}

function checkMerges(merges: unknown): string[] {
  if (!Array.isArray(merges)) throw new CheckpointError('merges: expected a list.');
  return merges.map((merge: unknown, index) => {
    if (typeof merge === 'string') return merge;
    if (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string')) {
      return `${merge[0]} ${merge[1]}`;
    }
    throw new CheckpointError(`merges: entry ${index} is ${inWords(merge)}, expected "a b" or ["a", "b"].`);
  });
}

const mergeLines = (text: string) => text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'));

function checkAdded(tokens: readonly AddedToken[], vocab: Vocabulary): AddedToken[] {
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

function unknownToken(token: string | null | undefined, fuse: boolean, vocab: Vocabulary) {
  if (!token) return undefined;
  const id = vocab.idOf(token);
  return id === undefined ? undefined : { token, id, fuse };
}

/** Makes the special tokens added tokens, with the next free ids where the files lack them. */
function addSpecial(
  { additional = [], ...byRole }: SpecialTokens,
  roleIds: Partial<Readonly<Record<SpecialRole, number>>>,
  listed: readonly AddedToken[],
  vocab: Vocabulary,
): Pick<TokenizerSpec, 'added' | 'roles'> {
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

function templateOf(processor: unknown, depth = 0): TokenizerSpec['template'] {
  const type = typeOf(processor);
  if (depth > deepestSequence) throw unsupported(`post_processor ${type}`);
  if (type === 'null' || type === 'ByteLevel') return { before: [], after: [] };
  if (type.startsWith('Sequence')) {
    const { processors } = processor as { processors: unknown };
    if (!Array.isArray(processors)) throw unsupported('post_processor Sequence without processors');
    const templates = processors
      .map((part) => templateOf(part, depth + 1))
      .filter(({ before, after }) => before.length + after.length > 0);
    if (templates.length > 1) throw unsupported(`post_processor ${type}`);
    return templates[0] ?? { before: [], after: [] };
  }
  if (type !== 'TemplateProcessing') throw unsupported(`post_processor ${type}`);
  const { single, special_tokens } = check(Template, processor, 'tokenizer.json: post_processor');
  const split = single.findIndex((piece) => 'Sequence' in piece);
  const idsIn = (pieces: typeof single) =>
    pieces.flatMap((piece) => {
      if (!('SpecialToken' in piece)) throw unsupported('post_processor TemplateProcessing with the text twice');
      const { id } = piece.SpecialToken;
      const token = special_tokens[id];
      if (!token)
        throw new CheckpointError(`tokenizer.json: post_processor: special token ${JSON.stringify(id)} is not listed.`);
      return token.ids;
    });
  if (split < 0) throw unsupported('post_processor TemplateProcessing without the text');
  return { before: idsIn(single.slice(0, split)), after: idsIn(single.slice(split + 1)) };
}
