/** Training of a vocabulary: byte-level BPE, here, or Unigram (training/). */
import * as z from 'zod';
import { DisposedError, OptionError } from '../errors.js';
import { refusedOption } from '../requireOption.js';
import { checkOption, checkOptions, type Fields, ranges, special } from '../settings/index.js';
import type { SpecialTokens } from './addedTokens.js';
import { byteAlphabet } from './formats/byteAlphabet.js';
import { TextInstance } from './instance.js';
import { createTokenizer, type Tokenizer } from './tokenizer.js';
import { unigramWords } from './training/unigramWords.js';
import { allocate, bytesAt, copyWords, type TextExports, TextInput, wordsAt } from './wasm.js';

/** What vocabulary is trained. */
export interface TrainTokenizerOptions {
  /**
   * Tokens in all: special tokens, 256 bytes, and merges or pieces. Training ends earlier when no pair is left, or no
   * text that occurs twice.
   */
  readonly vocabSize: number;
  /**
   * 'bpe' joins the most frequent pairs, over bytes (GPT-2); 'unigram' keeps the pieces that make the texts most likely, and
   * spells rare characters in bytes (T5's kind of model). 'bpe' by default.
   */
  readonly model?: 'bpe' | 'unigram';
  /** They get the first ids, in the order bos, eos, unk, pad, additional. Unigram has an unk, '<unk>' by default. */
  readonly specialTokens?: SpecialTokens;
}

const token = z.string('a string').optional();
const trainOptions = z.strictObject({
  vocabSize: ranges.count,
  model: ranges.choice(['bpe', 'unigram']).default('bpe'),
  specialTokens: z
    .strictObject({
      bos: token,
      eos: token,
      unk: token,
      pad: token,
      additional: z.array(z.string('a string'), 'a list of strings').readonly().default([]),
    } satisfies Fields<SpecialTokens>)
    .prefault({}),
} satisfies Fields<TrainTokenizerOptions>);
/** Not a text itself, whose characters would be the texts. */
const textsOption = special<Iterable<string>>(
  'a list of texts',
  (value) => typeof value === 'object' && typeof Object(value)[Symbol.iterator] === 'function',
);

/** Work between two calls into WebAssembly, which lets the engine swap in optimised code. */
const COUNT_STEP = 1 << 16;
const MERGE_STEP = 64;

