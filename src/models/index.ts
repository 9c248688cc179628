export { type ConfigDefaults, type CreateOptions, createModel } from './createModel.js';
export { type LoadOptions, loadModel } from './loadModel.js';
export type { ForwardOptions, KVCache, LanguageModel } from './model.js';
export { numParameters } from './numParameters.js';
export { type SaveOptions, saveModel } from './saveModel.js';
