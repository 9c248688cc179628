/**
 * The decoder that LLaMA, Mistral and Qwen have in common: rotary positions, root-mean-square norms before attention and
 * MLP, grouped query heads, a gated MLP. A family says which fields its config has besides, and what they choose. Gemma
 * takes the fields and the heads from here, and has layers of its own.
 */
import * as z from 'zod';
import type { Device } from '../backend/backend.js';
import type { TokenBatch } from '../data/batch.js';
import { add, swiGLU, Tensor } from '../tensor/index.js';
import { count, deviation, epsilon, layerCount, mostPositions, positionCount, probability } from './config.js';
import { decoderModel } from './decoder.js';
import { type AnyFamily, defineFamily, type Family } from './family.js';
import { type Filled, linear, repeat, rmsNorm, table } from './parts.js';
import { degenerateTheta, type Rotary, rotaryFields, rotaryOf, rotaryReach } from './rotary.js';

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
  max_position_embeddings: positionCount,
  ...rotaryFields,
  rms_norm_eps: epsilon.default(1e-6),
  /** Dropout on the attention probabilities, while training. */
  attention_dropout: probability.default(0),
  initializer_range: deviation.default(0.02),
  tie_word_embeddings: z.boolean().default(false),
};
type CommonConfig = z.output<z.ZodObject<typeof commonFields>>;

/** Parameters of rotary positions that are each in their range, and make no sense together. */
function refuseRotary(config: CommonConfig, context: z.RefinementCtx): void {
  const theta = degenerateTheta(config);
  if (theta) context.addIssue({ code: 'custom', path: theta, message: 'a number above 1 with yarn' });
  const reach = rotaryReach(config, config.max_position_embeddings);
  if (reach <= mostPositions) return;
  const message = `so many that its scaling reaches at most 2^31 - 1 positions, not ${reach}`;
  context.addIssue({ code: 'custom', path: ['max_position_embeddings'], message });
}

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
      refuseRotary(config as CommonConfig, context);
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

/** The fields that sizes of heads and MLPs follow from. */
type SizeFields = Pick<
  CommonConfig,
  | 'hidden_size'
  | 'intermediate_size'
  | 'num_attention_heads'
  | 'num_key_value_heads'
  | 'head_dim'
  | 'rms_norm_eps'
  | 'initializer_range'
>;

/** Heads of queries, heads of keys and values, and dims of a head. */
export const headsOf = ({ head_dim, hidden_size, num_attention_heads, num_key_value_heads }: SizeFields) => ({
  numHeads: num_attention_heads,
  numKvHeads: num_key_value_heads ?? num_attention_heads,
  headDim: head_dim ?? hidden_size / num_attention_heads,
});

/** The parts of attention under the names of their checkpoints. A norm's offset: see `rmsNorm`. */
export function attentionParts(
  config: SizeFields,
  { qkvBias, outBias, norms }: { qkvBias: boolean; outBias: boolean; norms: false | { readonly offset: 0 | 1 } },
) {
  const { hidden_size: hidden, initializer_range: std, rms_norm_eps: eps } = config;
  const { numHeads, numKvHeads, headDim } = headsOf(config);
  const project = (heads: number) => linear(hidden, heads * headDim, { std, bias: qkvBias });
  const headNorm = () => (norms ? rmsNorm(headDim, { eps, ...norms }) : undefined);
  return {
    q_proj: project(numHeads),
    k_proj: project(numKvHeads),
    v_proj: project(numKvHeads),
    o_proj: linear(numHeads * headDim, hidden, { std, bias: outBias }),
    q_norm: headNorm(),
    k_norm: headNorm(),
  };
}

/** What attention takes of x: queries and keys are normalised where the parts have norms. */
export function projectHeads(parts: Filled<ReturnType<typeof attentionParts>>, x: Tensor) {
  const { q_proj, k_proj, v_proj, q_norm, k_norm } = parts;
  const [q, k, v] = [q_proj.apply(x), k_proj.apply(x), v_proj.apply(x)];
  return { q: q_norm?.apply(q) ?? q, k: k_norm?.apply(k) ?? k, v };
}

