export type { DecodeOptions, EncodeOptions, StreamingDecoder, Tokenizer } from './tokenizer.js';
export { createTokenizer } from './tokenizer.js';
export { tokenizerFromFiles } from './tokenizerFiles.js';
export type { AddedToken, SpecialTokens, TokenizerSource } from './tokenizerSpec.js';
