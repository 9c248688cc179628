/**
 * Checkpoints: what a stored model offers, whatever stores it. `openCheckpoint` finds the kind; a kind is one file that
 * makes a `Checkpoint` (config fields, tensors as stored, tokenizer files, prompt template). Today there is one kind,
 * the Hugging Face folder. A GGUF file is to be another: its header gives the config fields and writes the tokenizer's
 * files, its blocks are tensors with dtypes of their own. A PEFT folder is to fill a further part, `adapter`: its
 * config, and its tensors as another `TensorSource`. Nothing here converts a tensor: models choose what the stored bits
 * become.
 */
export type { Checkpoint, CheckpointConfig } from './checkpoint.js';
export { templateFile } from './huggingFace.js';
export { type CheckpointSource, openCheckpoint } from './openCheckpoint.js';
