/**
 * Checkpoints: what a stored model offers, whatever stores it. `openCheckpoint` finds the kind; a kind is one file that
 * makes a `Checkpoint` (config fields, tensors as stored, tokenizer files, prompt template, adapter): the Hugging Face
 * folder, and GGUF, whose header gives the config fields and the tokenizer's files, and whose blocks are tensors with
 * dtypes of their own. Nothing here converts a tensor: models choose what the stored bits become.
 */
export type { Checkpoint, CheckpointAdapter, CheckpointConfig } from './checkpoint.js';
export { adapterConfig, adapterWeights, manifestFile, templateFile } from './huggingFace.js';
export { inheritedOf } from './inheritedFiles.js';
export {
  type CheckpointSource,
  checkpointOption,
  type OpenCheckpointOptions,
  openCheckpoint,
} from './openCheckpoint.js';
export { adviceOfOther } from './otherArchitectures.js';
