import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWasm } from '../../src/backend/wasm/index.js';
import { createModel, exampleConfig, type LanguageModel } from '../../src/models/index.js';
import { linearCrossEntropy, Tape, tidy } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';

const sample = (promptLength: number, ...ids: number[]) => ({ promptLength, ids: Int32Array.from(ids) });

describe('a decoder-only model', () => {
  const device = openReference({ precision: 'f32' });
  const config = { vocab_size: 11, n_positions: 20, n_embd: 4, n_layer: 1, n_head: 1 };
  let model: LanguageModel;
  beforeAll(async () => {
    model = await createModel({ ...(await exampleConfig('gpt2')), ...config }, { device });
  });
  afterAll(() => model.dispose());

  it('pads on the right and shifts the labels of the response, EOS included', () => {
    const { batch, seq, ids, labels, keyRange } = model.collate([sample(2, 5, 6, 7, 8, 9), sample(1, 3, 4)]);
    expect([batch, seq]).toEqual([2, 8]);
    expect([...ids]).toEqual([5, 6, 7, 8, 9, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0]);
    expect([...labels]).toEqual([-100, 7, 8, 9, -100, -100, -100, -100, 4, ...Array(7).fill(-100)]);
    expect([...keyRange]).toEqual([0, 5, 0, 2]);
  });

  it('predicts what the mask of a sample counts, in its prompt too', () => {
    const lossMask = Uint8Array.of(1, 1, 0, 0, 1, 0, 1);
    const masked = { ...sample(4, 1, 2, 3, 4, 5, 6, 7), lossMask };
    const { labels, seq } = model.collate([masked, sample(1, 3, 4)]);
    expect([...labels.subarray(0, 7)]).toEqual([2, -100, -100, 5, -100, 7, -100]);
    expect([...labels.subarray(seq, seq + 2)]).toEqual([4, -100]);
    expect(() => model.collate([{ ...masked, lossMask: Uint8Array.of(1) }])).toThrow(
      /sample 0: 7 tokens with a lossMask of 1, expected one entry a token/,
    );
    expect(() => model.collate([{ ...masked, lossMask: [1] as never }])).toThrow(
      /lossMask is \[1\], expected a Uint8Array/,
    );
  });

  it('has nothing to predict where the prompt fills the sequence', () => {
    expect([...model.collate([sample(3, 1, 2, 3)]).labels].every((label) => label === -100)).toBe(true);
  });

  it('refuses samples that have no tokens', () => {
    expect(() => model.collate([sample(1, 1), sample(1)])).toThrow(/sample 1 has no tokens/);
    expect(() => model.collate([])).toThrow(/no samples/);
  });

  it('has the positions that a prompt leaves', () => {
    expect([0, 13, 20, 23].map((length) => model.room(length))).toEqual([20, 7, 0, -3]);
  });
});

it.each([
  {
    model_type: 'gpt2',
    n_positions: 64,
    n_embd: 16,
    n_layer: 6,
    n_head: 2,
    embd_pdrop: 0.2,
    resid_pdrop: 0.2,
    attn_pdrop: 0.2,
  },
  {
    ...{
      model_type: 'opt',
      max_position_embeddings: 64,
      hidden_size: 16,
      num_hidden_layers: 6,
      num_attention_heads: 2,
    },
    ...{ ffn_dim: 64, dropout: 0.2, attention_dropout: 0.2 },
  },
])('gradient checkpointing: the same bits in less memory, dropout on: $model_type', async (config) => {
  const device = await openWasm({ threads: 1 });
  using model = await createModel({ ...config, vocab_size: 19 }, { device, seed: 4 });
  const samples = Array.from({ length: 6 }, (_, row) => ({
    ids: Int32Array.from({ length: 50 + row }, (_, i) => (7 * i + row) % 19),
    promptLength: 3,
  }));
  const batch = model.collate(samples);
  const step = async (gradientCheckpointing: boolean, dropoutSeed = 11) => {
    for (const parameter of model.parameters.values()) {
      parameter.grad?.dispose();
      parameter.grad = undefined;
    }
    const before = device.memory().liveBytes;
    tidy(() => {
      const tape = new Tape();
      tape.record(() => {
        const hidden = model.forward(batch, { dropoutSeed, gradientCheckpointing });
        linearCrossEntropy({ student: { hidden, head: model.head }, labels: batch.labels, gradScale: 1 });
      });
      tape.backward();
    });
    // The peak is that of the device's whole life, so the step that needs less comes first.
    const peak = device.memory().peakBytes - before;
    const gradients = new Map<string, number[]>();
    for (const [name, { grad }] of model.parameters) gradients.set(name, [...(await grad!.read())]);
    return { gradients, peak };
  };
  const again = await step(true);
  const plain = await step(false);
  expect(again.gradients).toEqual(plain.gradients);
  expect((await step(true, 12)).gradients).not.toEqual(plain.gradients);
  expect(again.peak).toBeLessThan(0.5 * plain.peak);
  model.dispose();
  expect(device.memory().liveStorages).toBe(0);
  await device.dispose();
});
