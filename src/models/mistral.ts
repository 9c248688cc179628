/**
 * Mistral (Jiang et al. 2023, arXiv:2310.06825), as Hugging Face transformers' MistralForCausalLM computes it: LLaMA
 * with a sliding window, in which each query sees its own key and those just before.
 */
import * as z from 'zod';
import { count } from './config.js';
import { gatedDecoderFamily, gatedSchema } from './gatedDecoder.js';

/** The Mistral family. */
export const family = gatedDecoderFamily({
  modelType: 'mistral',
  architecture: 'MistralForCausalLM',
  schema: gatedSchema({
    /** Heads of keys and values. */
    num_key_value_heads: count.default(8),
    /** Keys that a query sees at most; null is all. */
    sliding_window: count.nullable().default(4096),
    layer_types: z.null('null: all layers of this family are of one kind').optional(),
  }),
  choices: ({ sliding_window }) => ({
    bias: { qkv: false, out: false, mlp: false },
    windowOf: () => sliding_window ?? undefined,
  }),
});
