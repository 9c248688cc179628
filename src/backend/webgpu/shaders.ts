import adamW from '../../../kernels/adamW.wgsl';
import add from '../../../kernels/add.wgsl';
import addInto from '../../../kernels/addInto.wgsl';
import attention from '../../../kernels/attention.wgsl';
import attentionBackwardBias from '../../../kernels/attentionBackwardBias.wgsl';
import attentionBackwardKeyValue from '../../../kernels/attentionBackwardKeyValue.wgsl';
import attentionBackwardQuery from '../../../kernels/attentionBackwardQuery.wgsl';
import attentionBiasSum from '../../../kernels/attentionBiasSum.wgsl';
import attentionDecode from '../../../kernels/attentionDecode.wgsl';
import attentionDelta from '../../../kernels/attentionDelta.wgsl';
import attentionShape from '../../../kernels/attentionShape.wgsl';
import attentionSlopes from '../../../kernels/attentionSlopes.wgsl';
import attentionTile from '../../../kernels/attentionTile.wgsl';
import broadcastRows from '../../../kernels/broadcastRows.wgsl';
import clipScale from '../../../kernels/clipScale.wgsl';
import columnSum from '../../../kernels/columnSum.wgsl';
import crossEntropy from '../../../kernels/crossEntropy.wgsl';
import divergence from '../../../kernels/divergence.wgsl';
import dropout from '../../../kernels/dropout.wgsl';
import embedding from '../../../kernels/embedding.wgsl';
import embeddingBackward from '../../../kernels/embeddingBackward.wgsl';
import embeddingF16 from '../../../kernels/embeddingF16.wgsl';
import embeddingInt8 from '../../../kernels/embeddingInt8.wgsl';
import embeddingRows from '../../../kernels/embeddingRows.wgsl';
import gelu from '../../../kernels/gelu.wgsl';
import geluBackward from '../../../kernels/geluBackward.wgsl';
import gemmMatrices from '../../../kernels/gemmMatrices.wgsl';
import gemmNN from '../../../kernels/gemmNN.wgsl';
import gemmNT from '../../../kernels/gemmNT.wgsl';
import gemmShape from '../../../kernels/gemmShape.wgsl';
import gemmSkinnyNN from '../../../kernels/gemmSkinnyNN.wgsl';
import gemmSkinnyNT from '../../../kernels/gemmSkinnyNT.wgsl';
import gemmSum from '../../../kernels/gemmSum.wgsl';
import gemmThread4 from '../../../kernels/gemmThread4.wgsl';
import gemmThread8 from '../../../kernels/gemmThread8.wgsl';
import gemmThreads from '../../../kernels/gemmThreads.wgsl';
import gemmTile from '../../../kernels/gemmTile.wgsl';
import gemmTN from '../../../kernels/gemmTN.wgsl';
import hash from '../../../kernels/hash.wgsl';
import layerNorm from '../../../kernels/layerNorm.wgsl';
import layerNormBackward from '../../../kernels/layerNormBackward.wgsl';
import layerNormBackwardWeights from '../../../kernels/layerNormBackwardWeights.wgsl';
import math from '../../../kernels/math.wgsl';
import mergeHeads from '../../../kernels/mergeHeads.wgsl';
import reduce from '../../../kernels/reduce.wgsl';
import relu from '../../../kernels/relu.wgsl';
import reluBackward from '../../../kernels/reluBackward.wgsl';
import sample from '../../../kernels/sample.wgsl';
import splitHeads from '../../../kernels/splitHeads.wgsl';
import sum from '../../../kernels/sum.wgsl';
import sumBlocks from '../../../kernels/sumBlocks.wgsl';

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
