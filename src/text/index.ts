/**
 * Text and token ids: tokenizers, their training, sampling with a history, the replay buffer, random numbers. The work
 * is done by assembly/text/, one WebAssembly instance an object, all over one memory; the files here check arguments and
 * copy data.
 */
export type { AddedToken, SpecialTokens } from './addedTokens.js';
export { eosDifference } from './compareTokenizers.js';
export type { LoadTokenizerOptions, TiktokenOptions } from './loadTokenizer.js';
export { loadTokenizer } from './loadTokenizer.js';
export type { ReplayBuffer, ReplaySample } from './replayBuffer.js';
export { createReplayBuffer, restoreReplayBuffer } from './replayBuffer.js';
export type { Rng, RngState } from './rng.js';
export { createRng } from './rng.js';
export type { Sampler, SamplerOptions, SamplerState } from './sampler.js';
export { createSampler } from './sampler.js';
export type { DecodeOptions, EncodeOptions, StreamingDecoder, Tokenizer } from './tokenizer.js';
export { createTokenizer, tokenizerOption } from './tokenizer.js';
export { tokenizerFromFiles } from './tokenizerFiles.js';
export type { TokenizerJsonSource, TokenizerSource, VocabAndMergesSource } from './tokenizerSpec.js';
export type { TokenizerTrainer, TrainTokenizerOptions } from './trainTokenizer.js';
export { tokenizerTrainer, trainTokenizer } from './trainTokenizer.js';
