/**
 * The tokenizer as an object. Its vocabulary, merges and encoder are in WebAssembly memory, which `dispose` frees.
 */
import * as z from 'zod';
import { CheckpointError, CompatibilityError, OptionError } from '../errors.js';
import { inWords } from '../inWords.js';
import { requireOption } from '../requireOption.js';
import { checkOptions, type Fields, instance, ranges, special } from '../settings/index.js';
import type { AddedToken, SpecialRole } from './addedTokens.js';
import { Installer } from './installer.js';
import { TextInstance } from './instance.js';
import { specFrom, type TokenizerSource, type TokenizerSpec, tokenizerJson } from './tokenizerSpec.js';
import { bytesAt, copyWords, type TextExports, TextInput, wordsAt, writeTexts } from './wasm.js';

/** How a text is encoded. */
export interface EncodeOptions {
  /** Put the tokens around the text that the tokenizer's files ask for (GPT-2: none; OPT: BOS first). Default true. */
  readonly addSpecialTokens?: boolean;
  /**
   * Which special tokens are recognised when they are spelt out in the text: all (default, as Hugging Face does), none,
   * or these. The others are encoded like any other text. Untrusted text should be encoded with 'none'.
   */
  readonly allowedSpecial?: 'all' | 'none' | readonly string[];
}

/** How ids become text. */
export interface DecodeOptions {
  /**
   * Leave special tokens out. As in Hugging Face, one that is found by another spelling than its content (normalized: true
   * under a normalizer that changes it) stays. Default false.
   */
  readonly skipSpecialTokens?: boolean;
}

/** Decodes ids as they come; text is held back until it cannot change any more. */
export interface StreamingDecoder {
  /** Text that these ids complete; '' when they end inside a character, or in tokens of bytes. @throws CompatibilityError */
  push(ids: number | ArrayLike<number>): string;
  /** What was held back (U+FFFD for an incomplete character); the decoder can then be used again. */
  end(): string;
}

