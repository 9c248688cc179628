/**
 * Checkpoints: what a stored model offers, whatever stores it. `openCheckpoint` finds the kind; a kind is one file that
 * makes a `Checkpoint` (config fields, tensors as stored, tokenizer files, prompt template, adapter). Today there is
 * one kind, the Hugging Face folder. A GGUF file is to be another: its header gives the config fields and writes the
 * tokenizer's files, its blocks are tensors with dtypes of their own. Nothing here converts a tensor: models choose what
 * the stored bits become.
 */
export type { Checkpoint, CheckpointAdapter, CheckpointConfig } from './checkpoint.js';
export { manifestFile, templateFile } from './huggingFace.js';
export { type CheckpointSource, checkpointOption, openCheckpoint } from './openCheckpoint.js';
export { adviceOfOther } from './otherArchitectures.js';