/** Takes the texts that a tokenizer is trained on, one after another: they need not be in memory together. */
export interface TokenizerTrainer {
  /** Counts the words of a text. @throws LimitError above 2^26 characters; DisposedError after `train` */
  add(text: string): void;
  /** The tokenizer of all texts. The trainer's memory is freed: a second call throws DisposedError. */
  train(): Tokenizer;
  /** Frees the memory of a trainer that is not to train. Twice is harmless. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * Trains a byte-level BPE vocabulary with GPT-2's pre-tokenizer: the merges of Hugging Face's BpeTrainer with
 * `initial_alphabet=ByteLevel.alphabet()`. With model 'unigram', pieces as those of its UnigramTrainer. The result depends on
 * the texts and options alone.
 * @throws OptionError; LimitError for a text above 2^26 characters
 */
export function trainTokenizer(texts: Iterable<string>, options: TrainTokenizerOptions): Tokenizer {
  const where = 'trainTokenizer';
  checkOption(where, 'texts', texts, textsOption);
  const trainer = startTrainer(where, options);
  try {
    let count = 0;
    for (const text of texts) {
      if (typeof text !== 'string') throw refusedOption(where, `texts[${count}]`, text, 'a string');
      count++;
      trainer.add(text);
    }
    return trainer.train();
  } finally {
    trainer.dispose();
  }
}

/**
 * The same for texts that come one by one.
 * @example
 * const trainer = tokenizerTrainer({ vocabSize: 4096, specialTokens: { eos: '<|endoftext|>' } });
 * for await (const text of readTokenizerTexts('openwebtext.txt.gz')) trainer.add(text);
 * const tokenizer = trainer.train();
 * @throws OptionError
 */
export const tokenizerTrainer = (options: TrainTokenizerOptions): TokenizerTrainer =>
  startTrainer('tokenizerTrainer', options);

function startTrainer(where: string, options: TrainTokenizerOptions): TokenizerTrainer {
  const { vocabSize, model, specialTokens } = checkOptions(where, trainOptions, options);
  const { bos, eos, unk, pad, additional } = specialTokens;
  const tokens = [...new Set([bos, eos, unk, pad, ...additional])].filter((token) => token !== undefined);
  const alphabet = byteAlphabet();
  for (const token of tokens) {
    if (token !== '' && !alphabet.includes(token)) continue;
    throw new OptionError(
      `${where}: special token ${JSON.stringify(token)} is ${token === '' ? 'empty' : 'the token of a byte'}.`,
      { found: token },
    );
  }
  if (model === 'unigram')
    return startUnigram(where, tokens, { vocabSize, specialTokens: options.specialTokens ?? {} });
  checkOption(where, 'vocabSize', vocabSize, ranges.integer(tokens.length + 256, 2 ** 24 - 1));

  const instance = new TextInstance('The trainer');
  const input = new TextInput();
  instance.use().openTrainer(tokens.length + 256);
  return {
    add(text) {
      const wasm = instance.use();
      checkOption(where, 'text', text, z.string('a string'));
      const { at, length } = input.write(wasm, text);
      const end = at + length;
      for (let p = at; p < end; ) p = wasm.countWords(p, Math.min(p + COUNT_STEP, end), end) >>> 0;
    },
    train() {
      try {
        return mergeWords(instance.use(), tokens, { vocabSize, specialTokens: options.specialTokens ?? {} });
      } finally {
        instance.dispose();
      }
    },
    dispose: () => instance.dispose(),
    [Symbol.dispose]: () => instance.dispose(),
  };
}

function startUnigram(
  where: string,
  special: readonly string[],
  { vocabSize, specialTokens }: { vocabSize: number; specialTokens: SpecialTokens },
): TokenizerTrainer {
  const words = unigramWords(where, { vocabSize, special, specialTokens });
  let open = true;
  const use = () => {
    if (!open) throw new DisposedError('The trainer was disposed. Make a new one.');
    return words;
  };
  const dispose = () => {
    open = false;
  };
  return {
    add(text) {
      checkOption(where, 'text', text, z.string('a string'));
      use().add(text);
    },
    train() {
      const trained = use().train();
      dispose();
      return trained;
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** Merges pairs in the words that were counted. `tokens`: the special tokens. */
function mergeWords(
  wasm: TextExports,
  tokens: string[],
  { vocabSize, specialTokens = {} }: TrainTokenizerOptions,
): Tokenizer {
  const alphabet = byteAlphabet();
  const byteIds = new Uint32Array(256);
  const add = (bytes: readonly number[]) => {
    const at = allocate(wasm, bytes.length);
    bytesAt(wasm, at, bytes.length).set(bytes);
    wasm.addTrainedToken(at, bytes.length);
    wasm.release(at);
  };
  for (const token of tokens) {
    // A special token that merges could spell as well keeps its id when they do.
    const bytes = Array.from(token, (character) => alphabet.indexOf(character));
    add(bytes.includes(-1) ? [] : bytes);
  }
  // The trainer orders the bytes by their characters.
  const ordered = Array.from(alphabet.keys()).sort((a, b) =>
    (alphabet[a] as string) < (alphabet[b] as string) ? -1 : 1,
  );
  for (const byte of ordered) {
    byteIds[byte] = tokens.length;
    add([byte]);
    tokens.push(alphabet[byte] as string);
  }
  const idsAt = copyWords(wasm, byteIds);
  wasm.startMerges(idsAt, vocabSize);
  while (!wasm.trainSome(MERGE_STEP, vocabSize));

  const trained = wordsAt(wasm, wasm.trainedAt(), wasm.trainedLength() * 3);
  const merges: [string, string][] = [];
  for (let i = 0; i < trained.length; i += 3) {
    const left = tokens[trained[i] as number] as string;
    const right = tokens[trained[i + 1] as number] as string;
    merges.push([left, right]);
    tokens[trained[i + 2] as number] = left + right;
  }
  return createTokenizer({
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
    specialTokens,
  });
}
