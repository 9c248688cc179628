export type { FinishReason } from './answerText.js';
export { generate, generateBatches, generateMixed, streamTokens } from './generate.js';
export {
  type GenerateTextOptions,
  generateText,
  streamText,
  type TextAnswer,
  type TextPiece,
  type TextPrompt,
} from './generateText.js';
export { type GenerationMemory, type PlanGenerationOptions, planGeneration } from './memory.js';
export type { GenerateOptions, StreamOptions } from './options.js';
