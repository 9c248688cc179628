/** A LLaMA model's sizes, as config.json has them. */
export interface LlamaShape {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly max_position_embeddings: number;
  readonly rope_theta: number;
  readonly rms_norm_eps: number;
}

/** SmolLM2-135M, whose head is its embedding. */
export const smolLM2: LlamaShape = {
  ...{ vocab_size: 49152, hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30 },
  ...{ num_attention_heads: 9, num_key_value_heads: 3, max_position_embeddings: 8192 },
  ...{ rope_theta: 100_000, rms_norm_eps: 1e-5 },
};

/** The same in small. */
export const smolLM2Tiny: LlamaShape = {
  ...smolLM2,
  ...{ vocab_size: 512, hidden_size: 96, intermediate_size: 128, num_hidden_layers: 2 },
  ...{ num_attention_heads: 3, num_key_value_heads: 1 },
};

export const llamaConfig = (shape: LlamaShape) => ({ model_type: 'llama', tie_word_embeddings: true, ...shape });
