/**
 * OPT (Zhang et al. 2022, arXiv:2205.01068), as Hugging Face transformers' OPTForCausalLM computes it: in its blocks the
 * norms come before attention and MLP or, in OPT-350m, after; OPT-350m also embeds in fewer dimensions than it computes in.
 * The LM head is the token embedding unless config.json unties them.
 */
import { z } from 'zod';
import { add, embedding, f32Weight, layerNorm, linear, relu, type Tensor, type Weight } from '../tensor/index.js';
import { type Affine, affineOf, type Norm, normOf, specifyNorm } from './affine.js';
import { checkConfig, count, probability } from './config.js';
import { createKVCache, type Family, type ModelParts, modelBase, type ParameterSpec } from './family.js';
import { startPass } from './forwardPass.js';
import type { LanguageModel } from './model.js';
import { positionIds } from './positions.js';

/** The fields of config.json that matter here; defaults as in transformers' OPTConfig. */
const schema = z
  .object({
    vocab_size: count,
    hidden_size: count,
    num_hidden_layers: count,
    num_attention_heads: count,
    ffn_dim: count,
    max_position_embeddings: count,
    /** Width of the token embedding and of the LM head; null is hidden_size. */
    word_embed_proj_dim: count.nullish(),
    do_layer_norm_before: z.boolean().default(true),
    /** Checkpoints that were fine-tuned before transformers 4.20.1 lack the last norm. */
    _remove_final_layer_norm: z.boolean().default(false),
    activation_function: z.literal('relu').default('relu'),
    /** Dropout on what each attention and MLP adds to the residual, while training. */
    dropout: probability.default(0.1),
    /** Dropout on the attention probabilities, while training. */
    attention_dropout: probability.default(0),
    layerdrop: z.literal(0).default(0),
    init_std: z.number().min(0).default(0.02),
    enable_bias: z.literal(true).default(true),
    layer_norm_elementwise_affine: z.literal(true).default(true),
    tie_word_embeddings: z.boolean().default(true),
  })
  .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'Invalid input: expected a divisor of hidden_size',
  })
  .transform((config) => ({ ...config, word_embed_proj_dim: config.word_embed_proj_dim ?? config.hidden_size }));
type Config = z.output<typeof schema>;

/** The table of positions begins with two rows that no token has: fairseq counted from the id of the padding on. */
const positionOffset = 2;

/** What the names of all parameters but the head begin with. */
const decoder = 'model.decoder';

/** The parameters of one transformer block, named as in the checkpoint. */
interface Block {
  readonly self_attn: Readonly<Record<'q_proj' | 'k_proj' | 'v_proj' | 'out_proj', Affine>>;
  readonly self_attn_layer_norm: Norm;
  readonly fc1: Affine;
  readonly fc2: Affine;
  readonly final_layer_norm: Norm;
}

const projects = ({ word_embed_proj_dim, hidden_size }: Config) => word_embed_proj_dim !== hidden_size;
const normsLast = ({ do_layer_norm_before, _remove_final_layer_norm }: Config) =>
  do_layer_norm_before && !_remove_final_layer_norm;

function parameters(config: Config): Map<string, ParameterSpec> {
  const { vocab_size: vocab, hidden_size: hidden, ffn_dim: inner, word_embed_proj_dim: width } = config;
  const specs = new Map<string, ParameterSpec>();
  const initial = { normal: config.init_std };
  const matrix = (name: string, outputs: number, inputs: number) =>
    specs.set(`${name}.weight`, { shape: [outputs, inputs], initial, matrix: 'outIn' });
  const project = (name: string, outputs: number, inputs: number) => {
    matrix(name, outputs, inputs);
    specs.set(`${name}.bias`, { shape: [outputs], initial: 'zeros' });
  };
  matrix(`${decoder}.embed_tokens`, vocab, width);
  const positions = config.max_position_embeddings + positionOffset;
  specs.set(`${decoder}.embed_positions.weight`, { shape: [positions, hidden], initial });
  if (projects(config)) {
    matrix(`${decoder}.project_out`, width, hidden);
    matrix(`${decoder}.project_in`, hidden, width);
  }
  if (normsLast(config)) specifyNorm(specs, `${decoder}.final_layer_norm`, hidden);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const block = `${decoder}.layers.${layer}`;
    for (const name of ['k_proj', 'v_proj', 'q_proj', 'out_proj'])
      project(`${block}.self_attn.${name}`, hidden, hidden);
    specifyNorm(specs, `${block}.self_attn_layer_norm`, hidden);
    project(`${block}.fc1`, inner, hidden);
    project(`${block}.fc2`, hidden, inner);
    specifyNorm(specs, `${block}.final_layer_norm`, hidden);
  }
  if (!config.tie_word_embeddings) matrix('lm_head', vocab, width);
  return specs;
}