/** The parts of the MLP under the names of their checkpoints. */
export function gatedParts(
  { hidden_size: hidden, intermediate_size: inner, initializer_range: std }: SizeFields,
  bias: boolean,
) {
  return {
    gate_proj: linear(hidden, inner, { std, bias }),
    up_proj: linear(hidden, inner, { std, bias }),
    down_proj: linear(inner, hidden, { std, bias }),
  };
}

/** The angles of a batch's tokens on a device, [...shape, headDim]. */
export function anglesOn(
  device: Device,
  rotary: Rotary,
  { batch, shape, headDim }: { batch: TokenBatch; shape: readonly number[]; headDim: number },
  positions: Int32Array,
): Tensor {
  const length = batch.keyRange.reduce((longest, end) => Math.max(longest, end));
  return Tensor.from(device, rotary.angles(positions, length), [...shape, headDim], 'rotary.angles');
}

/** What config.json and checkpoints of such decoders call things. `architecture` is transformers' language model. */
export const gatedNames = (architecture: string) =>
  ({
    positionsField: 'max_position_embeddings',
    layersField: 'num_hidden_layers',
    tiedTable: 'model.embed_tokens.weight',
    // transformers takes 1 and 2 for absent token ids, which a vocabulary of one's own has for other tokens.
    savedFields: { architectures: [architecture], bos_token_id: null, eos_token_id: null, pad_token_id: null },
    parameterName(checkpointName: string, { tie_word_embeddings: tied }: { readonly tie_word_embeddings: boolean }) {
      // Files of the model without its head lack the prefix.
      const name = checkpointName.replace(/^(?!model\.|lm_head\.)/, 'model.');
      // Frequencies of the rotary positions that older versions of transformers saved.
      if (name.endsWith('.rotary_emb.inv_freq')) return undefined;
      return tied && name === 'lm_head.weight' ? undefined : name;
    },
  }) satisfies Partial<Family>;

/** The parts under the names of their checkpoints. */
function treeOf(config: CommonConfig, { bias, headNorms = false }: Choices) {
  const { hidden_size: hidden, vocab_size: vocab, initializer_range: std, rms_norm_eps: eps } = config;
  const norm = () => rmsNorm(hidden, { eps });
  const norms = headNorms && ({ offset: 0 } as const);
  const block = () => ({
    self_attn: attentionParts(config, { qkvBias: bias.qkv, outBias: bias.out, norms }),
    mlp: gatedParts(config, bias.mlp),
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
  layerTypes,
}: {
  readonly modelType: string;
  readonly architecture: string;
  readonly schema: z.ZodType<Config>;
  readonly choices: (config: Config) => Choices;
  readonly layerTypes?: Family<Config>['layerTypes'];
}): AnyFamily =>
  defineFamily<Config, ReturnType<typeof treeOf>>({
    schema,
    example: {
      ...{ model_type: modelType, vocab_size: 4096, max_position_embeddings: 512, hidden_size: 256 },
      ...{ num_hidden_layers: 4, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 704 },
    },
    ...gatedNames(architecture),
    ...(layerTypes && { layerTypes }),
    tree: (config: Config) => treeOf(config, choices(config)),
    build(config, { model: { embed_tokens, layers, norm }, lm_head }, base) {
      const { numHeads, numKvHeads, headDim } = headsOf(config);
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
          const angles = anglesOn(base.device, rotary, { batch, shape, headDim }, positions);
          // x [batch, seq, hidden_size] throughout.
          let x = begin(() => embed_tokens.lookUp(batch.ids, shape));
          layers.forEach(({ self_attn, mlp, input_layernorm, post_attention_layernorm }, index) => {
            x = layer(x, index, (input, { attend }) => {
              const projections = projectHeads(self_attn, input_layernorm.apply(input));
              const window = windowOf?.(index);
              const heads = attend(projections, { numHeads, numKvHeads, window, rotary: angles, dropout });
              const attended = add(input, self_attn.o_proj.apply(heads));
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
