/**
 * GPT-2 (Radford et al. 2019), as Hugging Face transformers' GPT2LMHeadModel computes it. Weights of its Conv1D layers
 * are [in, out]; the LM head is the token embedding unless config.json unties them.
 */
import { z } from 'zod';
import { add, embedding, f32Weight, gelu, layerNorm, linear, type Tensor, type Weight } from '../tensor/index.js';
import { type Affine, affineOf, type Norm, normOf, specifyNorm } from './affine.js';
import { checkConfig, count, probability } from './config.js';
import { createKVCache, type Family, type ModelParts, modelBase, type ParameterSpec } from './family.js';
import { startPass } from './forwardPass.js';
import type { LanguageModel } from './model.js';
import { positionIds } from './positions.js';

/** The fields of config.json that matter here; defaults as in transformers' GPT2Config. */
const schema = z
  .object({
    vocab_size: count,
    n_positions: count,
    n_embd: count,
    n_layer: count,
    n_head: count,
    /** Width of the MLP; null is 4 n_embd. */
    n_inner: count.nullish(),
    activation_function: z.literal('gelu_new').default('gelu_new'),
    /** Dropout on the embeddings and on what each attention and MLP adds to the residual, while training. */
    embd_pdrop: probability.default(0.1),
    resid_pdrop: probability.default(0.1),
    /** Dropout on the attention probabilities, while training. */
    attn_pdrop: probability.default(0.1),
    layer_norm_epsilon: z.number().positive().default(1e-5),
    initializer_range: z.number().min(0).default(0.02),
    scale_attn_weights: z.literal(true).default(true),
    scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
    add_cross_attention: z.literal(false).default(false),
    tie_word_embeddings: z.boolean().default(true),
  })
  .refine(({ n_embd, n_head }) => n_embd % n_head === 0, {
    path: ['n_head'],
    message: 'Invalid input: expected a divisor of n_embd',
  });
type Config = z.output<typeof schema>;

/** The parameters of one transformer block, named as in the checkpoint. */
interface Block {
  readonly ln_1: Norm;
  readonly attn: { readonly c_attn: Affine; readonly c_proj: Affine };
  readonly ln_2: Norm;
  readonly mlp: { readonly c_fc: Affine; readonly c_proj: Affine };
}

function parameters(config: Config): Map<string, ParameterSpec> {
  const { vocab_size: vocab, n_positions: positions, n_embd: hidden, n_layer: layers, n_inner } = config;
  const inner = n_inner ?? 4 * hidden;
  const specs = new Map<string, ParameterSpec>();
  const std = config.initializer_range;
  const norm = (name: string) => specifyNorm(specs, name, hidden);
  const conv1D = (name: string, inputs: number, outputs: number, normal = std) => {
    specs.set(`${name}.weight`, { shape: [inputs, outputs], initial: { normal }, matrix: 'inOut' });
    specs.set(`${name}.bias`, { shape: [outputs], initial: 'zeros' });
  };
  specs.set('transformer.wte.weight', { shape: [vocab, hidden], initial: { normal: std }, matrix: 'outIn' });
  specs.set('transformer.wpe.weight', { shape: [positions, hidden], initial: { normal: std } });
  for (let layer = 0; layer < layers; layer++) {
    const block = `transformer.h.${layer}`;
    // What each block adds to the residual starts smaller, so that its variance does not grow with depth.
    const residualStd = std / Math.sqrt(2 * layers);
    norm(`${block}.ln_1`);
    conv1D(`${block}.attn.c_attn`, hidden, 3 * hidden);
    conv1D(`${block}.attn.c_proj`, hidden, hidden, residualStd);
    norm(`${block}.ln_2`);
    conv1D(`${block}.mlp.c_fc`, hidden, inner);
    conv1D(`${block}.mlp.c_proj`, inner, hidden, residualStd);
  }
  norm('transformer.ln_f');
  if (!config.tie_word_embeddings) {
    specs.set('lm_head.weight', { shape: [vocab, hidden], initial: { normal: std }, matrix: 'outIn' });
  }
  return specs;
}

