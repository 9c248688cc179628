import { afterAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { CheckpointError } from '../../src/errors.js';
import { createModel } from '../../src/models/index.js';
import { tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { decoderTests, expectSeededDropout } from './decoderTests.js';
import { largestDifference } from './oracle.js';

forEachBackend((backend) => {
  for (const variant of ['scaled', 'pattern']) decoderTests(`gemma3/${variant}`, backend);
});

describe('gemma3_text', () => {
  const device: Device = openReference({ precision: 'f32' });
  const config = {
    ...{ model_type: 'gemma3_text', vocab_size: 11, hidden_size: 8, num_hidden_layers: 2, intermediate_size: 6 },
    ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 6, max_position_embeddings: 40 },
  };
  afterAll(() => expect(device.memory().liveStorages).toBe(0));

  /** Hidden states of a sequence. */
  async function hidden(fields: Record<string, unknown>, length = 16): Promise<Float32Array> {
    // Weights large enough that what a layer sees shows.
    using model = await createModel({ ...config, initializer_range: 0.5, ...fields }, { device, seed: 3 });
    const ids = Int32Array.from({ length }, (_, i) => (7 * i) % 11);
    const states = tidy(() => model.forward({ batch: 1, seq: length, ids, keyRange: Int32Array.of(0, length) }));
    const values = (await states.read()) as Float32Array;
    states.dispose();
    return values;
  }

  it('has its parameters under the names of Hugging Face, in their shapes, norms at 0', async () => {
    using model = await createModel({ ...config, num_hidden_layers: 1, attention_bias: true }, { device });
    const shapes = Object.fromEntries([...model.parameters].map(([name, { shape }]) => [name, shape]));
    const layer = (name: string) => `model.layers.0.${name}`;
    expect(shapes).toEqual({
      'model.embed_tokens.weight': [11, 8],
      [layer('self_attn.q_proj.weight')]: [12, 8],
      [layer('self_attn.q_proj.bias')]: [12],
      [layer('self_attn.k_proj.weight')]: [6, 8],
      [layer('self_attn.k_proj.bias')]: [6],
      [layer('self_attn.v_proj.weight')]: [6, 8],
      [layer('self_attn.v_proj.bias')]: [6],
      [layer('self_attn.o_proj.weight')]: [8, 12],
      [layer('self_attn.o_proj.bias')]: [8],
      [layer('self_attn.q_norm.weight')]: [6],
      [layer('self_attn.k_norm.weight')]: [6],
      [layer('mlp.gate_proj.weight')]: [6, 8],
      [layer('mlp.up_proj.weight')]: [6, 8],
      [layer('mlp.down_proj.weight')]: [8, 6],
      [layer('input_layernorm.weight')]: [8],
      [layer('post_attention_layernorm.weight')]: [8],
      [layer('pre_feedforward_layernorm.weight')]: [8],
      [layer('post_feedforward_layernorm.weight')]: [8],
      'model.norm.weight': [8],
    });
    expect([...(await model.parameters.get('model.norm.weight')!.read())]).toEqual(new Array(8).fill(0));
    expect(model.config).toMatchObject({
      architectures: ['Gemma3ForCausalLM'],
      hidden_activation: 'gelu_pytorch_tanh',
    });
    expect(model.config).not.toHaveProperty('hidden_act');
    expect(model).toMatchObject({ family: 'gemma3_text', hiddenSize: 8, numLayers: 2 - 1, maxPositions: 40 });
  });

  it('sees a window in local layers only, which a pattern or a list names', async () => {
    const plain = await hidden({ sliding_window: 1000 });
    const same = async (fields: Record<string, unknown>) => largestDifference(await hidden(fields), plain) < 1e-6;
    // Positions of both kinds of layers are the same here, so that only windows tell them apart.
    const alike = { rope_theta: 10_000, sliding_window: 3 };
    const everywhere = ['full_attention', 'full_attention'];
    expect(await same({ ...alike, sliding_window_pattern: 1 })).toBe(true);
    expect(await same({ ...alike, layer_types: everywhere })).toBe(true);
    expect(await same({ ...alike, sliding_window_pattern: 2 })).toBe(false);
    expect(await same({ ...alike, layer_types: everywhere.map(() => 'sliding_attention') })).toBe(false);
    expect(await hidden({ ...alike, sliding_window_pattern: 2 })).toEqual(
      await hidden({ ...alike, layer_types: ['sliding_attention', 'full_attention'] }),
    );
  });

  it('reads the positions of both kinds of layers in both styles of config.json', async () => {
    const given = { sliding_window_pattern: 2, rope_theta: 500, rope_local_base_freq: 50 };
    const scaling = { rope_type: 'linear', factor: 4 };
    const old = await hidden({ ...given, rope_scaling: scaling });
    const full_attention = { ...scaling, rope_theta: 500 };
    const sliding_attention = { rope_type: 'default', rope_theta: 50 };
    const inside = { sliding_window_pattern: 2, rope_parameters: { full_attention, sliding_attention } };
    expect(await hidden(inside)).toEqual(old);
    expect(await hidden({ ...given, rope_parameters: { full_attention } })).toEqual(old);
    for (const changed of [{ rope_theta: 400 }, { rope_local_base_freq: 40 }, { rope_scaling: null }]) {
      expect(await hidden({ ...given, rope_scaling: scaling, ...changed })).not.toEqual(old);
    }
    // 1,000,000 and 10,000 are what transformers has by default.
    const defaults = await hidden({ sliding_window_pattern: 2 });
    const written = { sliding_window_pattern: 2, rope_theta: 1_000_000, rope_local_base_freq: 10_000 };
    expect(await hidden(written)).toEqual(defaults);
  });

  it('drops in training only, by a seeded mask', async () => {
    using model = await createModel({ ...config, attention_dropout: 0.5 }, { device, seed: 3 });
    await expectSeededDropout(model);
  });

  const yarn = { rope_type: 'yarn', factor: 4 };
  it.each([
    [{ num_attention_heads: 3 }, /field 'num_attention_heads' is 3, expected a divisor of hidden_size/],
    [{ hidden_activation: 'gelu' }, /field 'hidden_activation' is "gelu", expected one of .*gelu_pytorch_tanh/],
    [{ final_logit_softcapping: 30 }, /field 'final_logit_softcapping' is 30, expected null: logits are not capped/],
    [{ attn_logit_softcapping: 50 }, /field 'attn_logit_softcapping' is 50, expected null: scores are not capped/],
    [{ use_bidirectional_attention: true }, /field 'use_bidirectional_attention' is true/],
    [{ sliding_window: null }, /field 'sliding_window' is null, expected an integer of at least 1/],
    [{ query_pre_attn_scalar: 12.5 }, /field 'query_pre_attn_scalar' is 12.5, expected an integer from 1/],
    [
      { rope_scaling: { type: 'linear', factor: 8 } },
      /field 'rope_scaling.type' is "linear", expected its name as rope_type: transformers passes over type/,
    ],
    [
      { rope_scaling: { rope_type: 'linear', factor: 8 }, rope_parameters: {} },
      /field 'rope_scaling' is .* expected rope_parameters.full_attention beside it/,
    ],
    [{ layer_types: ['full_attention'] }, /field 'layer_types' is .*one for each of num_hidden_layers/],
    [{ rope_parameters: { rope_type: 'default' } }, /field 'rope_parameters/],
    [
      { rope_parameters: { full_attention: { rope_type: 'ntk' } } },
      /field 'rope_parameters.full_attention.rope_type' is "ntk", expected one of default, linear/,
    ],
    [
      { rope_parameters: { sliding_attention: { ...yarn, rope_theta: 1 } } },
      /field 'rope_parameters.sliding_attention.rope_theta' is 1, expected a number above 1 with yarn/,
    ],
    [{ rope_parameters: { sliding_attention: yarn }, rope_local_base_freq: 1 }, /field 'rope_local_base_freq' is 1/],
    [{ rope_scaling: yarn, rope_theta: 1 }, /field 'rope_theta' is 1, expected a number above 1 with yarn/],
  ])('refuses config %j', async (fields, message) => {
    const error = await createModel({ ...config, ...fields }, { device }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
  });
});
