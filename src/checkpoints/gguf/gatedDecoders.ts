/** LLaMA, Qwen 2 and 3, and Gemma 3 in GGUF files. */
import { CheckpointError } from '../../errors.js';
import type { Architecture, GgufModel } from './architecture.js';
import { lessOne, unpermuted } from './changes.js';
import { asWritten, type Metadata } from './metadata.js';
import { rotaryFields } from './rotary.js';

const outer = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
  // The parameters of its scaling are in config.json.
  rope_freqs: undefined,
};
const inner = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const names = { outer, blocks: 'model.layers', inner };

const tablesName = 'token_embd.weight';

/** The fields that all of them have. */
async function commonFields(model: GgufModel, arch: string): Promise<Readonly<Record<string, unknown>>> {
  const { metadata, tensors } = model;
  const experts = metadata.number(`${arch}.expert_count`, 0);
  if (experts > 0) {
    throw new CheckpointError(
      `${metadata.name}: the model is a mixture of ${experts} experts, expected none. Take another model.`,
      { found: experts, expected: 0 },
    );
  }
  const hidden = metadata.number(`${arch}.embedding_length`);
  const heads = metadata.number(`${arch}.attention.head_count`);
  const headDim = metadata.number(`${arch}.attention.key_length`, hidden / heads);
  const table = tensors.entries.get(tablesName);
  return {
    // A table may have more rows than there are tokens.
    vocab_size: table?.shape[0] ?? metadata.number(`${arch}.vocab_size`),
    hidden_size: hidden,
    intermediate_size: metadata.number(`${arch}.feed_forward_length`),
    num_hidden_layers: metadata.number(`${arch}.block_count`),
    num_attention_heads: heads,
    num_key_value_heads: metadata.number(`${arch}.attention.head_count_kv`, heads),
    head_dim: headDim,
    max_position_embeddings: metadata.number(`${arch}.context_length`),
    rms_norm_eps: asWritten(metadata.number(`${arch}.attention.layer_norm_rms_epsilon`)),
    ...(await rotaryFields(model, arch, headDim)),
    tie_word_embeddings: !tensors.entries.has('output.weight'),
  };
}

const hasBias = ({ tensors }: GgufModel, part: string): boolean => tensors.entries.has(`blk.0.${part}.bias`);

export const llama: Architecture = {
  ...names,
  async fields(model) {
    return {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      ...(await commonFields(model, 'llama')),
      hidden_act: 'silu',
      attention_bias: hasBias(model, 'attn_q'),
      mlp_bias: hasBias(model, 'ffn_gate'),
    };
  },
  change(part, stored, { num_attention_heads, num_key_value_heads }) {
    if (part === 'attn_q') return unpermuted(stored, num_attention_heads as number);
    return part === 'attn_k' ? unpermuted(stored, num_key_value_heads as number) : undefined;
  },
};

export const qwen2: Architecture = {
  ...names,
  async fields(model) {
    return {
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      ...(await commonFields(model, 'qwen2')),
      hidden_act: 'silu',
      use_sliding_window: false,
    };
  },
};

export const qwen3: Architecture = {
  ...names,
  async fields(model) {
    return {
      architectures: ['Qwen3ForCausalLM'],
      model_type: 'qwen3',
      ...(await commonFields(model, 'qwen3')),
      hidden_act: 'silu',
      attention_bias: hasBias(model, 'attn_q'),
      use_sliding_window: false,
    };
  },
};

/** Layers of Gemma 3 27B, whose queries are scaled by another width than that of their heads. */
const layersOf27B = 62;

/** Files that do not say it are of Gemma's own sizes. */
function queryScalar(metadata: Metadata, common: Readonly<Record<string, unknown>>): unknown {
  const scale = metadata.optionalNumber('gemma3.attention.scale');
  // config.json has a whole number, of which the file has the root in f32.
  if (scale) return Math.round(1 / scale ** 2);
  const { num_hidden_layers: layers, hidden_size: hidden, num_attention_heads: heads, head_dim } = common;
  return layers === layersOf27B ? (hidden as number) / (heads as number) : head_dim;
}

export const gemma3: Architecture = {
  ...names,
  inner: {
    ...inner,
    post_attention_norm: 'post_attention_layernorm',
    ffn_norm: 'pre_feedforward_layernorm',
    post_ffw_norm: 'post_feedforward_layernorm',
  },
  async fields(model) {
    const { metadata } = model;
    const common = await commonFields(model, 'gemma3');
    return {
      architectures: ['Gemma3ForCausalLM'],
      model_type: 'gemma3_text',
      ...common,
      hidden_activation: 'gelu_pytorch_tanh',
      attention_bias: hasBias(model, 'attn_q'),
      query_pre_attn_scalar: queryScalar(metadata, common),
      sliding_window: metadata.number('gemma3.attention.sliding_window'),
      // Every sixth layer sees all positions, and turns by rope_theta.
      sliding_window_pattern: metadata.number('gemma3.attention.sliding_window_pattern', 6),
      rope_local_base_freq: metadata.number('gemma3.rope.freq_base_swa', 10_000),
    };
  },
  change: (part, stored) => (part.endsWith('norm') ? lessOne(stored) : undefined),
};
