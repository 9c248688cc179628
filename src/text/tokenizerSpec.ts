/**
 * What a tokenizer is, whatever files describe it: a pipeline of normalizers, pre-tokenizers, model, post-processor and
 * decoder, as tokenizer.json has them. src/text/components/ has a file for each component.
 */
import * as z from 'zod';
import { CheckpointError, OptionError } from '../errors.js';
import { parseJson } from '../io/json.js';
import {
  type AddedToken,
  AddedTokenSchema,
  addSpecial,
  checkAdded,
  type Roles,
  type SpecialRole,
  type SpecialTokens,
} from './addedTokens.js';
import { chatTemplatesOf } from './chatTemplates.js';
import { check, type Install, readStage, unsupportedIn } from './components/component.js';
import { decoders } from './components/decoders.js';
import { bpeModel, mergesFromText, mergesOf } from './components/models/bpe.js';
import type { Model } from './components/models/model.js';
import { modelReader } from './components/models.js';
import { normalizers } from './components/normalizers.js';
import type { Template } from './components/postProcessors/template.js';
import { readTemplate } from './components/postProcessors.js';
import { split as splitComponent } from './components/preTokenizers/split.js';
import { preTokenizers } from './components/preTokenizers.js';
import { readSentencePiece } from './formats/sentencePiece.js';
import { ofRust, readTiktoken } from './formats/tiktoken.js';
import { requireText, type Vocabulary, vocabularyOf } from './vocabulary.js';

/** A tokenizer, whatever files it came from. */
export interface TokenizerSpec {
  readonly model: Model;
  /** Tokens are spelt in the byte alphabet. */
  readonly byteLevel: boolean;
  /** What each stage puts into an instance. */
  readonly normalizers: readonly Install[];
  readonly preTokenizers: readonly Install[];
  readonly decoders: readonly Install[];
  readonly added: readonly AddedToken[];
  /** Ids put around a text. */
  readonly template: Template;
  readonly roles: Roles;
  /** Further ids at which a model stops, as its files have them. */
  readonly endIds: readonly number[];
  /** tokenizer_config.json as it came; `save` writes it back. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By name. */
  readonly chatTemplates: ReadonlyMap<string, string>;
  /** chat_template.jinja as it came, where there was one; `save` writes it back. */
  readonly chatTemplate: string | undefined;
  /** The stages as tokenizer.json has them; `save` writes them back. */
  readonly stages: Stages;
  /** Ids of added tokens that tokenizer.json does not list, because the model finds them. */
  readonly foundByScore?: ReadonlySet<number>;
}

interface Stages {
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
  readonly post_processor: unknown;
  readonly decoder: unknown;
}

interface SourceOptions {
  /** Those that the files lack get the next free ids. */
  readonly specialTokens?: SpecialTokens;
  /** Roles that `specialTokens` leaves open, as config.json names them; such tokens do not become special by it. */
  readonly roleIds?: Partial<Readonly<Record<SpecialRole, number>>>;
  /** Further ids at which a model stops; those that name no token are left out. */
  readonly endIds?: readonly number[];
  /** tokenizer_config.json, parsed: written back by `save`; it may have chat templates. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** chat_template.jinja. */
  readonly chatTemplate?: string | undefined;
}

export interface TokenizerJsonSource extends SourceOptions {
  /** As text or parsed. */
  readonly tokenizerJson: string | object;
}

export interface VocabAndMergesSource extends SourceOptions {
  /** Token -> id, as text or parsed. */
  readonly vocab: string | object;
  /** Lines "a b" after an optional "#version" line, or the pairs. */
  readonly merges: string | readonly (string | readonly [string, string])[];
  readonly addedTokens?: readonly AddedToken[];
  /** Default false. */
  readonly addPrefixSpace?: boolean;
  /** `encode` puts the BOS token first. Default false. */
  readonly addBosToken?: boolean;
}

export interface SentencePieceSource extends SourceOptions {
  /** The content of a `.model` file. Its own special tokens count where `specialTokens` names none. */
  readonly sentencePiece: Uint8Array;
  /** Further tokens: <extra_id_0> and the like. */
  readonly addedTokens?: readonly Pick<AddedToken, 'id' | 'content'>[];
  /** `encode` puts the BOS token first. Default false. */
  readonly addBosToken?: boolean;
  /** `encode` puts the EOS token last. Default false. */
  readonly addEosToken?: boolean;
}

export interface TiktokenSource extends SourceOptions {
  /** Lines of a token's bytes in base64 and its rank. */
  readonly tiktoken: string;
  /** The regular expression that cuts texts into pieces, as tiktoken has it. */
  readonly pattern: string;
  /** The special tokens and their ids. */
  readonly addedTokens?: readonly Pick<AddedToken, 'id' | 'content'>[];
}

