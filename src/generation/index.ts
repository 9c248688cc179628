export type { GenerateOptions } from './decode.js';
export { generate, generateBatches, streamTokens } from './generate.js';
