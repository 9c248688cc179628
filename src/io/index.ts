/**
 * Files: stores (a folder on disk, memory, a web server) behind one contract, and the formats that are read from and
 * written to them byte by byte. `checkpoints` and `models` know what the files mean as a model.
 */
export { blobStore } from './blobStore.js';
export type { FileStore, StoreListing, StoreLock } from './fileStore.js';
export { type DownloadProgress, type HttpStoreOptions, httpStore, type OnProgress } from './httpStore.js';
export type { HubOptions } from './hub/hubOptions.js';
export { readJson } from './json.js';
export { type MemoryStore, memoryStore } from './memoryStore.js';
export { openSafetensors, type SafetensorsFile } from './safetensors.js';
export {
  type BlockDType,
  readElements,
  readFloats,
  type StoredDType,
  type StoredTensor,
  type TensorSource,
} from './tensorSource.js';
export { type TensorToWrite, type WriteOptions, writeSafetensors } from './writeSafetensors.js';
