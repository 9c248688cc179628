/**
 * OPT (Zhang et al. 2022, arXiv:2205.01068), as Hugging Face transformers' OPTForCausalLM computes it: in its blocks
 * the norms come before attention and MLP or, in OPT-350m, after; OPT-350m also embeds in fewer dimensions than it
 * computes in. The LM head is the token embedding unless config.json unties them.
 */
import * as z from 'zod';
import { add, type Tensor } from '../tensor/index.js';
import { activationField, activationOf } from './activations.js';
import { count, deviation, layerCount, probability } from './config.js';
import { decoderModel } from './decoder.js';
import { defineFamily } from './family.js';
import { linear, type Norm, norm, positionTable, repeat, table } from './parts.js';

/** The fields of config.json that matter here; defaults as in transformers' OPTConfig. */
const schema = z
  .object({
    vocab_size: count,
    hidden_size: count,
    num_hidden_layers: layerCount,
    num_attention_heads: count,
    ffn_dim: count,
    max_position_embeddings: count,
    /** Width of the token embedding and of the LM head; null is hidden_size. */
    word_embed_proj_dim: count.nullish(),
    do_layer_norm_before: z.boolean().default(true),
    /** Checkpoints that were fine-tuned before transformers 4.20.1 lack the last norm. */
    _remove_final_layer_norm: z.boolean().default(false),
    activation_function: activationField.default('relu'),
    /** Dropout on what each attention and MLP adds to the residual, while training. */
    dropout: probability.default(0.1),
    /** Dropout on the attention probabilities, while training. */
    attention_dropout: probability.default(0),
    layerdrop: z.literal(0).default(0),
    init_std: deviation.default(0.02),
    /** Whether the linear parts of the blocks have biases. */
    enable_bias: z.boolean().default(true),
    /** Whether norms have weights and biases. */
    layer_norm_elementwise_affine: z.boolean().default(true),
    tie_word_embeddings: z.boolean().default(true),
  })
  .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'a divisor of hidden_size',
  })
  .transform((config) => ({ ...config, word_embed_proj_dim: config.word_embed_proj_dim ?? config.hidden_size }));
type Config = z.output<typeof schema>;

/** The table of positions begins with two rows that no token has: fairseq counted from the id of the padding on. */
const positionOffset = 2;
const eps = 1e-5;

const tree = (config: Config) => {
  const { vocab_size: vocab, hidden_size: hidden, ffn_dim: inner, word_embed_proj_dim: width, init_std: std } = config;
  const projects = width !== hidden;
  const { enable_bias: bias, layer_norm_elementwise_affine: affine } = config;
  const projection = () => linear(hidden, hidden, { std, bias });
  const block = () => ({
    self_attn: { k_proj: projection(), v_proj: projection(), q_proj: projection(), out_proj: projection() },
    self_attn_layer_norm: norm(hidden, { eps, affine }),
    fc1: linear(hidden, inner, { std, bias }),
    fc2: linear(inner, hidden, { std, bias }),
    final_layer_norm: norm(hidden, { eps, affine }),
  });
  return {
    model: {
      decoder: {
        embed_tokens: table(vocab, width, { std }),
        embed_positions: positionTable(config.max_position_embeddings + positionOffset, hidden, { std }),
        project_out: projects ? linear(hidden, width, { std, bias: false }) : undefined,
        project_in: projects ? linear(width, hidden, { std, bias: false }) : undefined,
        final_layer_norm:
          config.do_layer_norm_before && !config._remove_final_layer_norm ? norm(hidden, { eps, affine }) : undefined,
        layers: repeat(config.num_hidden_layers, block),
      },
    },
    lm_head: config.tie_word_embeddings ? undefined : linear(width, vocab, { std, bias: false }),
  };
};

/** The OPT family. */
export const family = defineFamily({
  schema,
  example: {
    ...{ model_type: 'opt', vocab_size: 4096, max_position_embeddings: 512, hidden_size: 256 },
    ...{ num_hidden_layers: 4, num_attention_heads: 4, ffn_dim: 1024 },
  },
  positionsField: 'max_position_embeddings',
  layersField: 'num_hidden_layers',
  tiedTable: 'model.decoder.embed_tokens.weight',
  // transformers takes 1 and 2 for absent token ids, which a vocabulary of one's own has for other tokens.
  savedFields: { architectures: ['OPTForCausalLM'], bos_token_id: null, eos_token_id: null, pad_token_id: null },
  tree,
  parameterName(checkpointName, { tie_word_embeddings: tied }) {
    // The original checkpoints were saved from the model without its head, so without the prefix.
    const name = checkpointName.replace(/^(?=decoder\.)/, 'model.');
    return tied && name === 'lm_head.weight' ? undefined : name;
  },
  build: (config, { model: { decoder }, lm_head }, base) => {
    const { embed_tokens, embed_positions, project_in, project_out, layers, final_layer_norm } = decoder;
    const normed = (x: Tensor, norm: Norm) => norm.apply(x);
    const unchanged = (x: Tensor) => x;
    const activate = activationOf(config.activation_function);
    const [normBefore, normAfter] = config.do_layer_norm_before ? [normed, unchanged] : [unchanged, normed];
    return decoderModel(base, {
      vocabSize: config.vocab_size,
      hiddenSize: config.word_embed_proj_dim,
      numLayers: config.num_hidden_layers,
      maxPositions: config.max_position_embeddings,
      numKvHeads: config.num_attention_heads,
      headDim: config.hidden_size / config.num_attention_heads,
      head: (lm_head ?? embed_tokens).weight,
      forward({ batch, shape, begin, layer }, positions) {
        // x [batch, seq, hidden_size] between the projections, where there are any.
        let x = begin(() => {
          const tokens = embed_tokens.lookUp(batch.ids, shape);
          const moved = positions.map((position) => position + positionOffset);
          return add(project_in ? project_in.apply(tokens) : tokens, embed_positions.lookUp(moved, shape));
        });
        layers.forEach(({ self_attn, self_attn_layer_norm, fc1, fc2, final_layer_norm }, index) => {
          x = layer(x, index, (input, { attend, drop }) => {
            const normed = normBefore(input, self_attn_layer_norm);
            const { q_proj, k_proj, v_proj, out_proj } = self_attn;
            const projections = { q: q_proj.apply(normed), k: k_proj.apply(normed), v: v_proj.apply(normed) };
            const heads = attend(projections, {
              numHeads: config.num_attention_heads,
              dropout: { place: 'attention', probability: config.attention_dropout },
            });
            const added = add(input, drop(out_proj.apply(heads), 'attended', config.dropout));
            const attended = normAfter(added, self_attn_layer_norm);
            const expanded = activate(fc1.apply(normBefore(attended, final_layer_norm))); // [batch, seq, ffn_dim]
            const contracted = drop(fc2.apply(expanded), 'mlp', config.dropout);
            return normAfter(add(attended, contracted), final_layer_norm);
          });
        });
        const last = final_layer_norm ? final_layer_norm.apply(x) : x;
        return project_out ? project_out.apply(last) : last;
      },
    });
  },
});
