/**
 * T5 (Raffel et al. 2020, arXiv:1910.10683), T5 v1.1 and FLAN-T5, as Hugging Face transformers'
 * T5ForConditionalGeneration computes them: an encoder and a decoder whose attention knows positions by a bias alone,
 * which the first layer of each stack has for all of its layers, and takes scores as they are, without 1 / sqrt(d_kv).
 */
import { add, type LayerCache, type PositionBias, scale, type Tensor } from '../tensor/index.js';
import { encoderDecoderModel } from './encoderDecoder.js';
import { type AnyFamily, defineFamily } from './family.js';
import {
  type Filled,
  type Linear,
  linear,
  type Norm,
  positionTable,
  repeat,
  rmsNorm,
  type Table,
  table,
} from './parts.js';
import type { ForwardPass, LayerPass } from './pass.js';
import { relativeBuckets } from './relativePositions.js';
import { activate, type Config, isGated, schemaOf, type Variant } from './t5Config.js';
import { headName } from './tiedHead.js';

/** Attention under the names of its checkpoints. Starts as in transformers: scores are not divided, so q is small. */
const attention = (config: Config, { biased }: { biased: boolean }) => {
  const { d_model: hidden, d_kv: headDim, num_heads: numHeads, initializer_factor: factor } = config;
  const inner = numHeads * headDim;
  const [wide, narrow] = [factor * hidden ** -0.5, factor * inner ** -0.5];
  return {
    q: linear(hidden, inner, { std: factor * (hidden * headDim) ** -0.5, bias: false }),
    k: linear(hidden, inner, { std: wide, bias: false }),
    v: linear(hidden, inner, { std: wide, bias: false }),
    o: linear(inner, hidden, { std: narrow, bias: false }),
    relative_attention_bias: biased
      ? positionTable(config.relative_attention_num_buckets, numHeads, { std: wide })
      : undefined,
  };
};

const norm = ({ d_model, layer_norm_epsilon: eps }: Config) => rmsNorm(d_model, { eps });
const selfAttention = (config: Config, layer: number) => ({
  SelfAttention: attention(config, { biased: layer === 0 }),
  layer_norm: norm(config),
});
const crossAttention = (config: Config) => ({
  EncDecAttention: attention(config, { biased: false }),
  layer_norm: norm(config),
});
const feedForward = (config: Config) => {
  const { d_model: hidden, d_ff: inner, initializer_factor: factor } = config;
  const expand = () => linear(hidden, inner, { std: factor * hidden ** -0.5, bias: false });
  const gated = isGated(config);
  return {
    DenseReluDense: {
      wi: gated ? undefined : expand(),
      wi_0: gated ? expand() : undefined,
      wi_1: gated ? expand() : undefined,
      wo: linear(inner, hidden, { std: factor * inner ** -0.5, bias: false }),
    },
    layer_norm: norm(config),
  };
};

const tree = (config: Config) => {
  const { vocab_size: vocab, d_model: hidden, initializer_factor: factor } = config;
  return {
    shared: table(vocab, hidden, { std: factor }),
    encoder: {
      block: repeat(config.num_layers, (layer) => ({
        layer: { 0: selfAttention(config, layer), 1: feedForward(config) },
      })),
      final_layer_norm: norm(config),
    },
    decoder: {
      block: repeat(config.num_decoder_layers, (layer) => ({
        layer: { 0: selfAttention(config, layer), 1: crossAttention(config), 2: feedForward(config) },
      })),
      final_layer_norm: norm(config),
    },
    // transformers starts it with the deviation of the embedding, from which logits are sqrt(d_model) times too large.
    lm_head: config.tie_word_embeddings
      ? undefined
      : linear(hidden, vocab, { std: factor * hidden ** -0.5, bias: false }),
  };
};
type SelfAttention = Filled<ReturnType<typeof selfAttention>>;
type CrossAttention = Filled<ReturnType<typeof crossAttention>>;
type FeedForward = Filled<ReturnType<typeof feedForward>>;

/** What the layers of both stacks do. */
function layersOf(config: Config) {
  const { num_heads: numHeads, dropout_rate: probability } = config;
  const shared = { numHeads, scale: 1 };
  return {
    embed: (tokens: Table, { batch, shape, begin }: ForwardPass) =>
      begin(({ drop }) => drop(tokens.lookUp(batch.ids, shape), 'embedding', probability)),
    /** @param how what differs between the stacks */
    attend(
      x: Tensor,
      { SelfAttention: { q, k, v, o }, layer_norm }: SelfAttention,
      { attend, drop }: LayerPass,
      how: { readonly bias: PositionBias; readonly causal: boolean },
    ): Tensor {
      const normed = layer_norm.apply(x);
      const projections = { q: q.apply(normed), k: k.apply(normed), v: v.apply(normed) };
      const heads = attend(projections, { ...shared, ...how, dropout: { place: 'attention', probability } });
      return add(x, drop(o.apply(heads), 'attended', probability));
    },
    /** @param states undefined where the cache holds the keys and values of them */
    attendAcross(
      x: Tensor,
      { EncDecAttention: { q, k, v, o }, layer_norm }: CrossAttention,
      { attend, drop }: LayerPass,
      states: Tensor | undefined,
      { keyRange, cache }: { readonly keyRange: Tensor; readonly cache: LayerCache | undefined },
    ): Tensor {
      const asked = q.apply(layer_norm.apply(x));
      const projections = states ? { q: asked, k: k.apply(states), v: v.apply(states) } : { q: asked };
      const how = { ...shared, ...{ causal: false, past: 0, keyRange, cache } };
      const heads = attend(projections, { ...how, dropout: { place: 'cross-attention', probability } });
      return add(x, drop(o.apply(heads), 'attended across', probability));
    },
    feedForward(x: Tensor, { DenseReluDense, layer_norm }: FeedForward, { drop }: LayerPass): Tensor {
      const { wi, wi_0, wi_1, wo } = DenseReluDense;
      const normed = layer_norm.apply(x);
      const activated = activate(config, ((wi ?? wi_0) as Linear).apply(normed), wi_1?.apply(normed));
      return add(x, drop(wo.apply(drop(activated, 'inner', probability)), 'mlp', probability));
    },
    end: (x: Tensor, last: Norm, { drop }: LayerPass) => drop(last.apply(x), 'last', probability),
  };
}