/** Contents of a tokenizer's files. */
export type TokenizerSource = TokenizerJsonSource | VocabAndMergesSource | SentencePieceSource | TiktokenSource;

/** @throws CheckpointError naming the part that is malformed or not supported */
export function specFrom(source: TokenizerSource): TokenizerSpec {
  const spec = specOf(source);
  requireText('vocab', spec.model.vocab.tokens);
  requireText(
    'added_tokens',
    spec.added.map(({ content }) => content),
  );
  return spec;
}

function specOf(source: TokenizerSource): TokenizerSpec {
  if ('tokenizerJson' in source) return fromTokenizerJson(source);
  if ('sentencePiece' in source) return fromSentencePiece(source);
  if ('tiktoken' in source) return fromTiktoken(source);
  return fromVocabAndMerges(source);
}

const TokenizerJson = z.object({
  added_tokens: z.array(AddedTokenSchema).default([]),
  normalizer: z.unknown().default(null),
  pre_tokenizer: z.unknown().default(null),
  post_processor: z.unknown().default(null),
  decoder: z.unknown().default(null),
  model: z.looseObject({}),
});

function fromTokenizerJson({ tokenizerJson, ...options }: TokenizerJsonSource): TokenizerSpec {
  const { added_tokens, model, normalizer, pre_tokenizer, post_processor, decoder } = check(
    TokenizerJson,
    parsed(tokenizerJson, 'tokenizer.json'),
    'tokenizer.json',
  );
  return assemble(modelReader(model), { normalizer, pre_tokenizer, post_processor, decoder }, added_tokens, options);
}

function fromVocabAndMerges({
  vocab,
  merges,
  addedTokens = [],
  addPrefixSpace = false,
  addBosToken = false,
  ...options
}: VocabAndMergesSource): TokenizerSpec {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true };
  const stages = {
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: { ...byteLevel, trim_offsets: false },
    decoder: byteLevel,
  };
  const spec = assemble(
    () =>
      bpeModel(
        vocabularyOf(parsed(vocab, 'vocab.json')),
        typeof merges === 'string' ? mergesFromText(merges) : mergesOf(merges),
        { byteLevel: true, unknown: options.specialTokens?.unk },
      ),
    stages,
    addedTokens,
    options,
  );
  return around(spec, addBosToken, false);
}

function fromSentencePiece({
  sentencePiece,
  addedTokens = [],
  addBosToken = false,
  addEosToken = false,
  specialTokens,
  ...options
}: SentencePieceSource): TokenizerSpec {
  const parts = readSentencePiece(sentencePiece, 'SentencePiece');
  const spec = assemble(
    () => parts.model,
    { ...parts.stages, pre_tokenizer: null, post_processor: null },
    [...parts.added, ...addedTokens.map(specialToken)],
    { ...options, specialTokens: { ...parts.specialTokens, ...specialTokens } },
  );
  const { normalizer, foundByScore } = parts;
  return around({ ...spec, normalizers: [normalizer], foundByScore }, addBosToken, addEosToken);
}

function fromTiktoken({ tiktoken, pattern, addedTokens = [], ...options }: TiktokenSource): TokenizerSpec {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  const split = { type: 'Split', pattern: { Regex: ofRust(pattern) }, behavior: 'Isolated', invert: false };
  const stages = {
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [split, byteLevel] },
    post_processor: { ...byteLevel, trim_offsets: false },
    decoder: byteLevel,
  };
  const model = readTiktoken(tiktoken);
  const ordinary = new Set(model.vocab.ids);
  const taken = addedTokens.find(({ id, content }) => ordinary.has(id) && model.vocab.idOf(content) !== id);
  if (taken) {
    throw new CheckpointError(
      `tiktoken.specialTokens: ${JSON.stringify(taken.content)} has id ${taken.id}, which is that of an ordinary token of the ` +
        'file. Give it an id of its own.',
      { found: taken.id },
    );
  }
  const spec = assemble(() => model, stages, addedTokens.map(specialToken), options);
  const cut = ofOption('tiktoken.pattern', pattern, (where) => splitComponent.read(split, where));
  return { ...spec, preTokenizers: [cut, ...spec.preTokenizers.slice(1)] };
}

/** What comes of an option: what is wrong with it is told of the option, not of a file. */
const ofOption =
  (option: string, found: unknown, read: (where: string) => Install): Install =>
  (into) => {
    try {
      read(`loadTokenizer: ${option}`)(into);
    } catch (cause) {
      if (!(cause instanceof CheckpointError)) throw cause;
      throw new OptionError(cause.message, { option, found, cause });
    }
  };

