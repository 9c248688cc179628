import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { type MemoryStore, memoryStore } from '../../src/io/memoryStore.js';
import { createModel, type KeptLayers, type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { openReference } from '../harness/referenceBackend.js';

const device = openReference({ precision: 'f32' });
beforeEach(() => expect(device.memory().liveStorages).toBe(0));
afterAll(() => expect(device.memory().liveStorages).toBe(0));

const gpt2 = { model_type: 'gpt2', vocab_size: 11, n_positions: 7, n_embd: 6, n_layer: 6, n_head: 2 };
const gated = {
  ...{ vocab_size: 11, hidden_size: 8, intermediate_size: 6, max_position_embeddings: 7 },
  ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4 },
};
const t5 = {
  ...{ model_type: 't5', vocab_size: 11, d_model: 6, d_kv: 3, d_ff: 8, num_heads: 2 },
  ...{ num_layers: 3, num_decoder_layers: 3, decoder_start_token_id: 0, eos_token_id: 1 },
};

async function teacherOf(config: Readonly<Record<string, unknown>>): Promise<MemoryStore> {
  const store = memoryStore();
  using model = await createModel(config, { device, seed: 3 });
  await saveModel(model, store);
  return store;
}
const read = async (model: LanguageModel, name: string) => [...(await model.parameters.get(name)!.read())];

/** The names of parameters of a student, each with the name of the teacher's parameter that it equals. */
async function origins(store: MemoryStore, layers: KeptLayers): Promise<{ config: object; from: Map<string, string> }> {
  using teacher = await loadModel(store, { device });
  using student = await loadModel(store, { device, layers });
  const from = new Map<string, string>();
  const values = new Map<string, string>();
  for (const name of teacher.parameters.keys()) values.set(name, JSON.stringify(await read(teacher, name)));
  for (const name of student.parameters.keys()) {
    const own = JSON.stringify(await read(student, name));
    // Norms are alike: their name decides.
    const same = [...values.keys()].filter((each) => values.get(each) === own);
    expect(same, name).not.toEqual([]);
    if (same.length === 1) from.set(name, same[0]!);
  }
  return { config: student.config, from };
}

