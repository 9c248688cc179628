/// <reference lib="esnext.disposable" preserve="true" />
/**
 * distillm distils language models on WebGPU or WebAssembly, in Node and browsers.
 *
 * Open a device, load a teacher and a student, read instructions, and iterate over `distill`. Tensors, operations and
 * kernels have an entry of their own, `distillm/tensor`, for authors of models and losses; `distillm/testing` checks a
 * device.
 * @module distillm
 */

export type { Device, DeviceInfo, MemoryUse } from './backend/backend.js';
export { type AdapterFacts, type DeviceReport, examineDevices, type FoundDevice } from './backend/examineDevices.js';
export { type DeviceOptions, openDevice } from './backend/openDevice.js';
export {
  type ChromeTrace,
  type ChromeTraceEvent,
  type KernelProfile,
  type PhaseProfile,
  type Profile,
  startProfile,
} from './backend/profile.js';
export type { WasmOptions } from './backend/wasm/index.js';
export type { OwnGPUDevice, WebGPUOptions } from './backend/webgpu/options.js';
export {
  type Checkpoint,
  type CheckpointAdapter,
  type CheckpointConfig,
  type CheckpointSource,
  type OpenCheckpointOptions,
  openCheckpoint,
} from './checkpoints/index.js';
// Not by way of data/: only who asks for it gets the interpreter of Jinja.
export {
  type ChatTemplate,
  type ChatTemplateOptions,
  createChatTemplate,
  type RenderedChat,
} from './data/chat/chatTemplate.js';
export {
  type ChatMessage,
  type ChatPrompt,
  type ChatRole,
  type EncodeInstructionOptions,
  type Example,
  encodeInstruction,
  encodePrompt,
  type GivenRecords,
  type GivenText,
  type HoldOutOrder,
  type Instruction,
  type InstructionData,
  type InstructionFields,
  type LabelledBatch,
  type PromptFields,
  type PromptOptions,
  type PromptTemplate,
  type PromptTemplateName,
  promptTemplates,
  type ReadInstructionsOptions,
  type ReadRecordsOptions,
  type ReadTextOptions,
  type RecordKind,
  readInstructions,
  readPrompts,
  readText,
  readTokenizerTexts,
  recordKind,
  type Sample,
  type SkipInvalid,
  type SkippedRecords,
  savedTemplate,
  type TemplateChoice,
  type TextSource,
  type TextSources,
  type TokenBatch,
} from './data/index.js';
export * from './distill/losses/factories.js';
export type { Divergence } from './distill/losses/index.js';
export type { BestBy, DistillSettings, RunSettings } from './distill/settings.js';
export * from './distill/sgo/factories.js';
export type { BatchSource, SgoPolicy, ValidationEffect } from './distill/sgo/index.js';
export {
  type BestValidation,
  type CheckpointEvent,
  type DeviceEvent,
  type DistillOptions,
  distill,
  type EndEvent,
  type FineTuneOptions,
  fineTune,
  type MemoryEstimate,
  type RunEstimate,
  type StartEvent,
  type StepEvent,
  type TimeEstimate,
  type TrainingData,
  type TrainingEvent,
  type TrainingRun,
  type ValidationEvent,
  type ValidationExample,
  type ValidationSample,
  type WaitedEvent,
  type WaitingEvent,
} from './distill/trainer/index.js';
export {
  CheckpointError,
  CompatibilityError,
  DataError,
  DeviceError,
  DisposedError,
  DistillmError,
  type ErrorCode,
  type FittingChange,
  LimitError,
  OptionError,
  ShapeError,
  TrainingError,
} from './errors.js';
export {
  type FinishReason,
  type GenerateOptions,
  type GenerateTextOptions,
  type GenerationMemory,
  generate,
  generateBatches,
  generateText,
  type PlanGenerationOptions,
  planGeneration,
  type StreamOptions,
  streamText,
  streamTokens,
  type TextAnswer,
  type TextPiece,
  type TextPrompt,
} from './generation/index.js';
export {
  type BlockDType,
  type DownloadProgress,
  type FileStore,
  type HttpStoreOptions,
  type HubOptions,
  httpStore,
  type MemoryStore,
  memoryStore,
  type OnProgress,
  readJson,
  type StoredDType,
  type StoredTensor,
  type StoreListing,
  type StoreLock,
  type TensorSource,
} from './io/index.js';
export {
  type BleuScore,
  bleu,
  exactMatch,
  hasRougeWords,
  meanRougeL,
  type RougeOptions,
  rougeL,
} from './metrics/index.js';
export {
  type CheckpointFacts,
  type CheckTokenizerOptions,
  type ConfigDefaults,
  type CreateOptions,
  checkTokenizer,
  createModel,
  type Decoding,
  exampleConfig,
  type ForwardOptions,
  type InspectOptions,
  inspectCheckpoint,
  type KeptLayers,
  type LanguageModel,
  type LoadOptions,
  type LoraAdapter,
  type LoraFacts,
  type LoraOptions,
  loadModel,
  type MemoryPlan,
  type MissingPart,
  type ModelFacts,
  numParameters,
  requireMemory,
  type SaveOptions,
  type SpecialToken,
  type StoredFacts,
  saveModel,
  type TokenizerFacts,
} from './models/index.js';
export { type OpenOptions, openFolder } from './platform/openFolder.js';
export type { WeightFormat } from './tensor/index.js';
export {
  createRng,
  type DecodeOptions,
  type EncodeOptions,
  eosDifference,
  type LoadTokenizerOptions,
  loadTokenizer,
  type Rng,
  type RngState,
  type SamplerOptions,
  type SpecialTokens,
  type StreamingDecoder,
  type TiktokenOptions,
  type Tokenizer,
  type TokenizerTrainer,
  type TrainTokenizerOptions,
  tokenizerTrainer,
  trainTokenizer,
} from './text/index.js';
