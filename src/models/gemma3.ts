/**
 * Gemma 3 (Gemma Team 2025, arXiv:2503.19786), its models of text, as Hugging Face transformers' Gemma3ForCausalLM
 * computes them: norms before and after attention and MLP, whose weights are kept less 1; scaled embeddings; most layers
 * see a window and turn by positions of their own, every sixth sees all tokens.
 */
import * as z from 'zod';
import { ranges } from '../settings/index.js';
import { add, geGLU, scale, type Tensor } from '../tensor/index.js';
import { tanhGeluNames } from './activations.js';
import { count } from './config.js';
import { decoderModel } from './decoder.js';
import { defineFamily } from './family.js';
import {
  anglesOn,
  attentionParts,
  gatedNames,
  gatedParts,
  gatedSchema,
  headsOf,
  projectHeads,
} from './gatedDecoder.js';
import { linear, repeat, rmsNorm, table } from './parts.js';
import { degenerateTheta, type RotaryConfig, rotaryOf, scalingField, thetaField } from './rotary.js';
import { layerTypesField } from './slidingLayers.js';

const layerTypes = ['full_attention', 'sliding_attention'] as const;
type LayerType = (typeof layerTypes)[number];
/** Bases of the frequencies where config.json has them by themselves. */
const thetaNames = { full_attention: 'rope_theta', sliding_attention: 'rope_local_base_freq' } as const;

/** The fields of config.json that matter here beside those of LLaMA; defaults as in transformers' Gemma3TextConfig. */
const schema = gatedSchema({
  /** Not read: Gemma's configs name the activation below. */
  hidden_act: z.unknown().optional(),
  hidden_activation: ranges.choice(tanhGeluNames).default('gelu_pytorch_tanh'),
  num_key_value_heads: count.default(4),
  head_dim: count.default(256),
  /** Queries times keys are divided by its square root. */
  query_pre_attn_scalar: ranges.integer(1, 1_000_000).default(256),
  attention_bias: z.boolean().default(false),
  /** Keys that a query of a local layer sees at most. */
  sliding_window: count.default(4096),
  /** Every so many layers, one sees all tokens. */
  sliding_window_pattern: count.default(6),
  /** The same layer by layer, which counts first. */
  layer_types: layerTypesField,
  /** Base of the frequencies in local layers; that of the others is rope_theta, which rope_scaling belongs to as well. */
  rope_local_base_freq: thetaField,
  rope_scaling: scalingField.superRefine((scaling, context) => {
    const { type, rope_type } = Object(scaling);
    if (type === undefined || type === 'default' || rope_type !== undefined) return;
    const message = 'its name as rope_type: transformers passes over type in this family';
    context.addIssue({ code: 'custom', path: ['type'], message });
  }),
  /** Since transformers 5: the parameters of each kind of layer. */
  rope_parameters: z.strictObject({ full_attention: scalingField, sliding_attention: scalingField }).nullish(),
  tie_word_embeddings: z.boolean().default(true),
  attn_logit_softcapping: z.null('null: scores are not capped here').optional(),
  final_logit_softcapping: z.null('null: logits are not capped here').optional(),
  use_bidirectional_attention: z.literal(false).nullish(),
}).superRefine((config, context) => {
  const { hidden_size, num_attention_heads } = config;
  if (hidden_size % num_attention_heads !== 0) {
    // Whatever head_dim is: transformers reads no other config.
    context.addIssue({ code: 'custom', path: ['num_attention_heads'], message: 'a divisor of hidden_size' });
  }
  if (config.rope_scaling && config.rope_parameters && !config.rope_parameters.full_attention) {
    const message = 'rope_parameters.full_attention beside it, or no rope_parameters';
    context.addIssue({ code: 'custom', path: ['rope_scaling'], message });
  }
  for (const type of layerTypes) {
    const theta = degenerateTheta(rotaryConfig(config, type));
    if (!theta) continue;
    const path = theta.length > 1 ? ['rope_parameters', type, 'rope_theta'] : [thetaNames[type]];
    context.addIssue({ code: 'custom', path, message: 'a number above 1 with yarn' });
  }
});
type Config = z.output<typeof schema>;

type RotaryFields = Pick<Config, 'rope_theta' | 'rope_scaling' | 'rope_local_base_freq' | 'rope_parameters'>;

/** The rotary positions of a kind of layer, as `rotaryOf` takes them. */
function rotaryConfig(config: RotaryFields, type: LayerType): RotaryConfig {
  const given = config.rope_parameters?.[type] as object | null | undefined;
  // transformers looks for truncate beside the two kinds, where it never is.
  const truncate = true;
  if (type === 'sliding_attention') {
    return { rope_theta: config.rope_local_base_freq ?? 10_000, rope_parameters: { ...given, truncate } };
  }
  const parameters = { ...given, ...(config.rope_scaling as object | null | undefined), truncate };
  return { rope_theta: config.rope_theta ?? 1_000_000, rope_parameters: parameters };
}

