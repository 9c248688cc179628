import { beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { clearGradients, headLogits, linearCrossEntropy, Tape, tidy } from '../../src/tensor/index.js';
import { expectGradients, greedyAnswers, labelledBatch, largestDifference, leftPadded, openOracle } from './oracle.js';

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

/** Adds the gradients of the loss of a batch to the model's. */
function differentiate(
  model: LanguageModel,
  { labels, ...batch }: ReturnType<typeof labelledBatch>,
  gradScale: number,
  options: Parameters<LanguageModel['forward']>[1] = {},
): void {
  tidy(() => {
    const tape = new Tape();
    tape.record(() => {
      const hidden = model.forward(batch, options);
      return linearCrossEntropy({ student: { hidden, head: model.head }, labels, gradScale });
    });
    tape.backward();
  });
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
        differentiate(model, batch, 1 / tokens);
      }
      await expectGradients(model, path(''));
    });

    it('gives gradients of the same bits when layers are computed again, dropout on', async () => {
      const gradients = async (gradientCheckpointing: boolean) => {
        using model = await load(true);
        differentiate(model, batch, 1, { dropoutSeed: 5, gradientCheckpointing });
        const all = new Map<string, unknown>();
        for (const [name, { grad }] of model.parameters) all.set(name, await grad!.read());
        return all;
      };
      expect(await gradients(true)).toEqual(await gradients(false));
    });

    it('decodes through the cache to the same hidden states as in one pass, whichever sequences leave', async () => {
      using model = await load();
      const sequences = [
        [5, 17, 76, 2, 31, 8, 8],
        [40, 3, 77, 12, 9],
        [6, 6, 50, 1, 33, 20],
      ].map((ids) => Int32Array.from(ids));
      const whole = leftPadded(sequences);
      const expected = tidy(() => model.forward(whole));
      const want = (await expected.read()) as Float32Array;
      expected.dispose();
      const before = device.memory().liveBytes;

      // The last four tokens of each sequence are fed one by one.
      const fed = 4;
      const width = model.hiddenSize;
      const prompts = sequences.map((ids) => ids.subarray(0, ids.length - fed));
      const decoding = model.startDecoding(prompts, fed + 1);
      const newestIs = async (running: readonly number[], step: number) => {
        const ids = Int32Array.from(running, (row) => whole.ids[row * whole.seq + whole.seq - 1 - fed + step]!);
        const hidden = step === 0 ? decoding.next() : decoding.next(ids);
        expect(hidden.shape).toEqual([running.length, width]);
        const got = (await hidden.read()) as Float32Array;
        hidden.dispose();
        running.forEach((row, i) => {
          const position = (row * whole.seq + whole.seq - 1 - fed + step) * width;
          expect(
            largestDifference(got.slice(i * width, (i + 1) * width), want.slice(position, position + width)),
          ).toBeLessThan(1e-4);
        });
      };
      await newestIs([0, 1, 2], 0);
      await newestIs([0, 1, 2], 1);
      const full = device.memory().liveBytes - before;
      // Two of three still use their rows; one of three gets a cache of its own.
      decoding.keep([1, 2]);
      expect(device.memory().liveBytes - before).toBe(full);
      await newestIs([1, 2], 2);
      decoding.keep([1]);
      // A third of it; where buffers are rounded up to powers of two, that may be half.
      expect(device.memory().liveBytes - before).toBeLessThanOrEqual(full / 2);
      await newestIs([2], 3);
      await newestIs([2], 4);
      decoding.dispose();
      expect(device.memory().liveBytes).toBe(before);
    });

    it("gives transformers' greedy ids for prompts of different lengths, EOS, no_repeat_ngram and penalty included", async () => {
      using model = await load();
      const { greedy, noRepeatNgram, repetitionPenalty } = oracle.generation;
      const answers = greedyAnswers(model, oracle.generation);
      expect(await answers({})).toEqual(greedy);
      expect(await answers({ noRepeatNgramSize: noRepeatNgram.size })).toEqual(noRepeatNgram.ids);
      const { penalty, ids } = repetitionPenalty;
      expect(await answers({ repetitionPenalty: penalty, batchSize: 1 })).toEqual(ids);
      // The penalty changes some answer, so that the line before can fail.
      expect(ids).not.toEqual(greedy);
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
