/**
 * What decoder-only models share: prompt and answer are one run of tokens, so an answer has the positions that the
 * prompt leaves, labels are the tokens shifted by one, and decoding continues a cache of the tokens before.
 */
import type { LabelledBatch, Sample, TokenBatch } from '../data/batch.js';
import { ignoredLabel, settleWeight, type Tensor, tidy, type Weight } from '../tensor/index.js';
import type { ModelBase } from './family.js';
import { createKVCache, type KVCache } from './kvCache.js';
import type { Decoding, ForwardOptions, LanguageModel } from './model.js';
import { padLeft, padRight } from './padding.js';
import { type ForwardPass, startPass, underSeed } from './pass.js';
import { positionIds } from './positions.js';
import { runningRows } from './runningRows.js';

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
    const pass = startPass(batch, { ...options, device, trained, cache });
    const hidden = underSeed(options.dropoutSeed, () => decoder.forward(pass, positions));
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

/**
 * Pads samples on the right to one batch. labels[t] = ids[t + 1] where token t + 1 belongs to the response (EOS
 * included) or to what the sample's loss mask counts, else -100.
 */
function collateDecoder(samples: readonly Sample[]): LabelledBatch {
  const padded = padRight(samples.map(({ ids }) => ids));
  const labels = new Int32Array(padded.ids.length).fill(ignoredLabel);
  samples.forEach(({ ids, promptLength, lossMask }, row) => {
    const firstResponse = Math.max(1, promptLength);
    labels.set(ids.subarray(firstResponse), row * padded.seq + firstResponse - 1);
    lossMask?.forEach((counts, at) => {
      if (at > 0) labels[row * padded.seq + at - 1] = counts ? (ids[at] as number) : ignoredLabel;
    });
  });
  return { ...padded, labels };
}

/**
 * Prompts are padded on the left to the longest, so that the newest position is the same in every row of the cache.
 * @param forward the batch continues the cache
 */
function continueCache(
  prompts: readonly Int32Array[],
  whole: KVCache,
  forward: (batch: TokenBatch, cache: KVCache) => Tensor,
): Decoding {
  const first = padLeft(prompts);
  const running = runningRows(prompts.length);
  let cache = whole;
  /** Of each row of the cache, the first position after the padding. */
  let firsts = first.keyRange.filter((_, i) => i % 2 === 0);

  const continuedBy = (newest: Int32Array): TokenBatch => {
    const end = cache.past + 1;
    const keyRange = Int32Array.from(Array.from(firsts, (first) => [first, end]).flat());
    return { batch: firsts.length, seq: 1, ids: running.spread(newest), keyRange };
  };

  return {
    next: (newest) => tidy(() => running.newestOf(forward(newest ? continuedBy(newest) : first, cache))),
    keep(indices) {
      running.keep(indices, (kept) => {
        const smaller = cache.select(kept);
        cache.dispose();
        cache = smaller;
        firsts = Int32Array.from(kept, (row) => firsts[row] as number);
      });
    },
    dispose: () => cache.dispose(),
  };
}