/** Text to token ids and back, with the ids of Hugging Face tokenizers. Holds memory until `dispose`. */
export interface Tokenizer {
  /** Highest token id + 1, added tokens included: the least width of the logits of a model that fits. */
  readonly vocabSize: number;
  /** Id of the token that begins a text, where there is one. */
  readonly bosTokenId: number | undefined;
  /** Id of the token that ends a text, where there is one. */
  readonly eosTokenId: number | undefined;
  /**
   * All ids at which a model stops, eosTokenId first: generation_config.json, else config.json, may name more. For
   * `generate`. Empty where there is no eosTokenId.
   */
  readonly eosTokenIds: readonly number[];
  /** Id of the padding token, where there is one. Nothing here needs it. */
  readonly padTokenId: number | undefined;
  /** Ids of all special tokens. */
  readonly specialTokenIds: ReadonlySet<number>;
  /** Chat templates of the tokenizer's files (Jinja) by name, see `createChatTemplate`. Empty where there is none. */
  readonly chatTemplates: ReadonlyMap<string, string>;
  /** Ids of a text. Unpaired surrogates count as U+FFFD. @throws OptionError; LimitError for a text above 2^26 characters. */
  encode(text: string, options?: EncodeOptions): Int32Array<ArrayBuffer>;
  /** Ids of each text. @throws OptionError, LimitError */
  encodeBatch(texts: readonly string[], options?: EncodeOptions): Int32Array<ArrayBuffer>[];
  /**
   * Text of ids; bytes that are not UTF-8 give U+FFFD. An id without a token gives no text: models may have more rows
   * than the tokenizer has tokens.
   * @throws CompatibilityError for a number that is no id: anything but an integer from 0 to 2^31 - 1
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** A decoder for ids that come one after another. */
  stream(options?: DecodeOptions): StreamingDecoder;
  /** Id of a token as the files spell it ("Ġthe"). */
  tokenToId(token: string): number | undefined;
  /**
   * A token as the files spell it; undefined for an id without one.
   * @throws CompatibilityError for a number that is no id: anything but an integer from 0 to 2^31 - 1
   */
  idToToken(id: number): string | undefined;
  /**
   * The files of a Hugging Face folder by name: tokenizer.json, tokenizer_config.json, special_tokens_map.json, and
   * chat_template.jinja where the tokenizer came with one.
   */
  save(): Record<string, string>;
  /** Frees the memory. Twice is harmless; use after it throws DisposedError. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/** Takes a tokenizer, for options and arguments. */
export const tokenizerOption = instance<Tokenizer>(
  'a tokenizer, as loadTokenizer gives it after await',
  'encode',
  'idToToken',
);

const encodeOptions = z.strictObject({
  addSpecialTokens: ranges.switched.default(true),
  allowedSpecial: special<'all' | 'none' | readonly string[]>(
    "'all', 'none', or a list of special tokens",
    (value) =>
      value === 'all' || value === 'none' || (Array.isArray(value) && value.every((each) => typeof each === 'string')),
  ).default('all'),
} satisfies Fields<EncodeOptions>);
const decodeOptions = z.strictObject({
  skipSpecialTokens: ranges.switched.default(false),
} satisfies Fields<DecodeOptions>);

/** Bytes a call into WebAssembly: V8 swaps in optimised code only between calls. */
const ENCODE_STEP = 1 << 14;
const CHECK_STEP = 1 << 10;

/**
 * A tokenizer from the parsed or raw content of its files: `tokenizer.json`, or `vocab.json` and `merges.txt` of
 * byte-level BPE. Gives the ids of Hugging Face tokenizers.
 * @throws CheckpointError when a file is malformed or asks for a component that is not known
 */
export function createTokenizer(source: TokenizerSource): Tokenizer {
  return new PipelineTokenizer(specFrom(source));
}

class PipelineTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | undefined;
  readonly specialTokenIds: ReadonlySet<number>;
  readonly chatTemplates: ReadonlyMap<string, string>;
  readonly #instance = new TextInstance('The tokenizer');
  readonly #input = new TextInput();
  readonly #spec: TokenizerSpec;
  #ids: Map<string, number> | undefined;
  #skipped: ReadonlySet<number> | undefined;
  #asText: readonly AddedToken[] = [];

  constructor(spec: TokenizerSpec) {
    this.#spec = spec;
    this.chatTemplates = spec.chatTemplates;
    this.specialTokenIds = new Set(spec.added.filter(({ special }) => special).map(({ id }) => id));
    try {
      this.vocabSize = load(this.#instance, spec, this.specialTokenIds);
    } catch (error) {
      this.#instance.dispose();
      throw error;
    }
    this.bosTokenId = spec.roles.bos?.id;
    this.eosTokenId = spec.roles.eos?.id;
    this.padTokenId = spec.roles.pad?.id;
    const ends = this.eosTokenId === undefined ? [] : [this.eosTokenId, ...spec.endIds];
    this.eosTokenIds = [...new Set(ends)].filter((id) => id < this.vocabSize && this.idToToken(id) !== undefined);
  }

  encode(text: string, options: EncodeOptions = {}) {
    return this.#encode(text, checkOptions('encode', encodeOptions, options));
  }

  #encode(text: string, { addSpecialTokens, allowedSpecial }: z.output<typeof encodeOptions>) {
    requireOption('encode', 'text', text, typeof text === 'string', 'a string');
    const wasm = this.#instance.use();
    this.#allow(allowedSpecial);
    const input = this.#input.write(wasm, text);
    wasm.beginEncode(input.at, input.length);
    while (!wasm.continueEncode(ENCODE_STEP));
    const { before, after } = this.#spec.template;
    const length = wasm.encodedLength();
    const encoded = wordsAt(wasm, wasm.encodedAt(), length);
    if (!addSpecialTokens || before.length + after.length === 0) return encoded.slice();
    const ids = new Int32Array(before.length + length + after.length);
    ids.set(before);
    ids.set(encoded, before.length);
    ids.set(after, before.length + length);
    return ids;
  }

