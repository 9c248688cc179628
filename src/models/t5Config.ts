/** What config.json says of a T5, in the words of transformers 4 and 5. */
import * as z from 'zod';
import { ranges } from '../settings/index.js';
import { geGLU, swiGLU, type Tensor } from '../tensor/index.js';
import { type ActivationName, activationField, activationOf, tanhGeluNames } from './activations.js';
import { count, deviation, epsilon, layerCount, probability } from './config.js';

/** What stands between the products of a gated MLP, by the name of the gate's activation. */
const gates: Readonly<Record<string, typeof geGLU>> = {
  ...Object.fromEntries(tanhGeluNames.map((name) => [name, geGLU])),
  ...{ silu: swiGLU, swish: swiGLU },
};
/** What `feed_forward_proj` may be: 'gated-gelu' is the tanh form, as in T5 v1.1. */
const forms = [...activationField.options, ...['gelu', ...Object.keys(gates)].map((name) => `gated-${name}`)];

const tokenId = ranges.word;

/** The fields of config.json that matter here; defaults as in transformers' T5Config. */
const fields = {
  vocab_size: count,
  d_model: count,
  /** Width of a head, whatever d_model is. */
  d_kv: count,
  /** Width of the MLP. */
  d_ff: count,
  /** Blocks of the encoder. */
  num_layers: layerCount,
  /** Blocks of the decoder; null is num_layers. */
  num_decoder_layers: layerCount.nullish(),
  num_heads: count,
  relative_attention_num_buckets: ranges.integer(4).default(32),
  relative_attention_max_distance: count.default(128),
  feed_forward_proj: z.string(`one of ${forms.join(', ')}`),
  /** The same in two fields, which count where a file has them. */
  dense_act_fn: z.string('the name of an activation').optional(),
  /** null is false, as transformers reads it. */
  is_gated_act: z.boolean('true or false').nullish(),
  /** Dropout at every place, attention probabilities included, while training. */
  dropout_rate: probability.default(0.1),
  layer_norm_epsilon: epsilon.default(1e-6),
  initializer_factor: deviation.default(1),
  is_encoder_decoder: z.literal(true).default(true),
  tie_word_embeddings: z.boolean('true or false'),
  /** Whether the last hidden states are multiplied by d_model^-0.5. */
  scale_decoder_outputs: z.boolean('true or false').nullish(),
  /** Ends what the encoder reads. */
  eos_token_id: z.union([tokenId, z.array(tokenId).min(1)], 'a token id').default(1),
  pad_token_id: tokenId.nullable().default(0),
  /** Begins what the decoder reads; null is pad_token_id, and so is nothing in a T5. */
  decoder_start_token_id: tokenId.nullish(),
};

/** What the families that compute alike differ in. */
export interface Variant {
  readonly modelType: string;
  /** What transformers calls the model. */
  readonly architecture: string;
  /** Defaults. */
  readonly feedForward: string;
  readonly tied: boolean;
  readonly startTokenId?: number;
  /** Whether the outputs are scaled, as the fields of config.json say. */
  scales(config: {
    readonly tie_word_embeddings: boolean;
    readonly scale_decoder_outputs?: boolean | null | undefined;
  }): boolean;
}

export const schemaOf = ({ feedForward, tied, startTokenId, scales }: Variant) =>
  z
    .object({
      ...fields,
      feed_forward_proj: fields.feed_forward_proj.default(feedForward),
      tie_word_embeddings: fields.tie_word_embeddings.default(tied),
    })
    .transform(({ decoder_start_token_id: start = startTokenId, ...config }) => ({
      ...config,
      num_decoder_layers: config.num_decoder_layers ?? config.num_layers,
      decoder_start_token_id: start ?? config.pad_token_id,
      scale_decoder_outputs: scales(config),
    }))
    .superRefine((config, context) => {
      const refuse = (field: keyof typeof config, message: string) =>
        context.addIssue({ code: 'custom', path: [field], message });
      // dense_act_fn names another activation in its place, but makes no form of what is none.
      if (!/^(gated-)?[^-]+$/.test(config.feed_forward_proj)) {
        refuse('feed_forward_proj', `one of ${forms.join(', ')}`);
      } else if (!activationNames(config).includes(nameOf(config))) {
        if (config.dense_act_fn) refuse('dense_act_fn', `one of ${activationNames(config).join(', ')}`);
        else refuse('feed_forward_proj', `one of ${forms.join(', ')}`);
      }
      const exact = Math.floor(config.relative_attention_num_buckets / 2);
      if (config.relative_attention_max_distance <= exact) {
        refuse('relative_attention_max_distance', `more than ${exact}, half of relative_attention_num_buckets`);
      }
      for (const field of ['eos_token_id', 'decoder_start_token_id'] as const) {
        const [id] = [config[field]].flat();
        if (id === null || id === undefined) refuse(field, 'a token id, or pad_token_id');
        else if (id >= config.vocab_size) refuse(field, 'an id of the vocabulary, below vocab_size');
      }
    });
export type Config = z.output<ReturnType<typeof schemaOf>>;

type Form = Pick<Config, 'feed_forward_proj' | 'dense_act_fn' | 'is_gated_act'>;
export const isGated = ({ feed_forward_proj: form, is_gated_act }: Form) =>
  is_gated_act === undefined ? form.split('-')[0] === 'gated' : is_gated_act === true;
const activationNames = (config: Form): readonly string[] =>
  isGated(config) ? Object.keys(gates) : activationField.options;
const nameOf = ({ feed_forward_proj: form, dense_act_fn }: Form) =>
  dense_act_fn ?? (form === 'gated-gelu' ? 'gelu_new' : (form.split('-').at(-1) as string));

/** The MLP's hidden layer, [batch, seq, d_ff], of its one product or of two. */
export function activate(config: Form, first: Tensor, second: Tensor | undefined): Tensor {
  const name = nameOf(config);
  return second ? (gates[name] as typeof geGLU)(first, second) : activationOf(name as ActivationName)(first);
}
