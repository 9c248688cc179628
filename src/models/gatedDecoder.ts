/**
 * The decoder that LLaMA, Mistral and Qwen have in common: rotary positions, root-mean-square norms before attention and
 * MLP, grouped query heads, a gated MLP. A family says which fields its config has besides, and what they choose.
 */
import * as z from 'zod';
import { ranges } from '../settings/index.js';
import { add, swiGLU, Tensor } from '../tensor/index.js';
import { count, layerCount, probability } from './config.js';
import { decoderModel } from './decoder.js';
import { type AnyFamily, defineFamily } from './family.js';
import { linear, repeat, rmsNorm, table } from './parts.js';
import { degenerateTheta, rotaryFields, rotaryOf } from './rotary.js';

/** The fields of config.json that matter in all of these families; defaults as in transformers' LlamaConfig. */
const commonFields = {
  vocab_size: count,
  hidden_size: count,
  /** Width of the MLP. */
  intermediate_size: count,
  num_hidden_layers: layerCount,
  num_attention_heads: count,
  /** Heads of keys and values; null is num_attention_heads. */
  num_key_value_heads: count.nullish(),
  /** null is hidden_size / num_attention_heads. */
  head_dim: count.nullish(),
  hidden_act: z.literal('silu').default('silu'),
  max_position_embeddings: count,
  ...rotaryFields,
  rms_norm_eps: ranges.positive.default(1e-6),
  /** Dropout on the attention probabilities, while training. */
  attention_dropout: probability.default(0),
  initializer_range: ranges.notNegative.default(0.02),
  tie_word_embeddings: z.boolean().default(false),
};
type CommonConfig = z.output<z.ZodObject<typeof commonFields>>;

/** The schema of a family: the common fields and its own, and sizes that fit each other. */
export const gatedSchema = <Own extends z.ZodRawShape>(own: Own) =>
  z
    .object(commonFields)
    .extend(own)
    .superRefine((config, context) => {
      const { hidden_size, num_attention_heads, num_key_value_heads, head_dim, num_hidden_layers, layer_types } =
        config as unknown as CommonConfig & { readonly layer_types?: unknown };
      const refuse = (field: string, expected: string) =>
        context.addIssue({ code: 'custom', path: [field], message: expected });
      if (num_attention_heads % (num_key_value_heads ?? 1) !== 0) {
        refuse('num_key_value_heads', 'a divisor of num_attention_heads');
      }
      if (!head_dim && hidden_size % num_attention_heads !== 0) {
        refuse('num_attention_heads', 'a divisor of hidden_size, or head_dim');
      } else if ((head_dim ?? hidden_size / num_attention_heads) % 2 !== 0) {
        refuse(head_dim ? 'head_dim' : 'num_attention_heads', 'heads of an even width, whose dims turn in pairs');
      }
      const theta = degenerateTheta(config);
      if (theta) context.addIssue({ code: 'custom', path: theta, message: 'a number above 1 with yarn' });
      if (Array.isArray(layer_types) && layer_types.length !== num_hidden_layers) {
        refuse('layer_types', 'one for each of num_hidden_layers');
      }
    });

/** What a family's own fields choose. */
interface Choices {
  /** Which linear parts have a bias. */
  readonly bias: { readonly qkv: boolean; readonly out: boolean; readonly mlp: boolean };
  /** Whether queries and keys are normalised, head by head, before they turn. */
  readonly headNorms?: boolean;
  /** How many keys a query of each layer sees at most; all where it is left out. */
  readonly windowOf?: (layer: number) => number | undefined;
}

const headDimOf = ({ head_dim, hidden_size, num_attention_heads }: CommonConfig) =>
  head_dim ?? hidden_size / num_attention_heads;
const kvHeadsOf = ({ num_key_value_heads, num_attention_heads }: CommonConfig) =>
  num_key_value_heads ?? num_attention_heads;

