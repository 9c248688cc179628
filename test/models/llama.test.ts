import { afterAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
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
  for (const variant of ['llama3', 'linear', 'yarn', 'dynamic', 'wide']) decoderTests(`llama/${variant}`, backend);
});

describe('llama', () => {
  const device: Device = openReference({ precision: 'f32' });
  const config = {
    ...{ model_type: 'llama', vocab_size: 11, hidden_size: 8, num_hidden_layers: 1, intermediate_size: 6 },
    ...{ num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 7 },
  };
  afterAll(() => expect(device.memory().liveStorages).toBe(0));

  it('takes names without the prefix, and leaves out old frequencies and a copy of the tied head', async () => {
    const store = memoryStore();
    using made = await createModel({ ...config, tie_word_embeddings: true }, { device });
    await saveModel(made, store);
    const weights = await openSafetensors(store, 'model.safetensors');
    const tensors = [...weights.entries].map(
      ([name, { shape }]): TensorToWrite => ({
        name: name.replace(/^model\./, ''),
        dtype: 'F32',
        shape,
        read: () => readFloats(weights, name),
      }),
    );
    const extra = (name: string, shape: readonly number[], read: () => Promise<Float32Array>): TensorToWrite => ({
      ...{ name, shape, read },
      dtype: 'F32',
    });
    await writeSafetensors(store, 'model.safetensors', [
      ...tensors,
      extra('lm_head.weight', [11, 8], () => readFloats(weights, 'model.embed_tokens.weight')),
      extra('layers.0.self_attn.rotary_emb.inv_freq', [1], async () => Float32Array.of(1)),
    ]);
    using model = await loadModel(store, { device });
    expect([...model.parameters.keys()]).toEqual([...made.parameters.keys()]);
    expect(model.head.values).toBe(model.parameters.get('model.embed_tokens.weight'));
    expect(model.config).toMatchObject({ architectures: ['LlamaForCausalLM'], bos_token_id: null, rms_norm_eps: 1e-6 });
    expect(model).toMatchObject({ family: 'llama', vocabSize: 11, hiddenSize: 8, numLayers: 1, maxPositions: 7 });
  });

  it('has its parameters under the names of Hugging Face, in their shapes', async () => {
    using model = await createModel({ ...config, attention_bias: true, mlp_bias: true, head_dim: 6 }, { device });
    const shapes = Object.fromEntries([...model.parameters].map(([name, { shape }]) => [name, shape]));
    const layer = (name: string) => `model.layers.0.${name}`;
    expect(shapes).toEqual({
      'model.embed_tokens.weight': [11, 8],
      [layer('self_attn.q_proj.weight')]: [24, 8],
      [layer('self_attn.q_proj.bias')]: [24],
      [layer('self_attn.k_proj.weight')]: [12, 8],
      [layer('self_attn.k_proj.bias')]: [12],
      [layer('self_attn.v_proj.weight')]: [12, 8],
      [layer('self_attn.v_proj.bias')]: [12],
      [layer('self_attn.o_proj.weight')]: [8, 24],
      [layer('self_attn.o_proj.bias')]: [8],
      [layer('mlp.gate_proj.weight')]: [6, 8],
      [layer('mlp.gate_proj.bias')]: [6],
      [layer('mlp.up_proj.weight')]: [6, 8],
      [layer('mlp.up_proj.bias')]: [6],
      [layer('mlp.down_proj.weight')]: [8, 6],
      [layer('mlp.down_proj.bias')]: [8],
      [layer('input_layernorm.weight')]: [8],
      [layer('post_attention_layernorm.weight')]: [8],
      'model.norm.weight': [8],
      'lm_head.weight': [11, 8],
    });
  });

  it('drops in training only, by a seeded mask', async () => {
    using model = await createModel({ ...config, attention_dropout: 0.5 }, { device, seed: 3 });
    await expectSeededDropout(model);
  });

  it('reaches as far as its scaling says, and no further', async () => {
    const reach = async (fields: Record<string, unknown>) => {
      using model = await createModel({ ...config, ...fields }, { device });
      return model.maxPositions;
    };
    const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    expect(await reach({ rope_scaling: null })).toBe(7);
    expect(await reach({ rope_scaling: { type: 'linear', factor: 2.5 } })).toBe(17);
    expect(await reach({ rope_parameters: { rope_type: 'dynamic', factor: 4 } })).toBe(28);
    expect(await reach({ rope_scaling: { type: 'yarn', factor: 4 } })).toBe(28);
    const yarn = { rope_type: 'yarn', factor: 2 };
    expect(await reach({ rope_scaling: { ...yarn, original_max_position_embeddings: 3 } })).toBe(7);
    expect(await reach({ rope_scaling: { ...llama3, original_max_position_embeddings: 2 } })).toBe(7);
    using model = await createModel(config, { device });
    const batch = { batch: 1, seq: 8, ids: new Int32Array(8), keyRange: Int32Array.of(0, 8) };
    expect(() => tidy(() => model.forward(batch))).toThrow(/llama: row 0 has 8 tokens, the model has 7 positions/);
  });

  it.each([
    [{ intermediate_size: undefined }, /field 'intermediate_size' is missing, expected an integer of at least 1/],
    [{ num_key_value_heads: 3 }, /field 'num_key_value_heads' is 3, expected a divisor of num_attention_heads/],
    [{ hidden_size: 10 }, /field 'num_attention_heads' is 4, expected .*a divisor of hidden_size, or head_dim/],
    [{ hidden_size: 12 }, /field 'num_attention_heads' is 4, expected .*heads of an even width/],
    [{ head_dim: 5 }, /field 'head_dim' is 5, expected heads of an even width/],
    [{ hidden_act: 'gelu' }, /field 'hidden_act' is "gelu", expected "silu"/],
    [{ partial_rotary_factor: 0.5 }, /field 'partial_rotary_factor' is 0.5/],
    [{ rope_theta: 0 }, /field 'rope_theta' is 0/],
    [{ rope_scaling: 'linear' }, /field 'rope_scaling' is "linear", expected an object/],
    [
      { rope_scaling: { rope_type: 'longrope', factor: 2 } },
      /'rope_scaling.rope_type' is "longrope", expected one of default, linear, dynamic, yarn, llama3\./,
    ],
    [{ rope_scaling: { type: 'su' } }, /'rope_scaling.type' is "su". .*expected one of default, linear/],
    [{ rope_scaling: { type: 'toString' } }, /'rope_scaling.type' is "toString"/],
    [{ rope_theta: 1, rope_scaling: { type: 'yarn', factor: 4 } }, /'rope_theta' is 1, .*above 1 with yarn/],
    [{ rope_parameters: { rope_type: 'yarn', factor: 4, rope_theta: 1 } }, /'rope_parameters.rope_theta' is 1, /],
    [
      { rope_scaling: { type: 'linear', factor: 1e-320 } },
      /'rope_scaling.factor' is [^ ]*e-320, expected a number from/,
    ],
    [{ rope_scaling: { type: 'linear', factor: 1e308 } }, /'rope_scaling.factor' is 1e\+308, expected a number from/],
    [{ rope_scaling: { type: 'dynamic', factor: 1e300 } }, /'rope_scaling.factor' is 1e\+300/],
    [
      { rope_scaling: { type: 'yarn', factor: 4, mscale: -1e300, mscale_all_dim: 1 } },
      /'rope_scaling.mscale' is -1e\+300/,
    ],
    [
      { rope_scaling: { type: 'yarn', factor: 4, mscale: 1, mscale_all_dim: -1 } },
      /'rope_scaling.mscale_all_dim' is -1/,
    ],
    [
      { rope_scaling: { type: 'yarn', factor: 4, attention_factor: 1e300 } },
      /'rope_scaling.attention_factor' is 1e\+300/,
    ],
    [{ rope_scaling: { type: 'yarn', factor: 4, beta_fast: 1e-320 } }, /'rope_scaling.beta_fast' is /],
    [{ rope_theta: 1e-320 }, /'rope_theta' is /],
    [
      { rope_scaling: { type: 'linear' } },
      /'rope_scaling.factor' is missing, expected a number from 0.0001 to 1000000/,
    ],
    [{ rope_parameters: { rope_type: 'dynamic', factor: 0 } }, /'rope_parameters.factor' is 0/],
    [{ rope_parameters: { rope_type: 'yarn', factor: 2, beta_fast: 'x' } }, /'rope_parameters.beta_fast' is "x"/],
    [{ rope_parameters: { rope_theta: '1' } }, /'rope_parameters.rope_theta' is "1"/],
    [
      { rope_parameters: { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4 } },
      /'rope_parameters.high_freq_factor' is 4. .*more than low_freq_factor/,
    ],
    [{ rms_norm_eps: 1e-46 }, /field 'rms_norm_eps' is 1e-46, expected a number from 1e-30 to 1/],
    [{ rms_norm_eps: 3e38 }, /field 'rms_norm_eps' is 3e\+38, expected a number from 1e-30 to 1/],
    [{ initializer_range: 1e300 }, /field 'initializer_range' is 1e\+300/],
    [{ max_position_embeddings: 2 ** 31 }, /field 'max_position_embeddings' is 2147483648, .*from 1 to 2\^31 - 1/],
    [
      { max_position_embeddings: 4096, rope_scaling: { type: 'linear', factor: 1e6 } },
      /field 'max_position_embeddings' is 4096, expected .*at most 2\^31 - 1 positions, not 4096000000/,
    ],
    [
      { rope_parameters: { full_attention: { rope_type: 'default' } } },
      /'rope_parameters.full_attention' is .*expected one set of parameters for all layers/,
    ],
  ])('refuses config %j', async (fields, message) => {
    const error = await createModel({ ...config, ...fields }, { device }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
  });
});
