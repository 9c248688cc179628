/** Plain text to training samples of one length. */
import * as z from 'zod';
import { DataError } from '../errors.js';
import { checkOptions, type Fields, ranges } from '../settings/index.js';
import { createRng, type Rng, type Tokenizer, tokenizerOption } from '../text/index.js';
import type { Sample } from './batch.js';
import { readDocuments } from './documents.js';
import { RecordCount, type SkipInvalid, skipOption } from './records.js';
import { plainEncoding } from './shorten.js';
import { checkSources, namesOf, sourcesOf, type TextSources } from './source.js';

/** How text becomes samples. */
export interface ReadTextOptions {
  /** The student's. */
  readonly tokenizer: Tokenizer;
  /** Tokens a sample, at least 2; default 512. */
  readonly length?: number;
  /**
   * At most so many samples, each as likely to be among them as any other: a run reads steps times batchSize, and a
   * corpus may have more than memory holds. Default: all of them, in order.
   */
  readonly limit?: number | undefined;
  /** Decides which samples a limit keeps, an integer from 0 to 2^53 - 1; default 0. */
  readonly seed?: number;
  /** What becomes of malformed lines of `.jsonl` files. Default false: they are an error. */
  readonly skipInvalid?: SkipInvalid | undefined;
}

const readOptions = z.strictObject({
  tokenizer: tokenizerOption,
  length: ranges.integer(2).default(512),
  limit: ranges.count.optional(),
  seed: ranges.seed.default(0),
  skipInvalid: skipOption,
} satisfies Fields<ReadTextOptions>);

/**
 * Plain text for the auxiliary language-modelling loss (the paper takes OpenWebText): documents (separated by blank
 * lines; in `.jsonl` files, the `text` of each line) are joined by EOS and cut into samples of `length` tokens. Every
 * token but a sample's first is predicted. The last, shorter piece is kept when it holds at least two tokens. Files are
 * read in pieces: only the tokens of the samples stay in memory, 4 bytes each.
 * @param sources a file's path or URL, a File or Blob, text, records with a field `text`, or several of these
 * @throws OptionError; DataError when there is no text or JSONL lines are malformed.
 */
export async function readText(sources: TextSources, options: ReadTextOptions): Promise<Sample[]> {
  checkSources('readText', sources);
  const { tokenizer, length, limit, seed, skipInvalid } = checkOptions('readText', readOptions, options);
  const separator = tokenizer.eosTokenId;
  if (separator === undefined) throw new DataError('The tokenizer has no EOS token, which must separate documents.');
  const count = new RecordCount(skipInvalid);
  const samples = new SampleCutter(length, limit, seed);
  for (const source of sourcesOf(sources)) {
    for await (const { text, begins } of readDocuments(source, count)) {
      if (begins && samples.tokens > 0) samples.add(Int32Array.of(separator));
      samples.add(tokenizer.encode(text, plainEncoding));
    }
  }
  count.end();
  if (samples.tokens > 0) samples.add(Int32Array.of(separator));
  if (samples.tokens < 2) throw new DataError(`${namesOf(sources)} holds no text.`);
  return samples.end();
}

/** Cuts a stream of tokens into samples of one length, and keeps a uniform choice of them where there is a limit. */
class SampleCutter {
  readonly #length: number;
  readonly #limit: number;
  readonly #rng: Rng;
  readonly #samples: Sample[] = [];
  /** Samples so far, kept or not. */
  #cut = 0;
  #open: Int32Array<ArrayBuffer>;
  #filled = 0;
  /** Of all that was added. */
  tokens = 0;

  constructor(length: number, limit = Number.POSITIVE_INFINITY, seed = 0) {
    this.#length = length;
    this.#limit = limit;
    this.#rng = createRng(seed);
    this.#open = new Int32Array(length);
  }

  add(ids: Int32Array): void {
    this.tokens += ids.length;
    for (let at = 0; at < ids.length; ) {
      const part = ids.subarray(at, at + this.#length - this.#filled);
      this.#open.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < this.#length) return;
      this.#keep();
    }
  }

  end(): Sample[] {
    if (this.#filled >= 2) this.#keep();
    return this.#samples;
  }

  /** Vitter's algorithm R: sample i takes the place of a kept one with the chance limit / i. */
  #keep(): void {
    this.#cut++;
    const isKept = this.#samples.length < this.#limit;
    const place = isKept ? this.#samples.length : this.#rng.int(this.#cut);
    if (place < this.#limit) this.#samples[place] = { ids: this.#open.slice(0, this.#filled), promptLength: 1 };
    this.#filled = 0;
  }
}
