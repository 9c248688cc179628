/**
 * The border to the module of assembly/text/: its exports, and how texts and ids are copied into its memory. The memory
 * may grow with any call that allocates, of this object or of another, and its old buffer is empty then: no view
 * outlives a call.
 */
import { formatBytes, LimitError } from '../errors.js';
import { toUnicodeForm, unicodeForms } from './unicodeForms.js';

/** What assembly/text/index.ts exports. Addresses and lengths are bytes unless said otherwise there. */
export interface TextExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  allocate(size: number): number;
  release(at: number): void;
  freeAll(): void;
  intact(): number;
  heapAllocate(size: number): number;
  heapFree(at: number): void;

  openVocabulary(count: number, byteLevel: boolean): void;
  defineModel(text: number, length: number, ids: number, count: number): number;
  setUnknown(unknownId: number, fuse: boolean, byteFallback: boolean): void;
  defineMerges(text: number, length: number, count: number, separator: number, cuts: boolean): number;
  openUnigram(scores: number, unknownId: number, price: number, byteFallback: boolean, singlePrecision: boolean): void;
  growUnigram(first: number, last: number): void;
  defineAutomaton(ranges: number, count: number, table: number, columns: number): number;
  addPrepend(text: number, length: number): void;
  addReplace(automaton: number, text: number, length: number): void;
  addStrip(left: boolean, right: boolean): void;
  addPrecompiled(charsmap: number, length: number): number;
  addUnicodeForm(form: number): void;
  addSentencePiece(charsmap: number, length: number, flags: number): number;
  addGpt2Words(): void;
  addSplit(automaton: number, behavior: number, invert: boolean): void;
  addDigits(individual: boolean): void;
  addSpaced(text: number, length: number, scheme: number): void;
  addSplitBefore(text: number, length: number): void;
  openDecoder(): void;
  addReplaceDecoder(automaton: number, text: number, length: number): void;
  addByteFallbackDecoder(): void;
  addFuseDecoder(): void;
  addStripDecoder(text: number, length: number, start: number, stop: number): void;
  addMetaspaceDecoder(text: number, length: number, strips: boolean): void;
  categoriesAt(): number;
  categoriesLength(): number;
  spacesAt(): number;
  spacesLength(): number;
  openEncoder(): void;
  addToken(id: number, text: number, length: number, flags: number): void;
  setAsText(id: number, asText: boolean): void;
  openWords(ignoreMerges: boolean): void;
  checkWords(first: number, last: number): void;
  fillWords(): void;
  hasToken(id: number): number;
  beginEncode(text: number, length: number): void;
  continueEncode(budget: number): number;
  encodedAt(): number;
  encodedLength(): number;
  decode(ids: number, count: number, seen: number, isLast: boolean): number;
  decodedAt(): number;
  decodedLength(): number;
  decodedHeldBack(): number;
  tokenTextAt(id: number): number;
  tokenTextLength(id: number): number;
  mergesAt(): number;
  mergesLength(): number;

  openTrainer(tokens: number): void;
  countWords(at: number, stop: number, end: number): number;
  addTrainedToken(at: number, length: number): void;
  startMerges(vocabSize: number): void;
  spellSome(byteIds: number, words: number): number;
  trainSome(steps: number, vocabSize: number): number;
  trainedAt(): number;
  trainedLength(): number;

  seedGenerator(state: number, seed: number): void;
  uniform(state: number): number;
  below(state: number, n: number): number;
  shuffle(state: number, words: number, count: number): void;

  openSampler(temperature: number, topK: number, topP: number, repetitionPenalty: number, ngram: number): void;
  banToken(id: number): void;
  openRow(vocab: number): number;
  openSequence(seed: number): number;
  extendSequence(sequence: number, count: number): number;
  closeSequence(sequence: number): void;
  sampleRow(sequence: number): number;

  openReplay(capacity: number): void;
  replaySize(): number;
  replayRngAt(): number;
  pushSample(ids: number, length: number, promptLength: number): void;
  sampleLength(index: number): number;
  samplePromptLength(index: number): number;
  readSample(index: number, to: number): void;
  drawIndices(count: number, to: number): void;
}

/** Bytes of the largest block that the allocator can give; see assembly/text/memory.ts. */
export const LARGEST_BLOCK = 31 * 2 ** 25 - 64;

