/**
 * Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv:2407.10671), as Hugging Face transformers' Qwen2ForCausalLM computes it:
 * LLaMA with biases of queries, keys and values.
 */
import { count } from './config.js';
import { gatedDecoderFamily, gatedSchema } from './gatedDecoder.js';
import { layerTypesOf, refuseWindows, slidingFields, windowOf } from './slidingLayers.js';

/** The Qwen2 family. */
export const family = gatedDecoderFamily({
  modelType: 'qwen2',
  architecture: 'Qwen2ForCausalLM',
  schema: gatedSchema({
    ...slidingFields,
    /** Heads of keys and values; null is num_attention_heads. */
    num_key_value_heads: count.nullable().default(32),
    /** hidden_size / num_attention_heads where it is left out; null is none. */
    head_dim: count.optional(),
  }).superRefine(refuseWindows),
  layerTypes: layerTypesOf,
  choices: (config) => ({ bias: { qkv: true, out: false, mlp: false }, windowOf: windowOf(config) }),
});
