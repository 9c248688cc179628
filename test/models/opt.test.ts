import { afterAll, describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { type TensorToWrite, writeSafetensors } from '../../src/io/writeSafetensors.js';
import { createModel, loadModel, saveModel } from '../../src/models/index.js';
import { tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { decoderTests, expectSeededDropout } from './decoderTests.js';

forEachBackend((backend) => {
  for (const variant of ['before', 'after', 'unnormed', 'unbiased', 'unweighted'])
    decoderTests(`opt/${variant}`, backend);
});

describe('opt', () => {
  const device = openReference({ precision: 'f32' });
  const config = {
    model_type: 'opt',
    vocab_size: 11,
    hidden_size: 6,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    ffn_dim: 8,
    max_position_embeddings: 7,
  };
  afterAll(() => expect(device.memory().liveStorages).toBe(0));

  it('takes names without the prefix, and leaves out a copy of the tied head', async () => {
    const store = memoryStore();
    using made = await createModel(config, { device });
    await saveModel(made, store);
    const weights = await openSafetensors(store, 'model.safetensors');
    const tensors = [...weights.entries].map(
      ([name, { shape }]): TensorToWrite => ({
        name: name.replace('model.decoder', 'decoder'),
        dtype: 'F32',
        shape,
        read: () => readFloats(weights, name),
      }),
    );
    const head: TensorToWrite = {
      name: 'lm_head.weight',
      dtype: 'F32',
      shape: [11, 6],
      read: () => readFloats(weights, 'model.decoder.embed_tokens.weight'),
    };
    await writeSafetensors(store, 'model.safetensors', [...tensors, head]);
    using model = await loadModel(store, { device });
    expect([...model.parameters.keys()]).toEqual([...made.parameters.keys()]);
    expect(model.head.values).toBe(model.parameters.get('model.decoder.embed_tokens.weight'));
    expect(model.config).toMatchObject({ architectures: ['OPTForCausalLM'], word_embed_proj_dim: 6 });
    expect(model).toMatchObject({ family: 'opt', vocabSize: 11, hiddenSize: 6, numLayers: 1, maxPositions: 7 });
  });

  it('has neither biases nor weights of norms where config.json says so', async () => {
    const names = async (fields: Record<string, unknown>) => {
      using model = await createModel({ ...config, ...fields }, { device });
      return [...model.parameters.keys()];
    };
    const all = await names({});
    const norms = all.filter((name) => name.includes('layer_norm'));
    const biases = all.filter((name) => name.endsWith('bias') && !norms.includes(name));
    expect([norms.length, biases.length]).toEqual([6, 6]);
    expect(await names({ enable_bias: false })).toEqual(all.filter((name) => !biases.includes(name)));
    expect(await names({ layer_norm_elementwise_affine: false })).toEqual(all.filter((name) => !norms.includes(name)));
  });

  it('drops in training only, by a seeded mask', async () => {
    using model = await createModel({ ...config, dropout: 0.5, attention_dropout: 0.25 }, { device, seed: 3 });
    await expectSeededDropout(model);
  });

  it('refuses a sequence longer than its positions', async () => {
    using model = await createModel(config, { device });
    const batch = { batch: 1, seq: 8, ids: new Int32Array(8), keyRange: Int32Array.of(0, 8) };
    expect(() => tidy(() => model.forward(batch))).toThrow(/opt: row 0 has 8 tokens, the model has 7 positions/);
  });

  it.each([
    [{ ffn_dim: undefined }, /field 'ffn_dim' is missing, expected an integer of at least 1/],
    [{ num_attention_heads: 4 }, /field 'num_attention_heads' is 4, expected .*divisor of hidden_size/],
    [{ activation_function: 'tanh' }, /field 'activation_function' is "tanh", expected one of relu, gelu, .*silu/],
    [{ enable_bias: 'no' }, /field 'enable_bias' is "no"/],
    [{ init_std: 1e40 }, /field 'init_std' is 1e\+40, expected a number from 0 to 1000000/],
    [{ layerdrop: 0.1 }, /field 'layerdrop' is 0.1, expected 0\./],
  ])('refuses config %j', async (fields, message) => {
    const error = await createModel({ ...config, ...fields }, { device }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
  });
});
