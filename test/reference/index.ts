import type { KernelName } from '../../src/backend/kernels/index.js';
import * as attention from './attention.js';
import { add, addInto, dropout, gelu, geluBackward, relu, reluBackward } from './elements.js';
import { mergeHeads, splitHeads } from './heads.js';
import { adamW, clipScale, sum, sumSquares } from './optimizer.js';
import {
  broadcastRows,
  columnSum,
  gemmNN,
  gemmNNF16,
  gemmNNInt8,
  gemmNT,
  gemmNTF16,
  gemmNTInt8,
  gemmTN,
} from './products.js';
import { crossEntropy } from './rows/crossEntropy.js';
import { divergence } from './rows/divergence.js';
import { embedding, embeddingBackward, embeddingF16, embeddingInt8 } from './rows/embedding.js';
import { layerNorm, layerNormBackward, layerNormBackwardWeights } from './rows/norm.js';
import { sample } from './rows/sample.js';
import type { Reference } from './types.js';

/** What each kernel means, in float64. */
export const reference: { readonly [K in KernelName]: Reference<K> } = {
  gemmNN,
  gemmNT,
  gemmTN,
  gemmNNF16,
  gemmNTF16,
  gemmNNInt8,
  gemmNTInt8,
  broadcastRows,
  columnSum,
  embedding,
  embeddingF16,
  embeddingInt8,
  embeddingBackward,
  layerNorm,
  layerNormBackward,
  layerNormBackwardWeights,
  gelu,
  geluBackward,
  relu,
  reluBackward,
  add,
  addInto,
  dropout,
  splitHeads,
  mergeHeads,
  attention: attention.attention,
  attentionDelta: attention.attentionDelta,
  attentionBackwardQuery: attention.attentionBackwardQuery,
  attentionBackwardBias: attention.attentionBackwardBias,
  attentionBackwardKeyValue: attention.attentionBackwardKeyValue,
  crossEntropy,
  divergence,
  sample,
  sum,
  sumSquares,
  clipScale,
  adamW,
};