const layerTypesOf = ({ layer_types, num_hidden_layers, sliding_window_pattern }: Config): readonly LayerType[] =>
  layer_types ??
  Array.from({ length: num_hidden_layers }, (_, layer) =>
    (layer + 1) % sliding_window_pattern === 0 ? 'full_attention' : 'sliding_attention',
  );

const tree = (config: Config) => {
  const { hidden_size: hidden, vocab_size: vocab, initializer_range: std, rms_norm_eps: eps } = config;
  const { attention_bias: bias } = config;
  const norm = () => rmsNorm(hidden, { eps, offset: 1 });
  const block = () => ({
    self_attn: attentionParts(config, { qkvBias: bias, outBias: bias, norms: { offset: 1 } }),
    mlp: gatedParts(config, false),
    input_layernorm: norm(),
    post_attention_layernorm: norm(),
    pre_feedforward_layernorm: norm(),
    post_feedforward_layernorm: norm(),
  });
  return {
    model: {
      embed_tokens: table(vocab, hidden, { std }),
      layers: repeat(config.num_hidden_layers, block),
      norm: norm(),
    },
    lm_head: config.tie_word_embeddings ? undefined : linear(hidden, vocab, { std, bias: false }),
  };
};

/** The family of Gemma 3's models of text. */
export const family = defineFamily<Config, ReturnType<typeof tree>>({
  schema,
  example: {
    ...{ model_type: 'gemma3_text', vocab_size: 4096, max_position_embeddings: 512, hidden_size: 256 },
    ...{ num_hidden_layers: 6, num_attention_heads: 4, num_key_value_heads: 1, head_dim: 64, intermediate_size: 512 },
    ...{ query_pre_attn_scalar: 64, sliding_window: 128 },
  },
  ...gatedNames('Gemma3ForCausalLM'),
  layerTypes: layerTypesOf,
  tree,
  build(config, { model: { embed_tokens, layers, norm }, lm_head }, base) {
    const heads = headsOf(config);
    const { numHeads, numKvHeads, headDim } = heads;
    const { max_position_embeddings: maxPositions, sliding_window } = config;
    const typeOf = layerTypesOf(config);
    const rotaryFor = (type: LayerType) => rotaryOf(rotaryConfig(config, type), { headDim, maxPositions });
    const rotaries = { full_attention: rotaryFor('full_attention'), sliding_attention: rotaryFor('sliding_attention') };
    const attention = {
      ...{ numHeads, numKvHeads, scale: 1 / Math.sqrt(config.query_pre_attn_scalar) },
      dropout: { place: 'attention', probability: config.attention_dropout },
    };
    return decoderModel(base, {
      ...{ vocabSize: config.vocab_size, hiddenSize: config.hidden_size, numLayers: config.num_hidden_layers },
      ...{ maxPositions, numKvHeads, headDim },
      head: (lm_head ?? embed_tokens).weight,
      forward({ batch, shape, begin, layer }, positions) {
        const angles = new Map(
          [...new Set(typeOf)].map((type) => [
            type,
            anglesOn(base.device, rotaries[type], { batch, shape, headDim }, positions),
          ]),
        );
        // x [batch, seq, hidden_size] throughout. The factor is that of a model in f32, as which it is computed and saved;
        // transformers rounds it where the model is held in bf16.
        let x = begin(() => scale(embed_tokens.lookUp(batch.ids, shape), Math.sqrt(config.hidden_size)));
        layers.forEach((parts, index) => {
          x = layer(x, index, (input, { attend }) => {
            const type = typeOf[index] as LayerType;
            const window = type === 'sliding_attention' ? sliding_window : undefined;
            const projections = projectHeads(parts.self_attn, parts.input_layernorm.apply(input));
            const rotary = angles.get(type) as Tensor;
            const attended = attend(projections, { ...attention, window, rotary });
            const between = add(input, parts.post_attention_layernorm.apply(parts.self_attn.o_proj.apply(attended)));
            const normed = parts.pre_feedforward_layernorm.apply(between);
            // [batch, seq, intermediate_size]
            const gated = geGLU(parts.mlp.gate_proj.apply(normed), parts.mlp.up_proj.apply(normed));
            return add(between, parts.post_feedforward_layernorm.apply(parts.mlp.down_proj.apply(gated)));
          });
        });
        return norm.apply(x);
      },
    });
  },
});
