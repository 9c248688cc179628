/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The floor below models: tensors, differentiable operations, the optimizer, and the kernels that a device runs. For
 * authors of models, losses and training loops, and for benchmarks.
 *
 * Operations take and return `Tensor`s. Recorded by a `Tape`, they can be differentiated; within `tidy`, intermediate
 * tensors are freed. `run` calls one kernel of the table `kernels` by name, without recording.
 * @module distillm/tensor
 */
export type {
  Device,
  KernelCall,
  KernelObserver,
  Storage,
  TypedArray,
} from '../backend/backend.js';
export {
  type Dims,
  type DivergenceKind,
  type DType,
  type Extent,
  type KernelName,
  type KernelSpec,
  kernels,
  type OperandSpec,
  type Params,
  type ParamType,
} from '../backend/kernels/index.js';
export { tuneDevice } from '../backend/tuneDevice.js';
export type { WebGPUDevice } from '../backend/webgpu/device.js';
export { f16ToF32, f32ToF16 } from '../halfFloats.js';
export { packInt4 } from '../int4.js';
export { type AdamW, type AdamWOptions, createAdamW, type Moments } from '../optim/index.js';
export {
  type AttentionOptions,
  add,
  attention,
  type Backward,
  checkpointed,
  clearGradients,
  crossEntropyRows,
  type DivergenceSpec,
  disposeWeight,
  divergenceRows,
  dropout,
  embedding,
  type F16Weight,
  type F32Weight,
  f16Weight,
  f32Weight,
  flat,
  type Given,
  type GradientBuffer,
  type Gradients,
  geGLU,
  gelu,
  geluErf,
  gemm,
  headLogits,
  type Int4Weight,
  type Int8Weight,
  ignoredLabel,
  int4Weight,
  int8Weight,
  keep,
  type LayerCache,
  type Logits,
  type LogitsChunk,
  type LossOptions,
  layerNorm,
  linear,
  linearCrossEntropy,
  linearDivergence,
  linearLosses,
  multiply,
  multiplyTransposed,
  type Outputs,
  type PositionBias,
  type Projections,
  type RowLoss,
  relu,
  rmsNorm,
  rows,
  run,
  type SummedLoss,
  type SummedLosses,
  scale,
  sizeOf,
  swiGLU,
  swish,
  Tape,
  Tensor,
  tidy,
  type View,
  type Weight,
  type WeightFormat,
  type WeightLayout,
  weightFormats,
} from '../tensor/index.js';
