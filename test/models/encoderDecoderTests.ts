import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import type { LabelledBatch } from '../../src/data/batch.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { clearGradients, headLogits, linearCrossEntropy, Tape, tidy } from '../../src/tensor/index.js';
import { expectGradients, greedyAnswers, largestDifference, leftPadded } from './oracle.js';
import { withoutCaches } from './withoutCaches.js';

/** What the scripts of test/oracles/make write of an encoder-decoder model. */
interface Oracle {
  readonly batch: Readonly<Record<'prompts' | 'labels' | 'inputs', readonly (readonly number[])[]>>;
  readonly loss: number;
  /** Of the answers' tokens, row after row. */
  readonly logits: readonly number[];
  readonly generation: {
    readonly prompts: readonly (readonly number[])[];
    readonly maxNewTokens: number;
    readonly eos: number;
    readonly greedy: readonly (readonly number[])[];
    readonly noRepeatNgram: { readonly size: number; readonly ids: readonly (readonly number[])[] };
    readonly repetitionPenalty: { readonly penalty: number; readonly ids: readonly (readonly number[])[] };
  };
}

/** What every encoder-decoder model must do as Hugging Face transformers does. `folder` is that of its oracle. */
export function encoderDecoderTests(folder: string, backend: () => Device): void {
  const path = (name: string) => fileURLToPath(new URL(`../oracles/${folder}/${name}`, import.meta.url));
  const oracle: Oracle = JSON.parse(readFileSync(path('oracle.json'), 'utf8'));
  const { prompts, labels, inputs } = oracle.batch;
  const samples = prompts.map((prompt, row) => ({
    ids: Int32Array.from([...prompt, ...labels[row]!]),
    promptLength: prompt.length,
  }));

  describe(folder, () => {
    let device: Device;
    beforeAll(() => {
      device = backend();
    });
    const load = (trainable = false) => loadModel(path('model'), { device, trainable });

    /** Logits of the answers' tokens, row after row. */
    async function logitsOf(model: LanguageModel, batch: LabelledBatch): Promise<number[]> {
      const logits = tidy(() => headLogits(model.forward(batch), model.head));
      const all = (await logits.read()) as Float32Array;
      logits.dispose();
      const rows = [...batch.labels.keys()].filter((row) => batch.labels[row] !== -100);
      return rows.flatMap((row) => [...all.subarray(row * model.vocabSize, (row + 1) * model.vocabSize)]);
    }

    it("gives transformers' logits", async () => {
      using model = await load();
      const batch = model.collate(samples);
      expect(largestDifference(await logitsOf(model, batch), oracle.logits)).toBeLessThan(1e-4);
    });

    it('begins answers with the start token, and ends prompts with EOS', async () => {
      using model = await load();
      const batch = model.collate(samples);
      const { seq, source } = batch;
      inputs.forEach((input, row) => {
        expect([...batch.ids.subarray(row * seq, row * seq + input.length)]).toEqual(input);
      });
      const unended = samples.map(({ ids, promptLength }) => ({
        ids: Int32Array.from([...ids.subarray(0, promptLength - 1), ...ids.subarray(promptLength)]),
        promptLength: promptLength - 1,
      }));
      expect(model.collate(unended)).toEqual(batch);
      expect([...source!.keyRange]).toEqual(prompts.flatMap(({ length }) => [0, length]));
    });

    it('gives the same logits whichever side the padding of the prompts is on', async () => {
      using model = await load();
      const source = leftPadded(prompts.map((prompt) => Int32Array.from(prompt)));
      const batch = { ...model.collate(samples), source };
      expect(largestDifference(await logitsOf(model, batch), oracle.logits)).toBeLessThan(1e-4);
    });

    /** Adds the gradients of the mean cross-entropy to those that there are; the loss. */
    async function differentiate(model: LanguageModel, options: Parameters<LanguageModel['forward']>[1] = {}) {
      const batch = model.collate(samples);
      const tokens = batch.labels.filter((label) => label >= 0).length;
      const loss = tidy(() => {
        const tape = new Tape();
        const summed = tape.record(() =>
          linearCrossEntropy({
            student: { hidden: model.forward(batch, options), head: model.head },
            labels: batch.labels,
            gradScale: 1 / tokens,
          }),
        );
        tape.backward();
        return summed.loss;
      });
      const [sum] = await loss.read();
      loss.dispose();
      return sum! / tokens;
    }

    it("gives PyTorch's loss, and its gradients of every parameter", async () => {
      using model = await load(true);
      const before = device.memory().liveBytes;
      // Twice: gradients add up, and clearing them leaves nothing behind.
      for (let pass = 0; pass < 2; pass++) {
        clearGradients(model.parameters.values());
        expect(Math.abs((await differentiate(model)) - oracle.loss)).toBeLessThan(1e-5);
      }
      await expectGradients(model, path(''));
      for (const parameter of model.parameters.values()) {
        parameter.grad?.dispose();
        parameter.grad = undefined;
      }
      expect(device.memory().liveBytes).toBe(before);
    });

    it('gives gradients of the same bits when layers are computed again, dropout on', async () => {
      const gradients = async (gradientCheckpointing: boolean) => {
        using model = await load(true);
        await differentiate(model, { dropoutSeed: 5, gradientCheckpointing });
        const all = new Map<string, unknown>();
        for (const [name, { grad }] of model.parameters) all.set(name, await grad!.read());
        return all;
      };
      expect(await gradients(true)).toEqual(await gradients(false));
    });

    it('decodes through the caches to the same hidden states as in one pass, whichever sequences leave', async () => {
      using model = await load();
      // All answers are as long as the shortest.
      const shortest = Math.min(...labels.map(({ length }) => length));
      const cut = samples.map(({ ids, promptLength }) => ({
        ids: ids.subarray(0, promptLength + shortest),
        promptLength,
      }));
      const whole = model.collate(cut);
      const expected = tidy(() => model.forward(whole));
      const want = (await expected.read()) as Float32Array;
      expected.dispose();
      const before = device.memory().liveBytes;

      const width = model.hiddenSize;
      const given = prompts.map((prompt) => Int32Array.from(prompt));
      const decoding = model.startDecoding(given, shortest);
      const newestIs = async (running: readonly number[], step: number) => {
        const ids = Int32Array.from(running, (row) => whole.ids[row * whole.seq + step]!);
        const hidden = step === 0 ? decoding.next() : decoding.next(ids);
        expect(hidden.shape).toEqual([running.length, width]);
        const got = (await hidden.read()) as Float32Array;
        hidden.dispose();
        running.forEach((row, i) => {
          const position = (row * whole.seq + step) * width;
          const values = got.slice(i * width, (i + 1) * width);
          expect(largestDifference(values, want.slice(position, position + width))).toBeLessThan(1e-4);
        });
      };
      const full = device.memory().liveBytes - before;
      await newestIs([0, 1, 2], 0);
      // The encoder's states are gone, the caches are as they were.
      expect(device.memory().liveBytes - before).toBe(full);
      decoding.keep([1, 2]);
      await newestIs([1, 2], 1);
      expect(device.memory().liveBytes - before).toBe(full);
      decoding.keep([1]);
      // A third of it; where buffers are rounded up to powers of two, that may be half.
      expect(device.memory().liveBytes - before).toBeLessThanOrEqual(full / 2);
      await newestIs([2], 2);
      decoding.dispose();
      expect(device.memory().liveBytes).toBe(before);
    });

    it("gives transformers' greedy ids for prompts of different lengths, EOS, no_repeat_ngram and penalty included", async () => {
      using model = await load();
      const { greedy, noRepeatNgram, repetitionPenalty } = oracle.generation;
      const answers = greedyAnswers(model, oracle.generation);
      expect(await answers({})).toEqual(greedy);
      expect(await answers({ batchSize: 1 })).toEqual(greedy);
      expect(await answers({ noRepeatNgramSize: noRepeatNgram.size })).toEqual(noRepeatNgram.ids);
      expect(await answers({ repetitionPenalty: repetitionPenalty.penalty })).toEqual(repetitionPenalty.ids);
    });

    it('answers the same without caches, prompt by prompt', async () => {
      using model = await load();
      const { prompts: asked, greedy, maxNewTokens, eos } = oracle.generation;
      for (const [row, prompt] of asked.entries()) {
        const answer = await withoutCaches(model, Int32Array.from(prompt), { eos, maxNewTokens });
        expect(answer, `prompt ${row}`).toEqual(greedy[row]);
      }
    });

    it('saves what it loads again bit by bit, and computes the same', async () => {
      using model = await load();
      const store = memoryStore();
      await saveModel(model, store);
      using again = await loadModel(store, { device });
      expect([...again.parameters.keys()]).toEqual([...model.parameters.keys()]);
      for (const [name, tensor] of model.parameters) {
        expect(await again.parameters.get(name)!.read(), name).toEqual(await tensor.read());
      }
      const batch = model.collate(samples);
      expect(await logitsOf(again, batch)).toEqual(await logitsOf(model, batch));
    });
  });
}