/** Memory for as many bytes. The caller releases the address. @throws LimitError where there is no such block */
export function allocate(wasm: TextExports, bytes: number): number {
  requireRoom(bytes + 16);
  return wasm.allocate(bytes) >>> 0;
}

/** @throws LimitError for more than a block: sizes reach WebAssembly as 32 bits, and larger ones would lose some */
export function requireRoom(bytes: number): void {
  if (bytes <= LARGEST_BLOCK) return;
  throw new LimitError(
    `${formatBytes(bytes)} of ids, logits or text are given at a time, at most ${formatBytes(LARGEST_BLOCK)} are ` +
      'possible. Split them.',
    { found: bytes, expected: LARGEST_BLOCK },
  );
}

/** WebAssembly gives addresses from 2 GiB on as negative numbers. */
export const bytesAt = (wasm: TextExports, at: number, length: number) =>
  new Uint8Array(wasm.memory.buffer, at >>> 0, length);

/** 32-bit words. */
export const wordsAt = (wasm: TextExports, at: number, length: number) =>
  new Int32Array(wasm.memory.buffer, at >>> 0, length);

/** Copies numbers in as 32-bit words. The caller releases the address. */
export function copyWords(wasm: TextExports, words: ArrayLike<number>): number {
  const at = allocate(wasm, words.length * 4);
  wordsAt(wasm, at, words.length).set(words);
  return at;
}

const encoder = new TextEncoder();

/** @throws LimitError for one that is longer than the engine's longest string: NFKC makes 18 characters of some */
function normalForm(text: string, form: number): string {
  try {
    return toUnicodeForm(text, form);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new LimitError(`The ${unicodeForms[form]} of the text is longer than a string can be. Split it.`, { cause });
  }
}

/** Puts `length` bytes of text at `at` into a normal form. Returns a block with the result's length, then the result. */
export function writeUnicodeForm(wasm: TextExports, form: number, at: number, length: number): number {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesAt(wasm, at, length));
  const result = encoder.encode(normalForm(text, form));
  const to = allocate(wasm, 4 + result.length);
  wordsAt(wasm, to, 1)[0] = result.length;
  bytesAt(wasm, to + 4, result.length).set(result);
  return to;
}

/** In characters: three bytes each as text and four bytes each as ids still fit the allocator's blocks. */
const MAX_TEXT = 2 ** 26;

/** UTF-8 texts written into an instance's memory, in one buffer that grows to the longest and is used again. */
export class TextInput {
  #at = 0;
  #capacity = 0;

  /** Writes `text`, unpaired surrogates as U+FFFD. The address holds until the next call. @throws LimitError */
  write(wasm: TextExports, text: string): { at: number; length: number } {
    if (text.length > MAX_TEXT) {
      throw new LimitError(`The text has ${text.length} characters, at most ${MAX_TEXT} are possible. Split it.`, {
        found: text.length,
        expected: MAX_TEXT,
      });
    }
    // English is one byte a character; other texts need a second round at most, at three bytes each.
    this.#reserve(wasm, text.length + (text.length >> 4) + 64, 0);
    let { read, written } = encoder.encodeInto(text, bytesAt(wasm, this.#at, this.#capacity));
    if (read < text.length) {
      this.#reserve(wasm, written + (text.length - read) * 3, written);
      const rest = encoder.encodeInto(text.slice(read), bytesAt(wasm, this.#at + written, this.#capacity - written));
      written += rest.written;
    }
    bytesAt(wasm, this.#at + written, 16).fill(0);
    return { at: this.#at, length: written };
  }

  #reserve(wasm: TextExports, capacity: number, keep: number): void {
    if (capacity <= this.#capacity) return;
    const at = allocate(wasm, capacity);
    if (keep > 0) bytesAt(wasm, at, keep).set(bytesAt(wasm, this.#at, keep));
    if (this.#at !== 0) wasm.release(this.#at);
    this.#at = at;
    this.#capacity = capacity;
  }
}

/** Writes texts, each ended by a 0 byte. The caller releases the address. */
export function writeTexts(wasm: TextExports, texts: readonly string[]): { at: number; length: number } {
  const joined = texts.length === 0 ? '' : `${texts.join('\0')}\0`;
  const at = allocate(wasm, joined.length * 3);
  const { written } = encoder.encodeInto(joined, bytesAt(wasm, at, joined.length * 3));
  return { at, length: written };
}