/** The parts under the names of their checkpoints. */
function treeOf(config: CommonConfig, { bias, headNorms = false }: Choices) {
  const { hidden_size: hidden, intermediate_size: inner, num_attention_heads: numHeads, rms_norm_eps: eps } = config;
  const { vocab_size: vocab, initializer_range: std } = config;
  const headDim = headDimOf(config);
  const project = (heads: number) => linear(hidden, heads * headDim, { std, bias: bias.qkv });
  const norm = () => rmsNorm(hidden, { eps });
  const headNorm = () => (headNorms ? rmsNorm(headDim, { eps }) : undefined);
  const block = () => ({
    self_attn: {
      q_proj: project(numHeads),
      k_proj: project(kvHeadsOf(config)),
      v_proj: project(kvHeadsOf(config)),
      o_proj: linear(numHeads * headDim, hidden, { std, bias: bias.out }),
      q_norm: headNorm(),
      k_norm: headNorm(),
    },
    mlp: {
      gate_proj: linear(hidden, inner, { std, bias: bias.mlp }),
      up_proj: linear(hidden, inner, { std, bias: bias.mlp }),
      down_proj: linear(inner, hidden, { std, bias: bias.mlp }),
    },
    input_layernorm: norm(),
    post_attention_layernorm: norm(),
  });
  return {
    model: {
      embed_tokens: table(vocab, hidden, { std }),
      layers: repeat(config.num_hidden_layers, block),
      norm: norm(),
    },
    lm_head: config.tie_word_embeddings ? undefined : linear(hidden, vocab, { std, bias: false }),
  };
}

/** A family of such decoders. `architecture` is what transformers calls its language model. */
export const gatedDecoderFamily = <Config extends CommonConfig>({
  modelType,
  architecture,
  schema,
  choices,
}: {
  readonly modelType: string;
  readonly architecture: string;
  readonly schema: z.ZodType<Config>;
  readonly choices: (config: Config) => Choices;
}): AnyFamily =>
  defineFamily({
    schema,
    example: {
      ...{ model_type: modelType, vocab_size: 4096, max_position_embeddings: 512, hidden_size: 256 },
      ...{ num_hidden_layers: 4, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 704 },
    },
    positionsField: 'max_position_embeddings',
    layersField: 'num_hidden_layers',
    tiedTable: 'model.embed_tokens.weight',
    // transformers takes 1 and 2 for absent token ids, which a vocabulary of one's own has for other tokens.
    savedFields: { architectures: [architecture], bos_token_id: null, eos_token_id: null, pad_token_id: null },
    tree: (config: Config) => treeOf(config, choices(config)),
    parameterName(checkpointName, { tie_word_embeddings: tied }) {
      // Files of the model without its head lack the prefix.
      const name = checkpointName.replace(/^(?!model\.|lm_head\.)/, 'model.');
      // Frequencies of the rotary positions that older versions of transformers saved.
      if (name.endsWith('.rotary_emb.inv_freq')) return undefined;
      return tied && name === 'lm_head.weight' ? undefined : name;
    },
    build(config, { model: { embed_tokens, layers, norm }, lm_head }, base) {
      const [numHeads, numKvHeads, headDim] = [config.num_attention_heads, kvHeadsOf(config), headDimOf(config)];
      const rotary = rotaryOf(config, { headDim, maxPositions: config.max_position_embeddings });
      const { windowOf } = choices(config);
      const dropout = { place: 'attention', probability: config.attention_dropout };
      return decoderModel(base, {
        vocabSize: config.vocab_size,
        hiddenSize: config.hidden_size,
        numLayers: config.num_hidden_layers,
        maxPositions: rotary.maxPositions,
        numKvHeads,
        headDim,
        head: (lm_head ?? embed_tokens).weight,
        forward({ batch, shape, begin, layer }, positions) {
          const length = batch.keyRange.reduce((longest, end) => Math.max(longest, end));
          const turned = rotary.angles(positions, length);
          const angles = Tensor.from(base.device, turned, [...shape, headDim], 'rotary.angles');
          // x [batch, seq, hidden_size] throughout.
          let x = begin(() => embed_tokens.lookUp(batch.ids, shape));
          layers.forEach(({ self_attn, mlp, input_layernorm, post_attention_layernorm }, index) => {
            x = layer(x, index, (input, { attend }) => {
              const { q_proj, k_proj, v_proj, o_proj, q_norm, k_norm } = self_attn;
              const normed = input_layernorm.apply(input);
              const [q, k, v] = [q_proj.apply(normed), k_proj.apply(normed), v_proj.apply(normed)];
              const projections = { q: q_norm?.apply(q) ?? q, k: k_norm?.apply(k) ?? k, v };
              const window = windowOf?.(index);
              const heads = attend(projections, { numHeads, numKvHeads, window, rotary: angles, dropout });
              const attended = add(input, o_proj.apply(heads));
              const normedAgain = post_attention_layernorm.apply(attended);
              // [batch, seq, intermediate_size]
              const gated = swiGLU(mlp.gate_proj.apply(normedAgain), mlp.up_proj.apply(normedAgain));
              return add(attended, mlp.down_proj.apply(gated));
            });
          });
          return norm.apply(x);
        },
      });
    },
  });
