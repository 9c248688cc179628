import { beforeAll, expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openFolder } from '../../src/io/openFolder.js';
import { openSafetensors, openWeights } from '../../src/io/safetensors.js';
import { createModel, type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { clearGradients, headLogits, linearCrossEntropy, Tape, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { labelledBatch, largestDifference, leftPadded, oracle, oraclePath } from './oracle.js';

const batch = labelledBatch(oracle.batches[0]);

/** Logits of the tokens (padding has none), row after row. */
async function logitsOf(model: LanguageModel, of: Parameters<LanguageModel['forward']>[0]): Promise<Float32Array> {
  const logits = tidy(() => headLogits(model.forward(of), model.head));
  const all = (await logits.read()) as Float32Array;
  logits.dispose();
  const { keyRange, seq } = of;
  const rows: number[] = [];
  for (let row = 0; row < of.batch; row++) {
    rows.push(...all.subarray((row * seq + keyRange[2 * row]!) * 97, (row * seq + keyRange[2 * row + 1]!) * 97));
  }
  return Float32Array.from(rows);
}

const wantedLogits = Float32Array.from(
  oracle.batches[0].lengths.flatMap((length, row) =>
    oracle.logits.slice(row * batch.seq * 97, (row * batch.seq + length) * 97),
  ),
);

forEachBackend((backend) => {
  let device: Backend;
  beforeAll(() => {
    device = backend();
  });

  it("gives transformers' logits", async () => {
    using model = await loadModel(oraclePath('model'), { device });
    expect(largestDifference(await logitsOf(model, batch), wantedLogits)).toBeLessThan(1e-4);
  });

  it('gives the same logits whichever side the padding is on', async () => {
    using model = await loadModel(oraclePath('model'), { device });
    const sequences = oracle.batches[0].lengths.map((length, row) =>
      batch.ids.subarray(row * batch.seq, row * batch.seq + length),
    );
    expect(largestDifference(await logitsOf(model, leftPadded(sequences)), wantedLogits)).toBeLessThan(1e-4);
  });

  it("gives PyTorch's gradients of every parameter", async () => {
    using model = await loadModel(oraclePath('model'), { device, trainable: true });
    const tokens = batch.labels.filter((label) => label >= 0).length;
    // Twice: gradients add up, and clearing them leaves nothing behind.
    for (let pass = 0; pass < 2; pass++) {
      clearGradients(model.parameters.values());
      tidy(() => {
        const tape = new Tape();
        tape.record(() =>
          linearCrossEntropy({
            student: { hidden: model.forward(batch), head: model.head },
            labels: batch.labels,
            gradScale: 1 / tokens,
          }),
        );
        tape.backward();
      });
    }
    const wanted = await openSafetensors(openFolder(oraclePath('')), 'gradients.safetensors');
    const gradients = new Map<string, Float32Array>();
    for (const name of wanted.entries.keys()) gradients.set(name, await wanted.read(name));
    const peak = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const largest = Math.max(...[...gradients.values()].map(peak));
    expect([...gradients.keys()].sort()).toEqual([...model.parameters.keys()].sort());
    for (const [name, want] of gradients) {
      const got = (await model.parameters.get(name)!.grad!.read()) as Float32Array;
      // Some gradients are zero in theory (the key third of c_attn.bias): rounding noise of the model's scale is all they hold.
      const scale = Math.max(peak(want), 1e-6 * largest);
      expect(largestDifference(got, want) / scale, name).toBeLessThan(1e-4);
    }
  });

  it('decodes through the cache to the same hidden states as in one pass', async () => {
    using model = await loadModel(oraclePath('model'), { device });
    const sequences = [Int32Array.of(5, 17, 96, 2, 31, 8, 8), Int32Array.of(40, 3, 77)];
    const whole = leftPadded(sequences);
    const expected = tidy(() => model.forward(whole));
    const want = (await expected.read()) as Float32Array;
    expected.dispose();

    const cache = model.createCache(2, 9);
    const cut = (begin: number, end: number) => {
      const ids = Int32Array.from(whole.ids.filter((_, i) => i % 7 >= begin && i % 7 < end));
      return { batch: 2, seq: end - begin, ids, keyRange: Int32Array.of(0, end, 4, end) };
    };
    for (const [begin, end] of [
      [0, 5],
      [5, 6],
      [6, 7],
    ] as const) {
      const hidden = tidy(() => model.forward(cut(begin, end), { cache }));
      const got = (await hidden.read()) as Float32Array;
      hidden.dispose();
      const rows = [0, 1].map((row) => want.slice((row * 7 + begin) * 32, (row * 7 + end) * 32));
      // Row 1's tokens begin at position 4; what padding gives is nobody's business.
      expect(largestDifference(got.slice(0, got.length / 2), rows[0]!)).toBeLessThan(1e-4);
      const skip = 32 * Math.max(0, 4 - begin);
      expect(largestDifference(got.slice(got.length / 2 + skip), rows[1]!.slice(skip))).toBeLessThan(1e-4);
      expect(cache.past).toBe(end);
    }
    cache.dispose();
  });

  it.each([
    { resid_pdrop: 0.5, embd_pdrop: 0.25, attn_pdrop: 0 },
    { resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0.5 },
  ])('drops in training only, by a seeded mask: %o', async (rates) => {
    const config = { model_type: 'gpt2', vocab_size: 11, n_positions: 8, n_embd: 6, n_layer: 1, n_head: 2 };
    using model = await createModel({ ...config, ...rates }, { device, seed: 3 });
    const tokens = { batch: 1, seq: 5, ids: Int32Array.of(1, 2, 3, 4, 10), keyRange: Int32Array.of(0, 5) };
    const hidden = async (options: Parameters<LanguageModel['forward']>[1]) => {
      const tensor = tidy(() => model.forward(tokens, options));
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

  it('reads float16 and sharded bfloat16 exactly', async () => {
    using full = await loadModel(oraclePath('model'), { device });
    for (const [folder, mantissaBits, smallest] of [
      ['f16', 10, 2 ** -24],
      ['bf16', 7, 2 ** -133],
    ] as const) {
      using model = await loadModel(oraclePath(folder), { device });
      for (const [name, tensor] of full.parameters) {
        const exact = (await tensor.read()) as Float32Array;
        const got = (await model.parameters.get(name)!.read()) as Float32Array;
        const nearest = exact.map((value) => {
          const unit = Math.max(smallest, 2 ** (Math.floor(Math.log2(Math.abs(value))) - mantissaBits));
          const ratio = value / unit;
          const below = Math.floor(ratio);
          const up = ratio - below > 0.5 || (ratio - below === 0.5 && below % 2 !== 0);
          return value === 0 ? 0 : (below + (up ? 1 : 0)) * unit;
        });
        expect(got, `${folder} ${name}`).toEqual(nearest);
      }
    }
  });

  it('saves what it loads again bit by bit, with its config and files', async () => {
    const config = { model_type: 'gpt2', vocab_size: 13, n_positions: 5, n_embd: 6, n_layer: 2, n_head: 3 };
    using model = await createModel(config, { device, seed: 5 });
    const store = memoryStore();
    await saveModel(model, store, { files: { 'tokenizer.json': '{}' } });
    expect([...store.files.keys()].sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect((await openWeights(store)).metadata).toEqual({ format: 'pt' });
    using loaded = await loadModel(store, { device, trainable: true });
    expect(loaded.config).toMatchObject({ ...config, architectures: ['GPT2LMHeadModel'], torch_dtype: 'float32' });
    expect([...loaded.parameters.keys()]).toEqual([...model.parameters.keys()]);
    for (const [name, tensor] of model.parameters) {
      const again = loaded.parameters.get(name)!;
      expect(await again.read(), name).toEqual(await tensor.read());
      expect(again.requiresGrad).toBe(true);
    }
  });
});