function parameterName(checkpointName: string, { tie_word_embeddings: tied }: Config): string | undefined {
  // The original checkpoints were saved from the model without its head, so without the prefix.
  const name = checkpointName.replace(/^(?=decoder\.)/, 'model.');
  return tied && name === 'lm_head.weight' ? undefined : name;
}

function build(config: Config, parts: ModelParts): LanguageModel {
  const { device } = parts;
  const { hidden_size: hidden, num_attention_heads: numHeads, num_hidden_layers: numLayers } = config;
  const weight = (name: string) => parts.weights.get(name) as Weight;
  const affine = (name: string) => affineOf(parts, name);
  const embedTokens = weight(`${decoder}.embed_tokens.weight`);
  const embedPositions = f32Weight(parts.parameters.get(`${decoder}.embed_positions.weight`) as Tensor);
  const blocks = Array.from({ length: numLayers }, (_, layer): Block => {
    const h = `${decoder}.layers.${layer}`;
    const projection = (name: string) => affine(`${h}.self_attn.${name}`);
    return {
      self_attn: {
        q_proj: projection('q_proj'),
        k_proj: projection('k_proj'),
        v_proj: projection('v_proj'),
        out_proj: projection('out_proj'),
      },
      self_attn_layer_norm: normOf(parts, `${h}.self_attn_layer_norm`),
      fc1: affine(`${h}.fc1`),
      fc2: affine(`${h}.fc2`),
      final_layer_norm: normOf(parts, `${h}.final_layer_norm`),
    };
  });
  const norm = (x: Tensor, { weight, bias }: Norm) => layerNorm(x, weight, bias, { eps: 1e-5 });
  const project = (x: Tensor, { weight, bias }: Affine) => linear(x, weight, { bias });
  const [normBefore, normAfter] = config.do_layer_norm_before ? [norm, (x: Tensor) => x] : [(x: Tensor) => x, norm];

  const forward: LanguageModel['forward'] = (batch, options = {}) => {
    // x [batch, seq, hidden_size] between the projections, where there are any.
    const pass = startPass(parts, batch, options);
    const { cache } = options;
    const shape = [batch.batch, batch.seq];
    const indices = positionIds('opt', batch, cache?.past ?? 0, config.max_position_embeddings);
    const positions = indices.map((index) => index + positionOffset);
    let x = pass.run(() => {
      const tokens = embedding(embedTokens, batch.ids, shape);
      const projected = projects(config) ? linear(tokens, weight(`${decoder}.project_in.weight`)) : tokens;
      return add(projected, embedding(embedPositions, positions, shape));
    });
    blocks.forEach(({ self_attn, self_attn_layer_norm, fc1, fc2, final_layer_norm }, layer) => {
      x = pass.next(x, (input) => {
        const normed = normBefore(input, self_attn_layer_norm);
        const projections = {
          q: project(normed, self_attn.q_proj),
          k: project(normed, self_attn.k_proj),
          v: project(normed, self_attn.v_proj),
        };
        const heads = pass.attend(projections, { layer, numHeads, dropout: config.attention_dropout });
        const added = add(input, pass.drop(project(heads, self_attn.out_proj), config.dropout));
        const attended = normAfter(added, self_attn_layer_norm);
        const expanded = relu(project(normBefore(attended, final_layer_norm), fc1)); // [batch, seq, ffn_dim]
        const contracted = pass.drop(project(expanded, fc2), config.dropout);
        return normAfter(add(attended, contracted), final_layer_norm);
      });
    });
    if (cache) cache.past += batch.seq;
    const last = normsLast(config) ? norm(x, normOf(parts, `${decoder}.final_layer_norm`)) : x;
    return projects(config) ? linear(last, weight(`${decoder}.project_out.weight`)) : last;
  };

  return {
    ...modelBase(parts),
    family: 'opt',
    config: parts.fields,
    vocabSize: config.vocab_size,
    hiddenSize: config.word_embed_proj_dim,
    numLayers,
    maxPositions: config.max_position_embeddings,
    head: config.tie_word_embeddings ? embedTokens : weight('lm_head.weight'),
    forward,
    createCache: (batch, capacity) =>
      createKVCache(device, { batch, capacity, numLayers, numKvHeads: numHeads, headDim: hidden / numHeads }),
  };
}

/** The OPT family. */
export const family: Family<Config> = {
  parseConfig: (fields, where) => checkConfig(schema, fields, where),
  positionsField: 'max_position_embeddings',
  parameters,
  parameterName,
  // transformers takes 1 and 2 for absent token ids, which a vocabulary of one's own has for other tokens.
  savedConfig: (config) => ({
    architectures: ['OPTForCausalLM'],
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null,
    ...config,
  }),
  build,
};