describe('loadModel with layers', () => {
  it.each([
    [1, [0]],
    [2, [0, 5]],
    [3, [0, 3, 5]],
    [4, [0, 2, 3, 5]],
    [6, [0, 1, 2, 3, 4, 5]],
    [
      [1, 4],
      [1, 4],
    ],
    [[5], [5]],
  ] as const)('%j of six keeps %j', async (layers, kept) => {
    const { config, from } = await origins(await teacherOf(gpt2), layers);
    expect(config).toMatchObject({ n_layer: kept.length, n_embd: 6 });
    expect(from.get('transformer.wte.weight')).toBe('transformer.wte.weight');
    for (const part of ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj']) {
      const found = kept.map((_, i) => from.get(`transformer.h.${i}.${part}.weight`));
      expect(found).toEqual(kept.map((layer) => `transformer.h.${layer}.${part}.weight`));
    }
  });

  it('is saved as a model of its own', async () => {
    const store = await teacherOf(gpt2);
    const saved = memoryStore();
    {
      using student = await loadModel(store, { device, layers: [0, 3], trainable: true });
      await saveModel(student, saved);
    }
    using again = await loadModel(saved, { device });
    expect(again.numLayers).toBe(2);
    using teacher = await loadModel(store, { device });
    expect(await read(again, 'transformer.h.1.mlp.c_fc.weight')).toEqual(
      await read(teacher, 'transformer.h.3.mlp.c_fc.weight'),
    );
  });

  it('has the files that say how it answers and its licence, and none that tell of the whole model', async () => {
    const store = await teacherOf(gpt2);
    const usage = {
      'generation_config.json': '{}',
      'chat_template.jinja': 'x',
      LICENSE: 'free',
      'NOTICE.txt': 'by us',
    };
    const others = { 'README.md': '# A teacher', 'all_results.json': '{}', 'licensed-to.csv': '1' };
    for (const [name, text] of Object.entries({ ...usage, ...others })) {
      await store.write(name, [new TextEncoder().encode(text)]);
    }
    for (const [layers, expected] of [
      [2, Object.keys(usage)],
      [undefined, Object.keys({ ...usage, ...others })],
    ] as const) {
      using student = await loadModel(store, { device, layers, trainable: true });
      expect([...student.companionFiles.keys()].sort()).toEqual([...expected].sort());
    }
  });

  it('keeps the kinds of layers: sliding ones stay sliding, wherever they come to stand', async () => {
    const gemma = { ...gated, model_type: 'gemma3_text', num_hidden_layers: 7, sliding_window: 4 };
    expect((await origins(await teacherOf(gemma), [4, 5, 6])).config).toMatchObject({
      num_hidden_layers: 3,
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'],
    });
    const qwen = { ...gated, model_type: 'qwen2', num_hidden_layers: 4 };
    const sliding = { ...qwen, use_sliding_window: true, sliding_window: 4, max_window_layers: 2 };
    expect((await origins(await teacherOf(sliding), 2)).config).toMatchObject({
      layer_types: ['full_attention', 'sliding_attention'],
    });
    expect((await origins(await teacherOf(qwen), 2)).config).not.toHaveProperty('layer_types');
  });

  it('takes from both stacks of an encoder-decoder, whose first layers have the position bias of all', async () => {
    const { config, from } = await origins(await teacherOf(t5), [1, 2]);
    expect(config).toMatchObject({ num_layers: 2, num_decoder_layers: 2 });
    for (const stack of ['encoder', 'decoder']) {
      const bias = `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`;
      expect(from.get(bias)).toBe(bias);
      expect(from.get(`${stack}.block.0.layer.0.SelfAttention.q.weight`)).toBe(
        `${stack}.block.1.layer.0.SelfAttention.q.weight`,
      );
    }
    const uneven = await teacherOf({ ...t5, num_layers: 5, num_decoder_layers: 2 });
    const evenly = await origins(uneven, 2);
    expect(evenly.from.get('encoder.block.1.layer.1.DenseReluDense.wi.weight')).toBe(
      'encoder.block.4.layer.1.DenseReluDense.wi.weight',
    );
    await expect(loadModel(uneven, { device, layers: 3 })).rejects.toThrow(
      /num_decoder_layers is 2, which has no 3 layers. Keep at most 2: layers 0 to 1, the same of the encoder and of the dec/,
    );
    // The shorter stack decides, whichever is told first.
    await expect(loadModel(uneven, { device, layers: 7 })).rejects.toThrow(
      /num_layers is 5 and num_decoder_layers is 2, which has no 7 layers. Keep at most 2: layers 0 to 1/,
    );
    const short = await teacherOf({ ...t5, num_decoder_layers: 1 });
    await expect(loadModel(short, { device, layers: [0, 1] })).rejects.toThrow(
      /has no layer 1. Keep at most 1: layer 0,/,
    );
  });

  it('of a config with more layers in one stack than the file has tensors is not tried', async () => {
    const store = await teacherOf(t5);
    const fields = { ...t5, num_decoder_layers: 5000 };
    await store.write('config.json', [new TextEncoder().encode(JSON.stringify(fields))]);
    await expect(loadModel(store, { device })).rejects.toThrow(/num_decoder_layers is 5000, but .* tensors in all/);
  });

  it('moves no layer that its place decides about', async () => {
    const store = await teacherOf({ ...gpt2, scale_attn_by_inverse_layer_idx: true });
    const moved = loadModel(store, { device, layers: [0, 2] });
    await expect(moved).rejects.toThrow(/scale_attn_by_inverse_layer_idx is set: .* Keep the first layers/);
    using first = await loadModel(store, { device, layers: [0, 1] });
    expect(first.numLayers).toBe(2);
  });

  it.each([
    [7, /n_layer is 6, which has no 7 layers. Keep at most 6: layers 0 to 5/],
    [[2, 6], /n_layer is 6, which has no layer 6/],
    [0, /layers is 0, expected how many layers to keep, at least 1, or a list of their indices/],
    [2.5, /layers is 2.5/],
    [[], /layers is/],
    [[2, 1], /in ascending order/],
    [[1, 1], /in ascending order/],
    ['3', /layers is/],
  ] as const)('refuses %j', async (layers, message) => {
    const store = await teacherOf(gpt2);
    const refused = loadModel(store, { device, layers: layers as KeptLayers });
    await expect(refused).rejects.toThrow(OptionError);
    await expect(refused).rejects.toThrow(message);
  });
});
