/** Training of a vocabulary, byte-level BPE or Unigram: what is trained, on texts at once or one by one. */
import * as z from 'zod';
import { DisposedError, OptionError } from '../errors.js';
import { runInTurns, runThrough } from '../pausable.js';
import { refusedOption } from '../requireOption.js';
import { checkOption, checkOptions, type Fields, ranges, signalOption, special } from '../settings/index.js';
import type { SpecialTokens } from './addedTokens.js';
import { byteAlphabet } from './formats/byteAlphabet.js';
import type { Tokenizer } from './tokenizer.js';
import { bpeWords } from './training/bpeWords.js';
import type { Training } from './training/training.js';
import { unigramWords } from './training/unigramWords.js';

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

/** Takes the texts that a tokenizer is trained on, one after another: they need not be in memory together. */
export interface TokenizerTrainer {
  /** Counts the words of a text. @throws LimitError above 2^26 characters; DisposedError after `train` */
  add(text: string): void;
  /**
   * The tokenizer of all texts. Other work of the thread has its turns meanwhile. The trainer's memory is freed: a second call
   * throws DisposedError.
   * @throws what the signal was aborted with; DisposedError where `dispose` was called meanwhile
   */
  train(options?: { readonly signal?: AbortSignal }): Promise<Tokenizer>;
  /** Frees the memory of a trainer that is not to train. Twice is harmless. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

const trainingOptions = z.strictObject({ signal: signalOption.optional() });

/**
 * Trains a byte-level BPE vocabulary with GPT-2's pre-tokenizer: the merges of Hugging Face's BpeTrainer with
 * `initial_alphabet=ByteLevel.alphabet()`. With model 'unigram', pieces as those of its UnigramTrainer. The result depends on
 * the texts and options alone. Nothing else of the thread is heard meanwhile: `tokenizerTrainer` takes turns with it.
 * @throws OptionError; LimitError for a text above 2^26 characters
 */
export function trainTokenizer(texts: Iterable<string>, options: TrainTokenizerOptions): Tokenizer {
  const where = 'trainTokenizer';
  checkOption(where, 'texts', texts, textsOption);
  const training = startTraining(where, options);
  try {
    let count = 0;
    for (const text of texts) {
      if (typeof text !== 'string') throw refusedOption(where, `texts[${count}]`, text, 'a string');
      count++;
      training.add(text);
    }
    return runThrough(training.run());
  } finally {
    training.free();
  }
}

/**
 * The same for texts that come one by one.
 * @example
 * const trainer = tokenizerTrainer({ vocabSize: 4096, specialTokens: { eos: '<|endoftext|>' } });
 * for await (const text of readTokenizerTexts('openwebtext.txt.gz')) trainer.add(text);
 * const tokenizer = await trainer.train();
 * @throws OptionError
 */
export function tokenizerTrainer(options: TrainTokenizerOptions): TokenizerTrainer {
  const where = 'tokenizerTrainer';
  const training = startTraining(where, options);
  let isOpen = true;
  const requireOpen = () => {
    if (!isOpen) throw new DisposedError('The trainer was disposed. Make a new one.');
  };
  const dispose = () => {
    isOpen = false;
    training.free();
  };
  return {
    add(text) {
      requireOpen();
      checkOption(where, 'text', text, z.string('a string'));
      training.add(text);
    },
    async train(given = {}) {
      requireOpen();
      const { signal } = checkOptions(where, trainingOptions, given);
      isOpen = false;
      try {
        return await runInTurns(training.run(), signal);
      } finally {
        training.free();
      }
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** @throws OptionError */
function startTraining(where: string, options: TrainTokenizerOptions): Training {
  const { vocabSize, model, specialTokens } = checkOptions(where, trainOptions, options);
  const { bos, eos, unk, pad, additional } = specialTokens;
  const special = [...new Set([bos, eos, unk, pad, ...additional])].filter((token) => token !== undefined);
  const alphabet = byteAlphabet();
  for (const token of special) {
    if (token !== '' && !alphabet.includes(token)) continue;
    throw new OptionError(
      `${where}: special token ${JSON.stringify(token)} is ${token === '' ? 'empty' : 'the token of a byte'}.`,
      { found: token },
    );
  }
  const wanted = { vocabSize, special, specialTokens: options.specialTokens ?? {} };
  return model === 'unigram' ? unigramWords(where, wanted) : bpeWords(where, wanted);
}
