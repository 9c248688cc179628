export type { FileStore, StoreListing } from './fileStore.js';
export { httpStore } from './httpStore.js';
export { readJson } from './json.js';
export { type MemoryStore, memoryStore } from './memoryStore.js';
export { openSafetensors, openWeights, type WeightFiles } from './safetensors.js';
export { type TensorToWrite, type WriteOptions, writeSafetensors } from './writeSafetensors.js';
