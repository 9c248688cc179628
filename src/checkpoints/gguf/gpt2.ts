/** GPT-2 in GGUF files. */
import type { Architecture } from './architecture.js';
import { transposed } from './changes.js';
import { asWritten } from './metadata.js';

/** Matrices that Hugging Face has the other way round. */
const conv1D = new Set(['attn_qkv', 'attn_output', 'ffn_up', 'ffn_down']);

export const gpt2: Architecture = {
  outer: {
    token_embd: 'transformer.wte',
    position_embd: 'transformer.wpe',
    output_norm: 'transformer.ln_f',
    output: 'lm_head',
  },
  blocks: 'transformer.h',
  inner: {
    attn_norm: 'ln_1',
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_norm: 'ln_2',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  async fields({ metadata, tensors }) {
    const hidden = metadata.number('gpt2.embedding_length');
    return {
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      vocab_size: tensors.entries.get('token_embd.weight')?.shape[0] ?? metadata.number('gpt2.vocab_size'),
      n_positions: metadata.number('gpt2.context_length'),
      n_embd: hidden,
      n_layer: metadata.number('gpt2.block_count'),
      n_head: metadata.number('gpt2.attention.head_count'),
      n_inner: metadata.number('gpt2.feed_forward_length', 4 * hidden),
      layer_norm_epsilon: asWritten(metadata.number('gpt2.attention.layer_norm_epsilon')),
      activation_function: 'gelu_new',
      tie_word_embeddings: !tensors.entries.has('output.weight'),
    };
  },
  change: (part, stored) => (conv1D.has(part) && stored.shape.length === 2 ? transposed(stored) : undefined),
};
