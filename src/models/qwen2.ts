/**
 * Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv:2407.10671), as Hugging Face transformers' Qwen2ForCausalLM computes it:
 * LLaMA with biases of queries, keys and values.
 */
import { gatedDecoderFamily, gatedSchema } from './gatedDecoder.js';
import { layerTypesOf, slidingFields, windowOf } from './slidingLayers.js';

/** The Qwen2 family. */
export const family = gatedDecoderFamily({
  modelType: 'qwen2',
  architecture: 'Qwen2ForCausalLM',
  schema: gatedSchema(slidingFields),
  layerTypes: layerTypesOf,
  choices: (config) => ({ bias: { qkv: true, out: false, mlp: false }, windowOf: windowOf(config) }),
});
