import attention from '../../../kernels/attention/attention.wgsl';
import attentionBackwardBias from '../../../kernels/attention/attentionBackwardBias.wgsl';
import attentionBackwardKeyValue from '../../../kernels/attention/attentionBackwardKeyValue.wgsl';
import attentionBackwardQuery from '../../../kernels/attention/attentionBackwardQuery.wgsl';
import attentionBiasSum from '../../../kernels/attention/attentionBiasSum.wgsl';
import attentionDecode from '../../../kernels/attention/attentionDecode.wgsl';
import attentionDelta from '../../../kernels/attention/attentionDelta.wgsl';
import mergeHeads from '../../../kernels/attention/mergeHeads.wgsl';
import attentionShape from '../../../kernels/attention/shared/attentionShape.wgsl';
import attentionSlopes from '../../../kernels/attention/shared/attentionSlopes.wgsl';
import attentionTile from '../../../kernels/attention/shared/attentionTile.wgsl';
import splitHeads from '../../../kernels/attention/splitHeads.wgsl';
import add from '../../../kernels/elements/add.wgsl';
import addInto from '../../../kernels/elements/addInto.wgsl';
import dropout from '../../../kernels/elements/dropout.wgsl';
import gelu from '../../../kernels/elements/gelu.wgsl';
import geluBackward from '../../../kernels/elements/geluBackward.wgsl';
import relu from '../../../kernels/elements/relu.wgsl';
import reluBackward from '../../../kernels/elements/reluBackward.wgsl';
import adamW from '../../../kernels/optimizer/adamW.wgsl';
import clipScale from '../../../kernels/optimizer/clipScale.wgsl';
import sum from '../../../kernels/optimizer/sum.wgsl';
import sumBlocks from '../../../kernels/optimizer/sumBlocks.wgsl';
import broadcastRows from '../../../kernels/products/broadcastRows.wgsl';
import columnSum from '../../../kernels/products/columnSum.wgsl';
import gemmSkinnyNN from '../../../kernels/products/gemmSkinnyNN.wgsl';
import gemmSkinnyNT from '../../../kernels/products/gemmSkinnyNT.wgsl';
import gemmSum from '../../../kernels/products/gemmSum.wgsl';
import gemmMatrices from '../../../kernels/products/shared/gemmMatrices.wgsl';
import gemmNN from '../../../kernels/products/shared/gemmNN.wgsl';
import gemmNT from '../../../kernels/products/shared/gemmNT.wgsl';
import gemmShape from '../../../kernels/products/shared/gemmShape.wgsl';
import gemmThread4 from '../../../kernels/products/shared/gemmThread4.wgsl';
import gemmThread8 from '../../../kernels/products/shared/gemmThread8.wgsl';
import gemmThreads from '../../../kernels/products/shared/gemmThreads.wgsl';
import gemmTile from '../../../kernels/products/shared/gemmTile.wgsl';
import gemmTN from '../../../kernels/products/shared/gemmTN.wgsl';
import crossEntropy from '../../../kernels/rows/crossEntropy.wgsl';
import divergence from '../../../kernels/rows/divergence.wgsl';
import embedding from '../../../kernels/rows/embedding.wgsl';
import embeddingBackward from '../../../kernels/rows/embeddingBackward.wgsl';
import embeddingF16 from '../../../kernels/rows/embeddingF16.wgsl';
import embeddingInt8 from '../../../kernels/rows/embeddingInt8.wgsl';
import layerNorm from '../../../kernels/rows/layerNorm.wgsl';
import layerNormBackward from '../../../kernels/rows/layerNormBackward.wgsl';
import layerNormBackwardWeights from '../../../kernels/rows/layerNormBackwardWeights.wgsl';
import sample from '../../../kernels/rows/sample.wgsl';
import embeddingRows from '../../../kernels/rows/shared/embeddingRows.wgsl';
import hash from '../../../kernels/shared/hash.wgsl';
import math from '../../../kernels/shared/math.wgsl';
import reduce from '../../../kernels/shared/reduce.wgsl';

const attentionArguments = math + hash + attentionShape;
const attentionBackward = attentionArguments + attentionTile + attentionSlopes;
const gemmTiled = gemmShape + gemmTile;
const gemmLoops = { 4: gemmThreads + gemmThread4, 8: gemmThreads + gemmThread8, Matrices: gemmMatrices };

/** WGSL of each shader, with the files that it follows put before it. */
export const shaders = {
  adamW,
  add,
  addInto,
  attention: attentionArguments + attentionTile + attention,
  attentionBackwardBias: attentionBackward + attentionBackwardBias,
  attentionBackwardKeyValue: attentionBackward + attentionBackwardKeyValue,
  attentionBackwardQuery: attentionBackward + attentionBackwardQuery,
  attentionBiasSum,
  attentionDecode: attentionArguments + reduce + attentionDecode,
  attentionDelta,
  broadcastRows,
  clipScale: reduce + clipScale,
  columnSum,
  crossEntropy: math + reduce + crossEntropy,
  divergence: math + reduce + divergence,
  dropout: hash + dropout,
  embedding: embeddingRows + embedding,
  embeddingBackward,
  embeddingF16: embeddingRows + embeddingF16,
  embeddingInt8: embeddingRows + embeddingInt8,
  gelu: math + gelu,
  geluBackward: math + geluBackward,
  gemmNN4: gemmTiled + gemmNN + gemmLoops[4],
  gemmNN8: gemmTiled + gemmNN + gemmLoops[8],
  gemmNNMatrices: gemmTiled + gemmNN + gemmLoops.Matrices,
  gemmNT4: gemmTiled + gemmNT + gemmLoops[4],
  gemmNT8: gemmTiled + gemmNT + gemmLoops[8],
  gemmNTMatrices: gemmTiled + gemmNT + gemmLoops.Matrices,
  gemmTN4: gemmTiled + gemmTN + gemmLoops[4],
  gemmTN8: gemmTiled + gemmTN + gemmLoops[8],
  gemmTNMatrices: gemmTiled + gemmTN + gemmLoops.Matrices,
  gemmSkinnyNN: gemmShape + gemmSkinnyNN,
  gemmSkinnyNT: gemmShape + gemmSkinnyNT,
  gemmSum,
  layerNorm: reduce + layerNorm,
  layerNormBackward: reduce + layerNormBackward,
  layerNormBackwardWeights,
  mergeHeads,
  relu,
  reluBackward,
  sample: math + reduce + sample,
  splitHeads,
  sum: reduce + sum,
  sumBlocks: reduce + sumBlocks,
} as const;
export type ShaderName = keyof typeof shaders;

/** The element type and, where a shader has per-thread arrays, their sizes: an `override` cannot give those. */
export function prelude(headBlocks: number): string {
  return `alias elem = f32;\n${headBlocks > 0 ? `const HEAD_BLOCKS: u32 = ${headBlocks}u;\n` : ''}`;
}
