/**
 * GPT-2 (Radford et al. 2019), as Hugging Face transformers' GPT2LMHeadModel computes it. Weights of its Conv1D layers
 * are [in, out]; the LM head is the token embedding unless config.json unties them.
 */
import * as z from 'zod';
import { add } from '../tensor/index.js';
import { activationField, activationOf } from './activations.js';
import { count, deviation, epsilon, layerCount, probability } from './config.js';
import { decoderModel } from './decoder.js';
import { defineFamily } from './family.js';
import { conv1D, linear, norm, positionTable, repeat, table } from './parts.js';

/** The fields of config.json that matter here; defaults as in transformers' GPT2Config. */
const schema = z
  .object({
    vocab_size: count,
    n_positions: count,
    n_embd: count,
    n_layer: layerCount,
    n_head: count,
    /** Width of the MLP; null is 4 n_embd. */
    n_inner: count.nullish(),
    activation_function: activationField.default('gelu_new'),
    /** Dropout on the embeddings and on what each attention and MLP adds to the residual, while training. */
    embd_pdrop: probability.default(0.1),
    resid_pdrop: probability.default(0.1),
    /** Dropout on the attention probabilities, while training. */
    attn_pdrop: probability.default(0.1),
    layer_norm_epsilon: epsilon.default(1e-5),
    initializer_range: deviation.default(0.02),
    /** Whether queries times keys are divided by the square root of a head's dims. */
    scale_attn_weights: z.boolean().default(true),
    /** Whether they are divided by the number of their layer, which counts from 1. */
    scale_attn_by_inverse_layer_idx: z.boolean().default(false),
    /** Another order of the same products, where half precision would round. */
    reorder_and_upcast_attn: z.boolean().default(false),
    add_cross_attention: z.literal(false).default(false),
    tie_word_embeddings: z.boolean().default(true),
  })
  .refine(({ n_embd, n_head }) => n_embd % n_head === 0, {
    path: ['n_head'],
    message: 'a divisor of n_embd',
  });
type Config = z.output<typeof schema>;

const tree = (config: Config) => {
  const { n_embd: hidden, n_layer: layers, initializer_range: std, layer_norm_epsilon: eps } = config;
  const inner = config.n_inner ?? 4 * hidden;
  // What each block adds to the residual starts smaller, so that its variance does not grow with depth.
  const residual = { std: std / Math.sqrt(2 * layers) };
  const block = () => ({
    ln_1: norm(hidden, { eps }),
    attn: { c_attn: conv1D(hidden, 3 * hidden, { std }), c_proj: conv1D(hidden, hidden, residual) },
    ln_2: norm(hidden, { eps }),
    mlp: { c_fc: conv1D(hidden, inner, { std }), c_proj: conv1D(inner, hidden, residual) },
  });
  return {
    transformer: {
      wte: table(config.vocab_size, hidden, { std }),
      wpe: positionTable(config.n_positions, hidden, { std }),
      h: repeat(layers, block),
      ln_f: norm(hidden, { eps }),
    },
    lm_head: config.tie_word_embeddings ? undefined : linear(hidden, config.vocab_size, { std, bias: false }),
  };
};

/** The GPT-2 family. */
export const family = defineFamily({
  schema,
  example: { model_type: 'gpt2', vocab_size: 4096, n_positions: 512, n_embd: 256, n_layer: 4, n_head: 4 },
  positionsField: 'n_positions',
  layersField: 'n_layer',
  placeField: 'scale_attn_by_inverse_layer_idx',
  tiedTable: 'transformer.wte.weight',
  // transformers takes 50256 for absent token ids, which a small vocabulary does not have.
  savedFields: { architectures: ['GPT2LMHeadModel'], bos_token_id: null, eos_token_id: null },
  tree,
  parameterName(checkpointName, { tie_word_embeddings: tied }) {
    // The original checkpoints were saved from the model without its head, so without the prefix.
    const name = checkpointName.replace(/^(?!transformer\.|lm_head\.)/, 'transformer.');
    // Causal masks that older versions of transformers saved.
    if (/\.attn\.(masked_)?bias$/.test(name)) return undefined;
    return tied && name === 'lm_head.weight' ? undefined : name;
  },
  build: (config, { transformer: { wte, wpe, h, ln_f }, lm_head }, base) => {
    const [numHeads, headDim] = [config.n_head, config.n_embd / config.n_head];
    const activate = activationOf(config.activation_function);
    const scaleOf = (layer: number) =>
      (config.scale_attn_weights ? 1 / Math.sqrt(headDim) : 1) /
      (config.scale_attn_by_inverse_layer_idx ? layer + 1 : 1);
    return decoderModel(base, {
      vocabSize: config.vocab_size,
      hiddenSize: config.n_embd,
      numLayers: config.n_layer,
      maxPositions: config.n_positions,
      numKvHeads: numHeads,
      headDim,
      head: (lm_head ?? wte).weight,
      forward({ batch, shape, begin, layer }, positions) {
        // x [batch, seq, n_embd] throughout.
        let x = begin(({ drop }) =>
          drop(add(wte.lookUp(batch.ids, shape), wpe.lookUp(positions, shape)), 'embedding', config.embd_pdrop),
        );
        h.forEach(({ ln_1, attn, ln_2, mlp }, index) => {
          x = layer(x, index, (input, { attend, drop }) => {
            const qkv = attn.c_attn.apply(ln_1.apply(input)); // [batch, seq, 3 n_embd]
            const dropout = { place: 'attention', probability: config.attn_pdrop };
            const heads = attend({ qkv }, { numHeads, scale: scaleOf(index), dropout });
            const attended = add(input, drop(attn.c_proj.apply(heads), 'attended', config.resid_pdrop));
            const expanded = activate(mlp.c_fc.apply(ln_2.apply(attended))); // [batch, seq, n_inner]
            return add(attended, drop(mlp.c_proj.apply(expanded), 'mlp', config.resid_pdrop));
          });
        });
        return ln_f.apply(x);
      },
    });
  },
});
