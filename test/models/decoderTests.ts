import { beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { generate } from '../../src/generation/index.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { openFolder } from '../../src/platform/openFolder.js';
import { clearGradients, headLogits, linearCrossEntropy, Tape, tidy } from '../../src/tensor/index.js';
import { labelledBatch, largestDifference, leftPadded, openOracle } from './oracle.js';

const peak = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Logits of the tokens (padding has none), row after row. */
async function logitsOf(model: LanguageModel, of: Parameters<LanguageModel['forward']>[0]): Promise<Float32Array> {
  const logits = tidy(() => headLogits(model.forward(of), model.head));
  const all = (await logits.read()) as Float32Array;
  logits.dispose();
  const { keyRange, seq } = of;
  const { vocabSize } = model;
  const rows: number[] = [];
  for (let row = 0; row < of.batch; row++) {
    const [first, end] = [0, 1].map((edge) => (row * seq + keyRange[2 * row + edge]!) * vocabSize);
    rows.push(...all.subarray(first, end));
  }
  return Float32Array.from(rows);
}

/** What every decoder-only model must do as Hugging Face transformers does. `folder` is that of its oracle. */
export function decoderTests(folder: string, backend: () => Device): void {
  const { oracle, path } = openOracle(folder);
  const batch = labelledBatch(oracle.batches[0]);
  const { lengths } = oracle.batches[0];

  describe(folder, () => {
    let device: Device;
    beforeAll(() => {
      device = backend();
    });
    const load = (trainable = false) => loadModel(path('model'), { device, trainable });
    const wantedLogits = (vocabSize: number) =>
      Float32Array.from(
        lengths.flatMap((length, row) =>
          oracle.logits.slice(row * batch.seq * vocabSize, (row * batch.seq + length) * vocabSize),
        ),
      );

    it("gives transformers' logits", async () => {
      using model = await load();
      expect(largestDifference(await logitsOf(model, batch), wantedLogits(model.vocabSize))).toBeLessThan(1e-4);
    });

    it('gives the same logits whichever side the padding is on', async () => {
      using model = await load();
      const sequences = lengths.map((length, row) => batch.ids.subarray(row * batch.seq, row * batch.seq + length));
      const got = await logitsOf(model, leftPadded(sequences));
      expect(largestDifference(got, wantedLogits(model.vocabSize))).toBeLessThan(1e-4);
    });

    it("gives PyTorch's gradients of every parameter", async () => {
      using model = await load(true);
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
      const wanted = await openSafetensors(openFolder(path('')), 'gradients.safetensors');
      const gradients = new Map<string, Float32Array>();
      for (const name of wanted.entries.keys()) gradients.set(name, await wanted.read(name));
      const largest = Math.max(...[...gradients.values()].map(peak));
      expect([...gradients.keys()].sort()).toEqual([...model.parameters.keys()].sort());
      for (const [name, want] of gradients) {
        const got = (await model.parameters.get(name)!.grad!.read()) as Float32Array;
        // Zero in theory (a key's bias): rounding noise is all that PyTorch has and that we may have.
        const noise = 1e-6 * largest;
        if (peak(want) < noise) expect(peak(got), name).toBeLessThan(noise);
        else expect(largestDifference(got, want) / peak(want), name).toBeLessThan(1e-4);
      }
    });

    it('decodes through the cache to the same hidden states as in one pass', async () => {
      using model = await load();
      const sequences = [Int32Array.of(5, 17, 76, 2, 31, 8, 8), Int32Array.of(40, 3, 77)];
      const whole = leftPadded(sequences);
      const expected = tidy(() => model.forward(whole));
      const want = (await expected.read()) as Float32Array;
      expected.dispose();

      const cache = model.createCache(2, 9);
      const width = model.hiddenSize;
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
        const rows = [0, 1].map((row) => want.slice((row * 7 + begin) * width, (row * 7 + end) * width));
        // Row 1's tokens begin at position 4; what padding gives is nobody's business.
        expect(largestDifference(got.slice(0, got.length / 2), rows[0]!)).toBeLessThan(1e-4);
        const skip = width * Math.max(0, 4 - begin);
        expect(largestDifference(got.slice(got.length / 2 + skip), rows[1]!.slice(skip))).toBeLessThan(1e-4);
        expect(cache.past).toBe(end);
      }
      cache.dispose();
    });

    it("gives transformers' greedy ids for prompts of different lengths, EOS included", async () => {
      using model = await load();
      const { prompts, maxNewTokens, eos: eosTokenId, greedy } = oracle.generation;
      const answers = await generate(
        model,
        prompts.map((ids) => Int32Array.from(ids)),
        { maxNewTokens, eosTokenId, temperature: 0 },
      );
      expect(answers.map((answer) => [...answer])).toEqual(greedy);
    });

    it('saves what it loads again bit by bit', async () => {
      using model = await load();
      const store = memoryStore();
      await saveModel(model, store);
      using again = await loadModel(store, { device });
      expect([...again.parameters.keys()]).toEqual([...model.parameters.keys()]);
      for (const [name, tensor] of model.parameters) {
        expect(await again.parameters.get(name)!.read(), name).toEqual(await tensor.read());
      }
    });
  });
}

/** Dropout is off without a seed, and a function of it with one. */
export async function expectSeededDropout(model: LanguageModel): Promise<void> {
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
}
