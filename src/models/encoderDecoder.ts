/**
 * What encoder-decoder models share: the encoder reads the prompt, once, with the token that ends a text; the answer is a
 * sequence of its own, which begins with a start token and reads the encoder's states by cross-attention. So a prompt
 * costs an answer no positions, and labels are the answer as it is.
 */
import type { LabelledBatch, Sample, TokenBatch } from '../data/batch.js';
import { namedSeed } from '../random.js';
import { ignoredLabel, Tensor, tidy, type Weight } from '../tensor/index.js';
import type { ModelBase } from './family.js';
import { createKVCache, type KVCache } from './kvCache.js';
import type { Decoding, ForwardOptions, LanguageModel } from './model.js';
import { padRight } from './padding.js';
import { type ForwardPass, startPass } from './pass.js';
import { runningRows } from './runningRows.js';

/** What a family of encoder-decoder models says of one model. */
export interface EncoderDecoder {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Blocks of the decoder. */
  readonly numLayers: number;
  /** Blocks of the encoder. */
  readonly numEncoderLayers: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly head: Weight;
  /** Begins each answer. */
  readonly startTokenId: number;
  /** Ends each prompt, whether it is there or not. */
  readonly endTokenId: number;
  /** The states of a prompt's tokens, [batch, seq, hiddenSize]. */
  encode(pass: ForwardPass): Tensor;
  /** Hidden states of an answer's tokens, [batch, seq, hiddenSize]. */
  decode(pass: ForwardPass, source: EncodedSource): Tensor;
}

/** What a decoder reads of the encoder. */
export interface EncodedSource {
  /** i32 [batch, 2]: where the tokens of each prompt are. */
  readonly keyRange: Tensor;
  /** What the encoder gave; undefined once the cache holds the keys and values of it. */
  readonly states: Tensor | undefined;
  /** Of cross-attention, while answers are decoded. */
  readonly cache: KVCache | undefined;
}

/** Caches of answers under way. */
interface Caches {
  /** The answers' own keys and values. */
  readonly answers: KVCache;
  /** Those of the encoder's states: stored by the first step, read by all. */
  readonly source: KVCache;
}

export function encoderDecoderModel(base: ModelBase, model: EncoderDecoder): LanguageModel {
  const { device, parameters } = base;
  const { vocabSize, hiddenSize, numLayers, numEncoderLayers, numHeads, headDim, head, startTokenId, endTokenId } =
    model;

  const forward = (batch: TokenBatch, options: ForwardOptions = {}, caches?: Caches): Tensor => {
    const source = batch.source as TokenBatch;
    const trained = [...parameters.values()].some(({ requiresGrad }) => requiresGrad);
    const { dropoutSeed, ...others } = options;
    /** Layers of both stacks are counted from 0: their masks differ by the stack's name. */
    const optionsOf = (stack: 'encoder' | 'decoder') => ({
      ...{ ...others, device, trained },
      ...(dropoutSeed !== undefined && { dropoutSeed: namedSeed(dropoutSeed, stack) }),
    });
    const isRead = caches !== undefined && caches.answers.past > 0;
    const states = isRead ? undefined : model.encode(startPass(source, optionsOf('encoder')));
    const keyRange = Tensor.from(device, source.keyRange, [source.batch, 2], 'source.keyRange');
    const pass = startPass(batch, { ...optionsOf('decoder'), cache: caches?.answers });
    const hidden = model.decode(pass, { keyRange, states, cache: caches?.source });
    if (caches) caches.answers.past += batch.seq;
    return hidden;
  };

  const ended = (prompt: Int32Array) =>
    prompt.at(-1) === endTokenId ? prompt : Int32Array.from([...prompt, endTokenId]);
  const cachesOf = (batch: number, { answer, source }: { answer: number; source: number }): Caches => {
    const shape = { batch, numLayers, numKvHeads: numHeads, headDim };
    const answers = createKVCache(device, { ...shape, capacity: answer });
    try {
      return { answers, source: createKVCache(device, { ...shape, capacity: source }) };
    } catch (error) {
      answers.dispose();
      throw error;
    }
  };

  return {
    ...base,
    ...{ vocabSize, hiddenSize, numLayers, numEncoderLayers, head, startTokenId },
    // What is known of a position is how far others are from it.
    maxPositions: Number.POSITIVE_INFINITY,
    room: () => Number.POSITIVE_INFINITY,
    forward: (batch, options) => forward(batch, options),
    collate: (samples) => collateEncoderDecoder(samples, { startTokenId, ended }),
    startDecoding(prompts, newTokens) {
      const source = padRight(prompts.map(ended));
      // The start token is fed, the last new token never is.
      const caches = cachesOf(prompts.length, { answer: newTokens, source: source.seq });
      return continueAnswers(source, caches, startTokenId, (batch, continued) => forward(batch, {}, continued));
    },
  };
}

/** Answers and prompts, each padded on the right. An input is the answer behind the start token, without its last. */
function collateEncoderDecoder(
  samples: readonly Sample[],
  { startTokenId, ended }: { readonly startTokenId: number; readonly ended: (prompt: Int32Array) => Int32Array },
): LabelledBatch {
  const answers = samples.map(({ ids, promptLength }) => ids.subarray(promptLength));
  const inputs = padRight(answers.map((answer) => Int32Array.from([startTokenId, ...answer.subarray(0, -1)])));
  const labels = new Int32Array(inputs.ids.length).fill(ignoredLabel);
  answers.forEach((answer, row) => {
    const { lossMask, promptLength } = samples[row] as Sample;
    labels.set(
      lossMask ? answer.map((id, at) => (lossMask[promptLength + at] ? id : ignoredLabel)) : answer,
      row * inputs.seq,
    );
  });
  const source = padRight(samples.map(({ ids, promptLength }) => ended(ids.subarray(0, promptLength))));
  return { ...inputs, labels, source };
}

/**
 * Answers of the same length, so that none needs padding.
 * @param forward the batch continues the caches
 */
function continueAnswers(
  prompts: TokenBatch,
  whole: Caches,
  startTokenId: number,
  forward: (batch: TokenBatch, caches: Caches) => Tensor,
): Decoding {
  const running = runningRows(prompts.batch);
  let caches = whole;
  let source = prompts;
  const dispose = () => {
    for (const cache of [caches.answers, caches.source]) cache.dispose();
  };
  const batchOf = (newest: Int32Array | undefined): TokenBatch => {
    const { batch } = source;
    const end = caches.answers.past + 1;
    const ids = newest ? running.spread(newest) : new Int32Array(batch).fill(startTokenId);
    return { batch, seq: 1, ids, keyRange: Int32Array.from({ length: 2 * batch }, (_, i) => (i % 2) * end), source };
  };
  return {
    next: (newest) => tidy(() => running.newestOf(forward(batchOf(newest), caches))),
    keep(indices) {
      running.keep(indices, (kept) => {
        const answers = caches.answers.select(kept);
        const smaller = { answers, source: caches.source.select(kept) };
        dispose();
        caches = smaller;
        source = rowsOf(source, kept);
      });
    },
    dispose,
  };
}

/** Some rows of a batch, in the order of `rows`. */
function rowsOf({ seq, ids, keyRange }: TokenBatch, rows: readonly number[]): TokenBatch {
  const of = (values: Int32Array, width: number) =>
    Int32Array.from(rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]));
  return { batch: rows.length, seq, ids: of(ids, seq), keyRange: of(keyRange, 2) };
}
