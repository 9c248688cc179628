export { generate, generateBatches, streamTokens } from './generate.js';
export type { GenerateOptions, StreamOptions } from './options.js';
