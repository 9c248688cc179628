/**
 * What decoder-only models share: prompt and answer are one run of tokens, so an answer has the positions that the
 * prompt leaves, labels are the tokens shifted by one, and decoding continues a cache of the tokens before.
 */
import type { LabelledBatch, Sample, TokenBatch } from '../data/batch.js';
import { rows, run, settleWeight, Tensor, tidy, type Weight } from '../tensor/index.js';
import type { ModelBase } from './family.js';
import { createKVCache, type KVCache } from './kvCache.js';
import type { Decoding, ForwardOptions, LanguageModel } from './model.js';
import { type ForwardPass, startPass } from './pass.js';
import { positionIds } from './positions.js';

/** What a family of decoder-only models says of one model. */
export interface Decoder {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly maxPositions: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly head: Weight;
  /** @param positions each token's index in its row, row-major over the batch */
  forward(pass: ForwardPass, positions: Int32Array): Tensor;
}

/**
 * From so many new tokens on, and for at most so many answers at once, the weights of a model in training are settled for
 * its answers, and rearranged again by the next training step. On WASM that takes 10% off 8 answers of 40 and of 100
 * tokens, and adds 5% to 16 and to 32 answers (student of 4 layers of 256, one thread, 256-bit vectors, processor time).
 */
const SETTLED_TOKENS = 32;
const SETTLED_ROWS = 8;

export function decoderModel(base: ModelBase, decoder: Decoder): LanguageModel {
  const { device, parameters } = base;
  const { vocabSize, hiddenSize, numLayers, maxPositions, numKvHeads, headDim, head } = decoder;

  const forward = (batch: TokenBatch, options: ForwardOptions = {}, cache?: KVCache): Tensor => {
    const positions = positionIds(base.family, batch, cache?.past ?? 0, maxPositions);
    const trained = [...parameters.values()].some(({ requiresGrad }) => requiresGrad);
    const hidden = decoder.forward(startPass(batch, { ...options, device, trained, cache }), positions);
    if (cache) cache.past += batch.seq;
    return hidden;
  };

  return {
    ...base,
    ...{ vocabSize, hiddenSize, numLayers, maxPositions, head },
    forward: (batch, options) => forward(batch, options),
    collate: collateDecoder,
    room: (promptLength) => maxPositions - promptLength,
    startDecoding(prompts, newTokens) {
      if (newTokens >= SETTLED_TOKENS && prompts.length <= SETTLED_ROWS) {
        for (const weight of base.weights.values()) settleWeight(weight);
      }
      // The last new token is never fed back, so it needs no place.
      const capacity = Math.max(...prompts.map(({ length }) => length)) + newTokens - 1;
      const cache = createKVCache(device, { batch: prompts.length, capacity, numLayers, numKvHeads, headDim });
      return continueCache(prompts, cache, (batch, continued) => forward(batch, {}, continued));
    },
  };
}

/** Lengths are rounded up to a multiple of this, so that few different shapes occur. */
const STEP = 8;

/**
 * Pads samples on the right to one batch, with the id 0 to a length of a multiple of 8. labels[t] = ids[t + 1] where
 * token t + 1 belongs to the response (EOS included), else -100.
 */
function collateDecoder(samples: readonly Sample[]): LabelledBatch {
  const longest = Math.max(...samples.map(({ ids }) => ids.length));
  const seq = Math.ceil(longest / STEP) * STEP;
  const batch = samples.length;
  const ids = new Int32Array(batch * seq);
  const labels = new Int32Array(batch * seq).fill(-100);
  const keyRange = new Int32Array(2 * batch);
  samples.forEach((sample, row) => {
    const { length } = sample.ids;
    ids.set(sample.ids, row * seq);
    const firstResponse = Math.max(1, sample.promptLength);
    labels.set(sample.ids.subarray(firstResponse), row * seq + firstResponse - 1);
    keyRange[2 * row + 1] = length;
  });
  return { batch, seq, ids, keyRange, labels };
}

/**
 * Prompts are padded on the left to the longest, so that the newest position is the same in every row of the cache. The
 * row of a sequence that has left stays in the cache, unread. When at most half of the rows are in use, those are
 * copied to a smaller cache.
 * @param forward the batch continues the cache
 */
function continueCache(
  prompts: readonly Int32Array[],
  whole: KVCache,
  forward: (batch: TokenBatch, cache: KVCache) => Tensor,
): Decoding {
  const longest = Math.max(...prompts.map(({ length }) => length));
  let cache = whole;
  /** Of each row of the cache, the first position after the padding. */
  let firsts = Int32Array.from(prompts, ({ length }) => longest - length);
  /** The row of each sequence that runs. */
  let running = [...prompts.keys()];

  const nextBatch = (newest: Int32Array | undefined): TokenBatch => {
    if (!newest) return padLeft(prompts, longest);
    const ids = new Int32Array(firsts.length);
    running.forEach((row, i) => {
      ids[row] = newest[i] as number;
    });
    const end = cache.past + 1;
    const keyRange = Int32Array.from(Array.from(firsts, (first) => [first, end]).flat());
    return { batch: firsts.length, seq: 1, ids, keyRange };
  };

  return {
    next: (newest) =>
      tidy(() => {
        const batch = nextBatch(newest);
        const hidden = forward(batch, cache);
        const last = Int32Array.from(running, (row) => (row + 1) * batch.seq - 1);
        const ids = Tensor.from(hidden.device, last, [last.length], 'decoding.newest');
        return run(hidden.device, 'embedding', { table: rows(hidden), ids }, {}).y;
      }),
    keep(kept) {
      running = kept.map((index) => running[index] as number);
      if (2 * running.length > firsts.length) return;
      const smaller = cache.select(running);
      cache.dispose();
      cache = smaller;
      firsts = Int32Array.from(running, (row) => firsts[row] as number);
      running = [...running.keys()];
    },
    dispose: () => cache.dispose(),
  };
}

function padLeft(prompts: readonly Int32Array[], seq: number): TokenBatch {
  const ids = new Int32Array(prompts.length * seq);
  const keyRange = new Int32Array(2 * prompts.length);
  prompts.forEach((prompt, row) => {
    ids.set(prompt, (row + 1) * seq - prompt.length);
    keyRange.set([seq - prompt.length, seq], 2 * row);
  });
  return { batch: prompts.length, seq, ids, keyRange };
}