/** A family of such models. */
export const t5Family = (variant: Variant): AnyFamily =>
  defineFamily({
    schema: schemaOf(variant),
    example: {
      ...{ model_type: variant.modelType, vocab_size: 4096, d_model: 256, d_kv: 64, d_ff: 768 },
      ...{ num_layers: 4, num_heads: 4 },
    },
    layersField: 'num_layers',
    otherStacks: { num_decoder_layers: 'decoder.' },
    tiedTable: 'shared.weight',
    // Whether a head of its own is there, and so whether it is tied, transformers sees in the file; the scale it does not.
    tiedByFile: ({ scale_decoder_outputs }) => ({ scale_decoder_outputs }),
    savedFields: { architectures: [variant.architecture] },
    tree,
    parameterName(checkpointName, { tie_word_embeddings: tied }) {
      // The first T5 models were trained with a bias there, which nothing reads.
      if (checkpointName.endsWith('EncDecAttention.relative_attention_bias.weight')) return undefined;
      // One table under three names, of which a file has one or more.
      if (/^(en|de)coder\.embed_tokens\.weight$/.test(checkpointName)) return 'shared.weight';
      return tied && checkpointName === headName ? undefined : checkpointName;
    },
    build(config, { shared, encoder, decoder, lm_head }, base) {
      const layers = layersOf(config);
      /** What attention adds for each relative position from `first` to `last`, [positions, num_heads]. */
      const biasOf = (
        { block }: { readonly block: readonly Block[] },
        first: number,
        last: number,
        causal: boolean,
      ) => {
        const { relative_attention_bias } = (block[0] as Block).layer[0].SelfAttention;
        const { relative_attention_num_buckets: buckets, relative_attention_max_distance: maxDistance } = config;
        const ids = relativeBuckets(first, last, { buckets, maxDistance, causal });
        return (relative_attention_bias as Table).lookUp(ids, [ids.length]);
      };
      return encoderDecoderModel(base, {
        vocabSize: config.vocab_size,
        hiddenSize: config.d_model,
        numLayers: config.num_decoder_layers,
        numEncoderLayers: config.num_layers,
        numHeads: config.num_heads,
        headDim: config.d_kv,
        head: (lm_head ?? shared).weight,
        startTokenId: config.decoder_start_token_id as number,
        endTokenId: [config.eos_token_id].flat()[0] as number,
        // x [batch, seq, d_model] throughout.
        encode(pass) {
          const center = pass.batch.seq - 1;
          const table = biasOf(encoder, -center, center, false);
          let x = layers.embed(shared, pass);
          encoder.block.forEach(({ layer: { 0: attention, 1: mlp } }, index) => {
            const block = (input: Tensor, layer: LayerPass, table: Tensor) => {
              const how = { bias: { table, center }, causal: false };
              return layers.feedForward(layers.attend(input, attention, layer, how), mlp, layer);
            };
            x = pass.layer(x, index, block, table);
          });
          return pass.layer(x, encoder.block.length, (input, layer) =>
            layers.end(input, encoder.final_layer_norm, layer),
          );
        },
        decode(pass, { keyRange, states, cache }) {
          const center = pass.past + pass.batch.seq - 1;
          const table = biasOf(decoder, -center, 0, true);
          const reads = states ? [table, states] : [table];
          let x = layers.embed(shared, pass);
          decoder.block.forEach(({ layer: { 0: attention, 1: across, 2: mlp } }, index) => {
            const block = (input: Tensor, layer: LayerPass, table: Tensor, read?: Tensor) => {
              const attended = layers.attend(input, attention, layer, { bias: { table, center }, causal: true });
              const source = { keyRange, cache: cache?.layers[index] };
              return layers.feedForward(layers.attendAcross(attended, across, layer, read, source), mlp, layer);
            };
            x = pass.layer(x, index, block, ...reads);
          });
          return pass.layer(x, decoder.block.length, (input, layer) => {
            const last = layers.end(input, decoder.final_layer_norm, layer);
            return config.scale_decoder_outputs ? scale(last, config.d_model ** -0.5) : last;
          });
        },
      });
    },
  });

/** What the first layer of both stacks has. */
type Block = { readonly layer: { readonly 0: SelfAttention } };

/** The T5 family. transformers 5 writes `scale_decoder_outputs`, and reads null as false; before, tied heads were scaled. */
export const family = t5Family({
  modelType: 't5',
  architecture: 'T5ForConditionalGeneration',
  feedForward: 'relu',
  tied: true,
  scales: ({ tie_word_embeddings: tied, scale_decoder_outputs: scaled }) =>
    scaled === undefined ? tied : scaled === true,
});
