/**
 * Qwen3 (Yang et al. 2025, arXiv:2505.09388), as Hugging Face transformers' Qwen3ForCausalLM computes it: LLaMA whose
 * queries and keys are normalised, head by head, before they turn.
 */
import * as z from 'zod';
import { count } from './config.js';
import { gatedDecoderFamily, gatedSchema } from './gatedDecoder.js';
import { layerTypesOf, refuseWindows, slidingFields, windowOf } from './slidingLayers.js';

/** The Qwen3 family. */
export const family = gatedDecoderFamily({
  modelType: 'qwen3',
  architecture: 'Qwen3ForCausalLM',
  schema: gatedSchema({
    ...slidingFields,
    /** Heads of keys and values; null is num_attention_heads. */
    num_key_value_heads: count.nullable().default(32),
    head_dim: count.default(128),
    /** Biases of the four projections of attention. */
    attention_bias: z.boolean().default(false),
  }).superRefine(refuseWindows),
  layerTypes: layerTypesOf,
  choices: (config) => ({
    bias: { qkv: config.attention_bias, out: config.attention_bias, mlp: false },
    headNorms: true,
    windowOf: windowOf(config),
  }),
});