  encodeBatch(texts: readonly string[], options: EncodeOptions = {}) {
    requireOption('encodeBatch', 'texts', texts, Array.isArray(texts), 'a list of strings');
    const checked = checkOptions('encodeBatch', encodeOptions, options);
    return texts.map((text) => this.#encode(text, checked));
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const checked = checkOptions('decode', decodeOptions, options);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#decode(this.#kept(ids, checked), 0, true).bytes);
  }

  stream(options: DecodeOptions = {}): StreamingDecoder {
    const checked = checkOptions('stream', decodeOptions, options);
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let waiting: number[] = [];
    let seen = 0;
    const decode = (ids: ArrayLike<number>, isLast: boolean) => {
      const all = [...waiting, ...Array.from<number>(this.#kept(ids, checked))];
      const result = this.#decode(all, seen, isLast);
      seen = isLast ? 0 : result.seen;
      waiting = all.slice(all.length - result.heldBack);
      return result.bytes;
    };
    return {
      push: (ids) => decoder.decode(decode(typeof ids === 'number' ? [ids] : ids, false), { stream: true }),
      end: () => decoder.decode(decode([], true)),
    };
  }

  tokenToId(token: string): number | undefined {
    if (!this.#ids) {
      this.#ids = new Map();
      for (let id = 0; id < this.vocabSize; id++) {
        const text = this.idToToken(id);
        if (text !== undefined) this.#ids.set(text, id);
      }
      for (const { content, id } of this.#spec.added) this.#ids.set(content, id);
    }
    return this.#ids.get(token);
  }

  idToToken(id: number): string | undefined {
    const wasm = this.#instance.use();
    if (!wasm.hasToken(checkedId('idToToken', id))) return undefined;
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      bytesAt(wasm, wasm.tokenTextAt(id), wasm.tokenTextLength(id)),
    );
  }

  save(): Record<string, string> {
    const wasm = this.#instance.use();
    const model = this.#spec.model.json({
      mergePairs: wordsAt(wasm, wasm.mergesAt(), wasm.mergesLength() * 2).slice(),
      tokenOf: (id) => this.idToToken(id) as string,
    });
    const roles = Object.fromEntries(
      (Object.keys(this.#spec.roles) as SpecialRole[]).map((role) => [
        `${role}_token`,
        this.#spec.roles[role]?.content,
      ]),
    );
    const config = { tokenizer_class: 'PreTrainedTokenizerFast', clean_up_tokenization_spaces: false };
    const files = {
      'tokenizer.json': tokenizerJson(this.#spec, model),
      'tokenizer_config.json': { ...config, ...this.#spec.config, ...roles },
      'special_tokens_map.json': roles,
    };
    const { chatTemplate } = this.#spec;
    return {
      ...Object.fromEntries(Object.entries(files).map(([name, json]) => [name, `${JSON.stringify(json, null, 2)}\n`])),
      ...(chatTemplate !== undefined && { 'chat_template.jinja': chatTemplate }),
    };
  }

  dispose(): void {
    this.#instance.dispose();
    this.#ids = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #kept(ids: ArrayLike<number>, { skipSpecialTokens }: z.output<typeof decodeOptions>): ArrayLike<number> {
    requireOption('decode', 'ids', ids, typeof Object(ids).length === 'number', 'a list of token ids');
    // Holes of an array count: they would be the id 0.
    for (let i = 0; i < ids.length; i++) checkedId('decode', ids[i] as number);
    if (!skipSpecialTokens) return ids;
    this.#skipped ??= this.#skippedIds();
    const skipped = this.#skipped;
    return Array.from(ids).filter((id) => !skipped.has(id));
  }

  /**
   * Ids that `skipSpecialTokens` leaves out. As in Hugging Face tokenizers the text of a token decides, not its id: one
   * that is found by its normal form has that for its text, and stays where the normal form is no special token's content.
   */
  #skippedIds(): ReadonlySet<number> {
    const contents = new Set(this.#spec.added.filter(({ special }) => special).map(({ content }) => content));
    const isSkipped = ({ id }: AddedToken) => contents.has(this.idToToken(id) as string);
    return new Set(this.#spec.added.filter(isSkipped).map(({ id }) => id));
  }

  /** UTF-8 of ids, in the instance's memory: valid until the next call. `seen`: what the call before returned. */
  #decode(ids: ArrayLike<number>, seen: number, isLast: boolean) {
    const wasm = this.#instance.use();
    const at = copyWords(wasm, ids);
    const seenNow = wasm.decode(at, ids.length, seen, isLast);
    wasm.release(at);
    const bytes = bytesAt(wasm, wasm.decodedAt(), wasm.decodedLength()) as Uint8Array<ArrayBuffer>;
    return { bytes, seen: seenNow, heldBack: wasm.decodedHeldBack() };
  }

  #allow(allowed: 'all' | 'none' | readonly string[]): void {
    if (allowed === 'all' && this.#asText.length === 0) return;
    const wasm = this.#instance.use();
    const special = this.#spec.added.filter((token) => token.special);
    if (typeof allowed === 'object') {
      const stranger = allowed.find((content) => !special.some((token) => token.content === content));
      if (stranger !== undefined) {
        throw new OptionError(
          `encode: allowedSpecial names ${JSON.stringify(stranger)}, which is no special token; there are ${JSON.stringify(special.map(({ content }) => content))}.`,
          { found: stranger },
        );
      }
    }
    const asText = allowed === 'all' ? [] : special.filter(({ content }) => !allowed.includes(content));
    for (const token of this.#asText) wasm.setAsText(token.id, false);
    for (const token of asText) wasm.setAsText(token.id, true);
    this.#asText = asText;
  }
}

/** WebAssembly would take 0.5 and 2^32 for the id 0. */
function checkedId(where: string, id: number): number {
  if (Number.isInteger(id) && id >= 0 && id < 2 ** 31) return id;
  throw new CompatibilityError(`${where}: ${inWords(id)} is no token id, expected an integer from 0 to 2^31 - 1.`, {
    found: id,
  });
}

/** Fills an instance; returns the number of ids. */
function load(instance: TextInstance, spec: TokenizerSpec, specialIds: ReadonlySet<number>): number {
  const wasm = instance.use();
  const { model, added } = spec;
  const count = added.reduce((end, { id }) => Math.max(end, id + 1), model.vocab.end);
  wasm.openVocabulary(count, spec.byteLevel);
  wasm.openEncoder();
  wasm.openDecoder();
  defineVocabulary(wasm, spec);
  const into = new Installer(wasm);
  model.install(into, specialIds);
  for (const install of [...spec.normalizers, ...spec.preTokenizers, ...spec.decoders]) install(into);
  for (const token of added) {
    const { at, length } = into.text(token.content);
    const flags =
      (token.single_word ? 1 : 0) | (token.lstrip ? 2 : 0) | (token.rstrip ? 4 : 0) | (token.normalized ? 8 : 0);
    wasm.addToken(token.id, at, length, flags | (token.special ? 0 : 32));
  }
  wasm.openWords(model.ignoresMerges);
  for (let first = 0; model.knowsWords && first < count; first += CHECK_STEP) {
    wasm.checkWords(first, Math.min(first + CHECK_STEP, count));
  }
  wasm.fillWords();
  return count;
}

function defineVocabulary(wasm: TextExports, { model, byteLevel }: TokenizerSpec): void {
  const { tokens, ids } = model.vocab;
  const text = writeTexts(wasm, tokens);
  const idsAt = copyWords(wasm, ids);
  const taken = wasm.defineModel(text.at, text.length, idsAt, tokens.length);
  wasm.release(idsAt);
  if (taken < 0) return;
  throw new CheckpointError(
    taken < tokens.length
      ? `vocab: id ${ids[taken]} belongs to two tokens, ${JSON.stringify(tokens[taken])} is the second.`
      : `vocab: a token contains U+0000, which ${byteLevel ? 'the byte alphabet does not have' : 'is not supported'}.`,
  );
}
