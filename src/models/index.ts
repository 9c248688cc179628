export { type CheckTokenizerOptions, checkTokenizer } from './checkTokenizer.js';
export { type ConfigDefaults, type CreateOptions, createModel, exampleConfig } from './createModel.js';
export {
  type CheckpointFacts,
  type InspectOptions,
  inspectCheckpoint,
  type LoraFacts,
  type MissingPart,
  type ModelFacts,
  type SpecialToken,
  type StoredFacts,
  type TokenizerFacts,
} from './inspectCheckpoint.js';
export type { KeptLayers } from './keptLayers.js';
export { type LoadOptions, loadModel } from './loadModel.js';
export type { LoraOptions } from './lora/options.js';
export { type MemoryPlan, requireMemory } from './memory.js';
export type { Decoding, ForwardOptions, LanguageModel, LoraAdapter } from './model.js';
export { numParameters } from './numParameters.js';
export { type SaveOptions, saveModel } from './saveModel.js';
