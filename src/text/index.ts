export { loadTokenizer } from './loadTokenizer.js';
export type { ReplayBuffer, ReplaySample } from './replayBuffer.js';
export { createReplayBuffer, restoreReplayBuffer } from './replayBuffer.js';
export type { Rng, RngState } from './rng.js';
export { createRng } from './rng.js';
export type { Sampler, SamplerOptions, SamplerState } from './sampler.js';
export { createSampler } from './sampler.js';
export type { DecodeOptions, EncodeOptions, StreamingDecoder, Tokenizer } from './tokenizer.js';
export { createTokenizer } from './tokenizer.js';
export { tokenizerFromFiles } from './tokenizerFiles.js';
export type {
  AddedToken,
  SpecialTokens,
  TokenizerJsonSource,
  TokenizerSource,
  VocabAndMergesSource,
} from './tokenizerSpec.js';
export type { TrainTokenizerOptions } from './trainTokenizer.js';
export { trainTokenizer } from './trainTokenizer.js';
