export type { GenerateOptions } from './decode.js';
export { generate, streamTokens } from './generate.js';