const specialToken = ({ id, content }: Pick<AddedToken, 'id' | 'content'>): AddedToken => ({
  ...{ id, content, special: true },
  ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
});

/** The same with BOS before and EOS after a text. @throws CheckpointError where there is no such token */
function around(spec: TokenizerSpec, withBos: boolean, withEos: boolean): TokenizerSpec {
  const { bos, eos } = spec.roles;
  if (withBos && !bos)
    throw new CheckpointError('tokenizer_config.json: add_bos_token is true, but no bos_token is named.');
  if (withEos && !eos)
    throw new CheckpointError('tokenizer_config.json: add_eos_token is true, but no eos_token is named.');
  if (!withBos && !withEos) return spec;
  const post_processor = templateJson(bos && withBos ? [bos] : [], eos && withEos ? [eos] : []);
  return { ...spec, template: readTemplate(post_processor), stages: { ...spec.stages, post_processor } };
}

/** TemplateProcessing that puts tokens before and after a text. */
function templateJson(
  before: readonly { readonly id: number; readonly content: string }[],
  after: readonly { readonly id: number; readonly content: string }[],
): object {
  const special = ({ content }: { content: string }) => ({ SpecialToken: { id: content, type_id: 0 } });
  const sequence = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });
  return {
    type: 'TemplateProcessing',
    single: [...before.map(special), sequence('A', 0), ...after.map(special)],
    pair: [...before.map(special), sequence('A', 0), sequence('B', 0), ...after.map(special)],
    special_tokens: Object.fromEntries(
      [...before, ...after].map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}

/** Reads the stages, and holds them to each other. */
function assemble(
  modelOf: (byteLevel: boolean) => Model,
  stages: Stages,
  listed: readonly AddedToken[],
  { specialTokens = {}, roleIds = {}, endIds = [], config = {}, chatTemplate }: SourceOptions,
): TokenizerSpec {
  const [normal, cut, decode] = [
    readStage(normalizers, stages.normalizer),
    readStage(preTokenizers, stages.pre_tokenizer),
    readStage(decoders, stages.decoder),
  ];
  const place = cut.findIndex(({ type }) => type === 'ByteLevel');
  const byteLevel = place >= 0;
  if (byteLevel && place < cut.length - 1) {
    const types = cut.map(({ type }) => type).join(', ');
    throw unsupportedIn(`pre_tokenizer Sequence [${types}]`, 'ByteLevel at its end');
  }
  const types = decode.map(({ type }) => type);
  if (types.length === 0 || types.includes('ByteLevel') !== byteLevel || (byteLevel && types.length > 1)) {
    throw unsupportedIn(
      `decoder ${types.join(', ') || 'null'} with pre_tokenizer ${cut.map(({ type }) => type).join(', ') || 'null'}`,
      'ByteLevel in both, or in neither',
    );
  }
  const model = modelOf(byteLevel);
  const { added, roles } = addSpecial(specialTokens, roleIds, checkAdded(listed, model.vocab), model.vocab);
  const template = readTemplate(stages.post_processor);
  checkTemplate(template, model.vocab, added);
  return {
    model,
    byteLevel,
    normalizers: normal.map(({ read }) => read),
    preTokenizers: cut.map(({ read }) => read),
    decoders: decode.map(({ read }) => read),
    added,
    template,
    roles,
    endIds,
    config,
    chatTemplates: chatTemplatesOf(config, chatTemplate),
    chatTemplate,
    stages,
  };
}

/** @throws CheckpointError for an id that no token has: a model has no row for it */
function checkTemplate({ before, after }: Template, vocab: Vocabulary, added: readonly AddedToken[]): void {
  const strange = [...before, ...after].find(
    (id) => !vocab.ids.includes(id) && added.every((token) => token.id !== id),
  );
  if (strange === undefined) return;
  throw new CheckpointError(
    `tokenizer.json: post_processor: it puts id ${strange} around texts, which no token has, expected one of the ` +
      `${vocab.tokens.length} ids of the vocabulary or one of added_tokens. Correct it, or take another tokenizer.`,
    { found: strange },
  );
}

/** tokenizer.json of a spec, as Hugging Face tokenizers reads it. `model`: what the model's `json` gave. */
export const tokenizerJson = ({ added, stages, foundByScore }: TokenizerSpec, model: object): object => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: added.filter(({ id }) => !foundByScore?.has(id)),
  ...stages,
  model,
});

const parsed = (content: unknown, file: string): unknown =>
  typeof content === 'string' ? parseJson(content, file) : content;