function parameterName(checkpointName: string, { tie_word_embeddings: tied }: Config): string | undefined {
  // The original checkpoints were saved from the model without its head, so without the prefix.
  const name = checkpointName.replace(/^(?!transformer\.|lm_head\.)/, 'transformer.');
  // Causal masks that older versions of transformers saved.
  if (/\.attn\.(masked_)?bias$/.test(name)) return undefined;
  return tied && name === 'lm_head.weight' ? undefined : name;
}

function build(config: Config, parts: ModelParts): LanguageModel {
  const { device } = parts;
  const weight = (name: string) => parts.weights.get(name) as Weight;
  const affine = (name: string) => affineOf(parts, name);
  const wte = weight('transformer.wte.weight');
  const wpe = f32Weight(parts.parameters.get('transformer.wpe.weight') as Tensor);
  const lnF = normOf(parts, 'transformer.ln_f');
  const blocks = Array.from({ length: config.n_layer }, (_, layer): Block => {
    const h = `transformer.h.${layer}`;
    return {
      ln_1: normOf(parts, `${h}.ln_1`),
      attn: { c_attn: affine(`${h}.attn.c_attn`), c_proj: affine(`${h}.attn.c_proj`) },
      ln_2: normOf(parts, `${h}.ln_2`),
      mlp: { c_fc: affine(`${h}.mlp.c_fc`), c_proj: affine(`${h}.mlp.c_proj`) },
    };
  });
  const numHeads = config.n_head;
  const norm = (x: Tensor, { weight, bias }: Norm) => layerNorm(x, weight, bias, { eps: config.layer_norm_epsilon });
  const conv1D = (x: Tensor, { weight, bias }: Affine) => linear(x, weight, { bias });

  const forward: LanguageModel['forward'] = (batch, options = {}) => {
    // x [batch, seq, n_embd] throughout.
    const pass = startPass(parts, batch, options);
    const { cache } = options;
    const shape = [batch.batch, batch.seq];
    const positions = positionIds('gpt2', batch, cache?.past ?? 0, config.n_positions);
    let x = pass.run(() =>
      pass.drop(add(embedding(wte, batch.ids, shape), embedding(wpe, positions, shape)), config.embd_pdrop),
    );
    blocks.forEach(({ ln_1, attn, ln_2, mlp }, layer) => {
      x = pass.next(x, (input) => {
        const qkv = conv1D(norm(input, ln_1), attn.c_attn); // [batch, seq, 3 n_embd]
        const heads = pass.attend({ qkv }, { layer, numHeads, dropout: config.attn_pdrop });
        const attended = add(input, pass.drop(conv1D(heads, attn.c_proj), config.resid_pdrop));
        const expanded = gelu(conv1D(norm(attended, ln_2), mlp.c_fc)); // [batch, seq, n_inner]
        return add(attended, pass.drop(conv1D(expanded, mlp.c_proj), config.resid_pdrop));
      });
    });
    if (cache) cache.past += batch.seq;
    return norm(x, lnF);
  };

  return {
    ...modelBase(parts),
    family: 'gpt2',
    config: parts.fields,
    vocabSize: config.vocab_size,
    hiddenSize: config.n_embd,
    numLayers: config.n_layer,
    maxPositions: config.n_positions,
    head: config.tie_word_embeddings ? wte : weight('lm_head.weight'),
    forward,
    createCache: (batch, capacity) =>
      createKVCache(device, {
        batch,
        capacity,
        numLayers: config.n_layer,
        numKvHeads: numHeads,
        headDim: config.n_embd / numHeads,
      }),
  };
}

/** The GPT-2 family. */
export const family: Family<Config> = {
  parseConfig: (fields, where) => checkConfig(schema, fields, where),
  positionsField: 'n_positions',
  parameters,
  parameterName,
  // transformers takes 50256 for absent token ids, which a small vocabulary does not have.
  savedConfig: (config) => ({
    architectures: ['GPT2LMHeadModel'],
    bos_token_id: null,
    eos_token_id: null,
    ...config,
  }),
  build,
};
