/**
 * What odd config.json mean: fields that are missing, null, of another type, or at odds with each other. A change is read
 * as Hugging Face transformers reads it, or refused by the name of its field: test/oracles/make/configs.py.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { loadModel } from '../../src/models/index.js';
import { headLogits, tidy } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';
import { largestDifference } from './oracle.js';

// Some two hundred models each, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 120_000 });

interface Row {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly without?: readonly string[];
  readonly reads: 'same' | 'refused' | 'shapes' | readonly number[];
}
interface Oracle {
  readonly ids: readonly number[];
  readonly prompt: readonly number[];
  readonly models: Readonly<Record<string, { readonly logits: readonly number[]; readonly rows: readonly Row[] }>>;
}
const pathOf = (name: string) => fileURLToPath(new URL(`../oracles/${name}`, import.meta.url));
const oracle: Oracle = JSON.parse(readFileSync(pathOf('configs.json'), 'utf8'));
const device = openReference({ precision: 'f32' });

/** Logits of the last token, of as many ids as the oracle has; the message of a refusal. */
async function read(config: object, weights: Uint8Array, count: number): Promise<number[] | string> {
  const folder = memoryStore({ 'config.json': JSON.stringify(config), 'model.safetensors': weights });
  let model: Awaited<ReturnType<typeof loadModel>>;
  try {
    model = await loadModel(folder, { device });
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  const whole = (ids: readonly number[]) => ({
    ...{ batch: 1, seq: ids.length, ids: Int32Array.from(ids) },
    keyRange: Int32Array.of(0, ids.length),
  });
  const source = model.startTokenId === undefined ? undefined : whole(oracle.prompt);
  const batch = { ...whole(oracle.ids), ...(source && { source }) };
  const logits = tidy(() => headLogits(model.forward(batch), model.head));
  const last = (oracle.ids.length - 1) * model.vocabSize;
  const values = [...((await logits.read()) as Float32Array).subarray(last, last + count)];
  logits.dispose();
  model.dispose();
  return values;
}

/** What a message says of the config; undefined for one about the weights. */
const refusedField = (message: string) => /config\.json: field '([\w.[\]]+)' is /.exec(message)?.[1];

/** How often a change that transformers takes is refused, by the field that refuses it. */
const narrower: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'gemma3/scaled': {
    rms_norm_eps: 1,
    attention_dropout: 2,
    attn_logit_softcapping: 1,
    final_logit_softcapping: 1,
    use_bidirectional_attention: 1,
    max_position_embeddings: 1,
    hidden_activation: 11,
    sliding_window: 1,
    sliding_window_pattern: 2,
    'rope_scaling.factor': 1,
    'rope_scaling.type': 8,
    rope_parameters: 2,
  },
  'gemma3/pattern': {
    rms_norm_eps: 1,
    attention_dropout: 2,
    attn_logit_softcapping: 1,
    final_logit_softcapping: 1,
    use_bidirectional_attention: 1,
    max_position_embeddings: 1,
    hidden_activation: 11,
    sliding_window: 1,
    'rope_scaling.factor': 4,
    'rope_scaling.type': 12,
    'rope_scaling.attention_factor': 1,
    'rope_scaling.beta_fast': 1,
    'rope_scaling.rope_type': 1,
    rope_parameters: 2,
  },
  gpt2: { embd_pdrop: 1, resid_pdrop: 1, attn_pdrop: 1, layer_norm_epsilon: 1, activation_function: 5 },
  'llama/wide': {
    rms_norm_eps: 1,
    attention_dropout: 2,
    max_position_embeddings: 1,
    'rope_scaling.factor': 1,
    'rope_scaling.attention_factor': 1,
    'rope_scaling.beta_fast': 1,
    'rope_scaling.rope_type': 1,
    'rope_parameters.factor': 1,
    'rope_parameters.attention_factor': 1,
    'rope_parameters.beta_fast': 1,
    'rope_parameters.rope_type': 1,
    rope_theta: 2,
    partial_rotary_factor: 1,
    hidden_act: 2,
  },
  'llama/linear': { rms_norm_eps: 1, attention_dropout: 2, max_position_embeddings: 1, rope_theta: 2, hidden_act: 2 },
  mistral: {
    head_dim: 1,
    rms_norm_eps: 1,
    attention_dropout: 1,
    max_position_embeddings: 1,
    rope_theta: 2,
    partial_rotary_factor: 1,
    hidden_act: 2,
    layer_types: 1,
  },
  'opt/after': { dropout: 1, attention_dropout: 1, layerdrop: 2, num_attention_heads: 1, activation_function: 5 },
  qwen2: {
    rms_norm_eps: 1,
    attention_dropout: 1,
    max_position_embeddings: 1,
    rope_theta: 2,
    partial_rotary_factor: 1,
    hidden_act: 2,
    'layer_types[0]': 1,
  },
  qwen3: {
    rms_norm_eps: 1,
    attention_dropout: 1,
    max_position_embeddings: 1,
    rope_theta: 2,
    partial_rotary_factor: 1,
    hidden_act: 2,
    sliding_window: 1,
    'layer_types[0]': 1,
  },
  't5/flan': {
    dropout_rate: 1,
    layer_norm_epsilon: 1,
    is_encoder_decoder: 1,
    tie_word_embeddings: 4,
    scale_decoder_outputs: 3,
    is_gated_act: 2,
    feed_forward_proj: 8,
  },
  't5/mt5': {
    dropout_rate: 1,
    layer_norm_epsilon: 1,
    is_encoder_decoder: 1,
    scale_decoder_outputs: 3,
    is_gated_act: 2,
    feed_forward_proj: 1,
  },
  't5/v1': {
    dropout_rate: 1,
    layer_norm_epsilon: 1,
    is_encoder_decoder: 1,
    tie_word_embeddings: 5,
    scale_decoder_outputs: 3,
    feed_forward_proj: 5,
    is_gated_act: 1,
  },
};

describe.each(Object.entries(oracle.models))('config.json of %s', (name, { logits, rows }) => {
  const base = JSON.parse(readFileSync(pathOf(`${name}/model/config.json`), 'utf8'));
  const weights = readFileSync(pathOf(`${name}/model/model.safetensors`));

  it('is read as transformers reads it, or refused by its field', async () => {
    // Files whose head differs from a tied table are told of.
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    expect(largestDifference((await read(base, weights, logits.length)) as number[], logits)).toBeLessThan(1e-4);
    const refused: Record<string, number> = {};
    const wrong: unknown[] = [];
    for (const { fields, without = [], reads } of rows) {
      const config = { ...base, ...fields };
      for (const field of without) if (!(field in fields)) delete config[field];
      const found = await read(config, weights, logits.length);
      const takes = reads !== 'refused' && reads !== 'shapes';
      if (typeof found !== 'string') {
        const wanted = reads === 'same' ? logits : reads;
        if (!takes || !(largestDifference(found, wanted as number[]) < 1e-4))
          wrong.push({ fields, without, reads, found });
        continue;
      }
      const field = refusedField(found);
      if (takes && field !== undefined) refused[field] = (refused[field] ?? 0) + 1;
      else if (reads !== 'shapes' && field === undefined) wrong.push({ fields, without, reads, found });
    }
    warn.mockRestore();
    expect(wrong).toEqual([]);
    expect(refused).toEqual(narrower[name]);
  });
});
