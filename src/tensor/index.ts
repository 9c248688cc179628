/**
 * Tensors, automatic differentiation and the fused operations that models are written in. An operation's file has its
 * forward and backward pass side by side; entries/tensor.ts says which of these names are public.
 */

export { type WeightFormat, weightFormats } from '../backend/kernels/formats.js';
export { sizeOf } from '../shape.js';
export { asRead, checkpointed } from './checkpointed.js';
export { gemm } from './gemm.js';
export { adaptedLinear, type LowRank } from './ops/adaptedLinear.js';
export { add } from './ops/add.js';
export {
  type AttentionOptions,
  attention,
  type LayerCache,
  type PositionBias,
  type Projections,
} from './ops/attention.js';
export { type ComparedRows, comparedRows, compareRows } from './ops/compareRows.js';
export {
  type DivergenceLosses,
  type DivergenceOperands,
  type DivergenceSpec,
  divergenceFromTop,
  divergenceOf,
} from './ops/divergence.js';
export { dropout } from './ops/dropout.js';
export { embedding } from './ops/embedding.js';
export { geGLU } from './ops/geGLU.js';
export { gelu } from './ops/gelu.js';
export { geluErf } from './ops/geluErf.js';
export { layerNorm } from './ops/layerNorm.js';
export { linear } from './ops/linear.js';
export {
  crossEntropyRows,
  divergenceRows,
  headLogits,
  ignoredLabel,
  type Logits,
  type LogitsChunk,
  type LossOptions,
  linearCrossEntropy,
  linearDivergence,
  linearLosses,
  logitsAtOnce,
  type RowLoss,
  type SummedLoss,
  type SummedLosses,
  withLabels,
} from './ops/linearLoss.js';
export { policyGradientRows, type Rollout } from './ops/policyGradient.js';
export { coarseKinds, linearTopTokens, topDivergenceRows } from './ops/predictions.js';
export { relu } from './ops/relu.js';
export { rmsNorm } from './ops/rmsNorm.js';
export { scale } from './ops/scale.js';
export { swiGLU } from './ops/swiGLU.js';
export { swish } from './ops/swish.js';
export { type ReducedRows, reduceToTop, type TopTokens, topTokens } from './ops/topTokens.js';
export { transpose } from './rounding.js';
export { flat, type Given, type Outputs, rows, run, type View } from './run.js';
export { keep, tidy } from './scope.js';
export {
  activeTape,
  type Backward,
  clearGradients,
  disposeGradients,
  type GradientBuffer,
  type Gradients,
  reserveGradients,
  Tape,
} from './tape.js';
export { Tensor } from './tensor.js';
export { asF32, type Floats, madeValues, tensorOf, type Values } from './values.js';
export {
  disposeWeight,
  type F16Weight,
  type F32Weight,
  f16Weight,
  f32Weight,
  fileDTypeOf,
  holdWeight,
  type Int4Weight,
  type Int8Weight,
  int4Weight,
  int8Weight,
  loadWeight,
  type MatrixValues,
  multiply,
  multiplyTransposed,
  readWeight,
  settleWeight,
  trainedValues,
  type Weight,
  type WeightLayout,
  weightBytes,
} from './weights/index.js';
