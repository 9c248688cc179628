/**
 * LLaMA (Touvron et al. 2023, arXiv:2302.13971), as Hugging Face transformers' LlamaForCausalLM computes it: LLaMA 1 to
 * 3.x, OpenLLaMA, TinyLlama, SmolLM2 and whatever else names the model_type llama.
 */
import * as z from 'zod';
import { gatedDecoderFamily, gatedSchema } from './gatedDecoder.js';

/** The LLaMA family. */
export const family = gatedDecoderFamily({
  modelType: 'llama',
  architecture: 'LlamaForCausalLM',
  schema: gatedSchema({
    /** Biases of the four projections of attention. */
    attention_bias: z.boolean().default(false),
    mlp_bias: z.boolean().default(false),
  }),
  choices: ({ attention_bias, mlp_bias }) => ({ bias: { qkv: attention_bias, out: attention_bias, mlp: mlp_bias } }),
});
