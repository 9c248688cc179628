import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { skewKL } from '../../src/distill/losses/index.js';
import { distill } from '../../src/distill/trainer/index.js';
import { CheckpointError, CompatibilityError } from '../../src/errors.js';
import { type MemoryStore, memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { type TensorToWrite, writeSafetensors } from '../../src/io/writeSafetensors.js';
import { createModel, type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { relativeBuckets } from '../../src/models/relativePositions.js';
import { headLogits, sizeOf, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { encoderDecoderTests } from './encoderDecoderTests.js';

forEachBackend((backend) => {
  for (const variant of ['v1', 'flan', 'mt5']) encoderDecoderTests(`t5/${variant}`, backend);
});

const device: Device = openReference({ precision: 'f32' });
afterAll(() => expect(device.memory().liveStorages).toBe(0));
const t5 = { model_type: 't5', vocab_size: 11, d_model: 8, d_kv: 3, d_ff: 6, num_layers: 1, num_heads: 2 };
const gated = { ...t5, feed_forward_proj: 'gated-gelu', tie_word_embeddings: false };
const mt5 = { ...t5, model_type: 'mt5' };
const sample = { ids: Int32Array.of(3, 5, 1, 7, 2, 1), promptLength: 3 };

/** A saved model whose config fields and tensors may be changed. */
async function folder(
  made: Record<string, unknown>,
  fields: Record<string, unknown> = {},
  change: (tensors: TensorToWrite[]) => TensorToWrite[] = (tensors) => tensors,
): Promise<MemoryStore> {
  const store = memoryStore();
  using model = await createModel(made, { device, seed: 4 });
  await saveModel(model, store);
  const weights = await openSafetensors(store, 'model.safetensors');
  const tensors = [...weights.entries].map(
    ([name, { shape }]): TensorToWrite => ({ name, dtype: 'F32', shape, read: () => readFloats(weights, name) }),
  );
  const changed = memoryStore({ 'config.json': JSON.stringify({ ...made, ...fields }) });
  await writeSafetensors(changed, 'model.safetensors', change(tensors));
  return changed;
}

async function logitsOf(model: LanguageModel): Promise<number[]> {
  const batch = model.collate([sample]);
  const logits = tidy(() => headLogits(model.forward(batch), model.head));
  const values = [...(await logits.read()).subarray(0, 3 * model.vocabSize)];
  logits.dispose();
  return values;
}

const zeros = (name: string, shape: readonly number[]): TensorToWrite => ({
  ...{ name, shape },
  dtype: 'F32',
  read: async () => new Float32Array(sizeOf(shape)),
});
const renamed =
  (name: string, ...names: string[]) =>
  (tensors: TensorToWrite[]) =>
    tensors.flatMap((tensor) => (tensor.name === name ? names.map((each) => ({ ...tensor, name: each })) : [tensor]));

describe('the buckets of relative positions', () => {
  interface Buckets {
    readonly buckets: number;
    readonly maxDistance: number;
    readonly causal: boolean;
    readonly of: readonly number[];
  }
  const oracle: Buckets[] = JSON.parse(readFileSync(new URL('../oracles/t5/buckets.json', import.meta.url), 'utf8'));

  it.each(oracle)('are those of transformers: $buckets up to $maxDistance, causal $causal', ({ of, ...how }) => {
    expect([...relativeBuckets(-400, 400, how)]).toEqual(of);
  });
});

describe('t5', () => {
  it('has its parameters under the names of Hugging Face, in their shapes', async () => {
    using model = await createModel({ ...gated, num_decoder_layers: 2 }, { device });
    const attention = { 'q.weight': [6, 8], 'k.weight': [6, 8], 'v.weight': [6, 8], 'o.weight': [8, 6] };
    const named = (path: string, shapes: Record<string, number[]>) =>
      Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`${path}.${name}`, shape]));
    const norm = { 'layer_norm.weight': [8] };
    const self = (path: string, first: boolean) => ({
      ...named(`${path}.SelfAttention`, attention),
      ...(first && { [`${path}.SelfAttention.relative_attention_bias.weight`]: [32, 2] }),
      ...named(path, norm),
    });
    const mlp = (path: string) => ({
      ...named(`${path}.DenseReluDense`, { 'wi_0.weight': [6, 8], 'wi_1.weight': [6, 8], 'wo.weight': [8, 6] }),
      ...named(path, norm),
    });
    const across = (path: string) => ({ ...named(`${path}.EncDecAttention`, attention), ...named(path, norm) });
    const decoder = [0, 1].map((block) => ({
      ...self(`decoder.block.${block}.layer.0`, block === 0),
      ...across(`decoder.block.${block}.layer.1`),
      ...mlp(`decoder.block.${block}.layer.2`),
    }));
    expect(Object.fromEntries([...model.parameters].map(([name, { shape }]) => [name, shape]))).toEqual({
      'shared.weight': [11, 8],
      ...self('encoder.block.0.layer.0', true),
      ...mlp('encoder.block.0.layer.1'),
      'encoder.final_layer_norm.weight': [8],
      ...decoder[0],
      ...decoder[1],
      'decoder.final_layer_norm.weight': [8],
      'lm_head.weight': [11, 8],
    });
    expect(model).toMatchObject({
      family: 't5',
      vocabSize: 11,
      hiddenSize: 8,
      numLayers: 2,
      numEncoderLayers: 1,
      startTokenId: 0,
    });
    expect([model.maxPositions, model.room(10_000)]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    using plain = await createModel(t5, { device });
    const ends = [...plain.parameters.keys()].map((name) => /(DenseReluDense.*|^lm_head)\.weight$/.exec(name)?.[1]);
    expect(ends.filter(Boolean)).toEqual(['wi', 'wo', 'wi', 'wo'].map((name) => `DenseReluDense.${name}`));
  });

  it('starts with the deviations of transformers, and with a head whose logits are of the size of 1', async () => {
    const wide = { ...gated, vocab_size: 300, d_model: 64, d_kv: 16, d_ff: 128, num_heads: 8 };
    using model = await createModel({ ...wide, initializer_factor: 0.5 }, { device });
    const deviation = async (name: string) => {
      const values = (await model.parameters.get(name)!.read()) as Float32Array;
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    const layer = 'decoder.block.0.layer';
    for (const [name, expected] of [
      ['shared.weight', 1],
      [`${layer}.0.SelfAttention.q.weight`, (64 * 16) ** -0.5],
      [`${layer}.0.SelfAttention.k.weight`, 64 ** -0.5],
      [`${layer}.1.EncDecAttention.v.weight`, 64 ** -0.5],
      [`${layer}.1.EncDecAttention.o.weight`, 128 ** -0.5],
      [`${layer}.0.SelfAttention.relative_attention_bias.weight`, 64 ** -0.5],
      [`${layer}.2.DenseReluDense.wi_1.weight`, 64 ** -0.5],
      [`${layer}.2.DenseReluDense.wo.weight`, 128 ** -0.5],
      ['lm_head.weight', 64 ** -0.5],
    ] as const) {
      const ratio = (await deviation(name)) / (0.5 * expected);
      expect(Math.abs(ratio - 1), name).toBeLessThan(name.includes('bias') ? 0.15 : 0.05);
    }
    expect(await deviation(`${layer}.1.layer_norm.weight`)).toBe(1);
  });

  it('drops in training only, by seeded masks that differ between the stacks', async () => {
    using model = await createModel({ ...t5, dropout_rate: 0.5 }, { device });
    const batch = model.collate([sample]);
    const hidden = async (options: Parameters<LanguageModel['forward']>[1]) => {
      const tensor = tidy(() => model.forward(batch, options));
      const values = await tensor.read();
      tensor.dispose();
      return values;
    };
    const evaluated = await hidden({});
    const first = await hidden({ dropoutSeed: 1 });
    expect(await hidden({})).toEqual(evaluated);
    expect(first).not.toEqual(evaluated);
    expect(await hidden({ dropoutSeed: 1 })).toEqual(first);
    expect(await hidden({ dropoutSeed: 2 })).not.toEqual(first);
  });

  it('reads the shared embedding under any of its names, and copies of it', async () => {
    const names = ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'];
    using expected = await loadModel(await folder(t5), { device });
    for (const found of [
      names.slice(1),
      names,
      ['decoder.embed_tokens.weight'],
      ['lm_head.weight'],
      [...names, 'lm_head.weight'],
    ]) {
      using model = await loadModel(await folder(t5, {}, renamed('shared.weight', ...found)), { device });
      expect(await logitsOf(model)).toEqual(await logitsOf(expected));
      expect(model.head.values).toBe(model.parameters.get('shared.weight'));
    }
    const other = (tensors: TensorToWrite[]) =>
      renamed(
        'shared.weight',
        ...names,
      )(tensors).map((tensor) =>
        tensor.name === 'encoder.embed_tokens.weight' ? zeros(tensor.name, [11, 8]) : tensor,
      );
    await expect(folder(t5, {}, other).then((store) => loadModel(store, { device }))).rejects.toThrow(
      /'(shared|\w+\.embed_tokens)\.weight' and '(shared|\w+\.embed_tokens)\.weight' are the same parameter, with different values/,
    );
  });

  it('leaves out the bias of cross-attention that the first T5 models were trained with', async () => {
    const name = 'decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight';
    const stray = (tensors: TensorToWrite[]): TensorToWrite[] => [...tensors, zeros(name, [32, 2])];
    using model = await loadModel(await folder(t5, {}, stray), { device });
    expect(model.parameters.has(name)).toBe(false);
  });

  describe('whether the head is tied and outputs are scaled', () => {
    /** [tied, scaled] as a model computes. */
    const kind = async (model: LanguageModel) => [
      model.head.values === model.parameters.get('shared.weight'),
      model.config.scale_decoder_outputs,
    ];
    const loaded = async (store: MemoryStore) => {
      const warn = vi.spyOn(console, 'warn');
      using model = await loadModel(store, { device });
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
      // What is saved says the same.
      const saved = memoryStore();
      await saveModel(model, saved);
      using again = await loadModel(saved, { device });
      expect(await logitsOf(again)).toEqual(await logitsOf(model));
      expect(await kind(again)).toEqual(await kind(model));
      const head = await readHead(saved);
      expect(head).toBe((await kind(model))[0] ? undefined : 'F32');
      return logitsOf(model);
    };
    const readHead = async (store: MemoryStore) =>
      (await openSafetensors(store, 'model.safetensors')).entries.get('lm_head.weight')?.dtype;
    const largest = (values: number[]) => Math.max(...values.map(Math.abs));
    /** How many times larger the second logits are. */
    const times = (one: number[], other: number[]) => largest(other) / largest(one);

    it('is said by the file and by config.json of transformers 4 and 5', async () => {
      const scaled = await loaded(await folder(t5));
      // A tied head although config.json denies it: version 5 writes such files, and knows the scale.
      const unscaled = await loaded(await folder(t5, { tie_word_embeddings: false }));
      expect(times(scaled, unscaled)).toBeCloseTo(8 ** 0.5, 5);
      expect(await loaded(await folder(t5, { scale_decoder_outputs: false }))).toEqual(unscaled);
      expect(await loaded(await folder(t5, { tie_word_embeddings: false, scale_decoder_outputs: true }))).toEqual(
        scaled,
      );
      // A head of its own, whatever config.json says.
      const own = await loaded(await folder(gated));
      expect(await loaded(await folder(gated, { tie_word_embeddings: true, scale_decoder_outputs: false }))).toEqual(
        own,
      );
      const ownScaled = await loaded(await folder(gated, { tie_word_embeddings: true }));
      expect(times(ownScaled, own)).toBeCloseTo(8 ** 0.5, 5);
    });

    it('mT5 is never scaled', async () => {
      const own = await loaded(await folder(mt5));
      expect(await loaded(await folder(mt5, { tie_word_embeddings: true }))).toEqual(own);
      const tied = { ...mt5, tie_word_embeddings: true };
      const t5Tied = { ...tied, model_type: 't5', feed_forward_proj: 'gated-gelu' };
      const [unscaled, scaled] = [await loaded(await folder(tied)), await loaded(await folder(t5Tied))];
      expect(times(scaled, unscaled)).toBeCloseTo(8 ** 0.5, 5);
    });
  });

  it('is saved as transformers reads it', async () => {
    for (const [config, expected] of [
      [t5, { architectures: ['T5ForConditionalGeneration'], tie_word_embeddings: true, scale_decoder_outputs: true }],
      [
        gated,
        { architectures: ['T5ForConditionalGeneration'], tie_word_embeddings: false, scale_decoder_outputs: false },
      ],
      [
        mt5,
        { architectures: ['MT5ForConditionalGeneration'], tie_word_embeddings: false, feed_forward_proj: 'gated-gelu' },
      ],
    ] as const) {
      const store = memoryStore();
      using model = await createModel(config, { device });
      await saveModel(model, store);
      expect(JSON.parse(new TextDecoder().decode(store.files.get('config.json')))).toMatchObject({
        ...config,
        ...expected,
        ...{ is_encoder_decoder: true, pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 },
        ...{ num_decoder_layers: 1, layer_norm_epsilon: 1e-6, dropout_rate: 0.1, relative_attention_num_buckets: 32 },
      });
      const names = [...(await openSafetensors(store, 'model.safetensors')).entries.keys()];
      expect(names.filter((name) => /shared|embed_tokens|lm_head/.test(name))).toEqual(
        config === t5 ? ['shared.weight'] : ['shared.weight', 'lm_head.weight'],
      );
    }
  });

  it('begins answers with 0 in an mT5, with the padding in a T5, where config.json does not say', async () => {
    const starts = async (config: object, start?: number | null) => {
      using model = await createModel(
        { ...config, pad_token_id: 3, ...(start !== undefined && { decoder_start_token_id: start }) },
        { device },
      );
      return model.startTokenId;
    };
    expect([await starts(t5), await starts(t5, null), await starts(t5, 4)]).toEqual([3, 3, 4]);
    expect([await starts(mt5), await starts(mt5, null), await starts(mt5, 4)]).toEqual([0, 3, 4]);
  });

  it('knows the forms of its MLP by either way of saying them', async () => {
    const logits = async (fields: Record<string, unknown>) => {
      using model = await createModel({ ...t5, ...fields }, { device, seed: 2 });
      return logitsOf(model);
    };
    const forms = ['relu', 'gelu', 'gelu_new', 'silu', 'gated-gelu', 'gated-silu'];
    const all = await Promise.all(forms.map((form) => logits({ feed_forward_proj: form })));
    expect(new Set(all.map((values) => values.join())).size).toBe(forms.length);
    expect(await logits({ feed_forward_proj: 'gated-gelu_new' })).toEqual(all[4]);
    expect(await logits({ dense_act_fn: 'gelu_new', is_gated_act: true })).toEqual(all[4]);
    expect(await logits({ feed_forward_proj: 'gelu', dense_act_fn: 'gelu_new' })).toEqual(all[2]);
  });

  it.each([
    [{ d_kv: undefined }, /field 'd_kv' is missing, expected an integer of at least 1/],
    [{ num_decoder_layers: 0 }, /field 'num_decoder_layers' is 0/],
    [
      { feed_forward_proj: 'gated-relu' },
      /field 'feed_forward_proj' is "gated-relu", expected one of relu, gelu, .*silu, .*gated-gelu, gated-gelu_new, .*gated-silu, /,
    ],
    ...['foo-gelu', 'foo-relu', 'gated-foo-gelu', '-relu', 'relu-', 'gated'].map((form): [object, RegExp] => [
      { feed_forward_proj: form },
      new RegExp(`field 'feed_forward_proj' is "${form}", expected one of relu, gelu, .*gated-gelu`),
    ]),
    [
      { feed_forward_proj: 'foo-gelu', dense_act_fn: 'gelu' },
      /field 'feed_forward_proj' is "foo-gelu", expected one of/,
    ],
    [{ feed_forward_proj: 'toString' }, /field 'feed_forward_proj' is "toString", expected one of relu/],
    [{ dense_act_fn: 'tanh' }, /field 'dense_act_fn' is "tanh", expected one of relu, gelu/],
    [{ is_encoder_decoder: false }, /field 'is_encoder_decoder' is false, expected true/],
    [
      { relative_attention_num_buckets: 3 },
      /field 'relative_attention_num_buckets' is 3, expected an integer of at least 4/,
    ],
    [
      { relative_attention_max_distance: 16 },
      /'relative_attention_max_distance' is 16, expected more than 16, half of/,
    ],
    [{ eos_token_id: 11 }, /field 'eos_token_id' is 11, expected an id of the vocabulary, below vocab_size/],
    [{ eos_token_id: null }, /field 'eos_token_id' is null, expected a token id/],
    [{ decoder_start_token_id: 12 }, /field 'decoder_start_token_id' is 12, expected an id of the vocabulary/],
    [{ pad_token_id: null }, /field 'decoder_start_token_id' is (missing|null), expected a token id, or pad_token_id/],
    [
      { model_type: 'umt5' },
      /"umt5", expected one of .*mt5.*t5.* umt5 is another architecture, which is not read\. Take another model\.$/,
    ],
    [{ model_type: 'gptj' }, /gptj is another architecture/],
    [{ model_type: 'gpt_neox' }, /gpt_neox is another architecture/],
    [{ model_type: 'gemma2' }, /gemma2 is another architecture/],
    [{ model_type: 'qwen4' }, /Did you mean qwen/],
  ])('refuses config %j', async (fields, message) => {
    const error = await createModel({ ...t5, ...fields }, { device }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
  });

  it('does not teach a decoder-only model, nor one whose answers begin otherwise', async () => {
    using student = await createModel(t5, { device });
    const gpt2 = { model_type: 'gpt2', vocab_size: 11, n_positions: 16, n_embd: 4, n_layer: 1, n_head: 1 };
    using decoder = await createModel(gpt2, { device });
    using other = await createModel({ ...t5, decoder_start_token_id: 2 }, { device, trainable: false });
    const run = async (models: { teacher: LanguageModel; student: LanguageModel }) =>
      distill({ ...models, data: { train: [sample] }, steps: 1, loss: skewKL() }).next();
    for (const [models, message] of [
      [
        { teacher: decoder, student },
        'the teacher is decoder-only, the student an encoder-decoder model whose answers begin with the token 0.',
      ],
      [
        { teacher: student, student: decoder },
        'the teacher is an encoder-decoder model whose answers begin with the token 0, the student decoder-only.',
      ],
      [
        { teacher: other, student },
        'begin with the token 2, the student an encoder-decoder model whose answers begin with the token 0.',
      ],
    ] as const) {
      const error = await run(models).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CompatibilityError);
      expect((error as Error).message).toContain(message);
    }
  });
});
