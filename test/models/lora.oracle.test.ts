/** Adapters of PEFT, which scripts of test/oracles/make/lora.py made: what they compute, learn and merge to. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { LabelledBatch } from '../../src/data/batch.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { createAdamW } from '../../src/optim/index.js';
import { openFolder } from '../../src/platform/openFolder.js';
import { headLogits, linearCrossEntropy, Tape, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { labelledBatch, largestDifference } from './oracle.js';

function openAdapter(variant: string) {
  const path = (name: string) => fileURLToPath(new URL(`../oracles/lora/${variant}/${name}`, import.meta.url));
  return { path, oracle: JSON.parse(readFileSync(path('oracle.json'), 'utf8')) };
}

function batchesOf(model: LanguageModel, oracle: { readonly batches: readonly never[] }): LabelledBatch[] {
  if (model.startTokenId === undefined) return oracle.batches.map(labelledBatch);
  return (oracle.batches as readonly { prompts: number[][]; labels: number[][] }[]).map(({ prompts, labels }) =>
    model.collate(
      prompts.map((prompt, row) => ({
        ids: Int32Array.from([...prompt, ...labels[row]!]),
        promptLength: prompt.length,
      })),
    ),
  );
}

/** Of the tokens that are there, row after row. */
async function logitsOf(model: LanguageModel, batch: LabelledBatch): Promise<number[]> {
  const logits = tidy(() => headLogits(model.forward(batch), model.head));
  const all = (await logits.read()) as Float32Array;
  logits.dispose();
  const isThere = (row: number, token: number) =>
    model.startTokenId === undefined
      ? token < batch.keyRange[2 * row + 1]!
      : batch.labels[row * batch.seq + token] !== -100;
  const rows = Array.from(batch.ids.keys()).filter((i) => isThere(Math.floor(i / batch.seq), i % batch.seq));
  return rows.flatMap((row) => [...all.subarray(row * model.vocabSize, (row + 1) * model.vocabSize)]);
}

/** Gradients of the batch's mean cross-entropy; the mean itself. */
async function backward(model: LanguageModel, batch: LabelledBatch): Promise<number> {
  const counted = batch.labels.filter((label) => label >= 0).length;
  const loss = tidy(() => {
    const tape = new Tape();
    const result = tape.record(() =>
      linearCrossEntropy({
        student: { hidden: model.forward(batch), head: model.head },
        labels: batch.labels,
        gradScale: 1 / counted,
      }),
    );
    tape.backward();
    return result.loss;
  });
  const mean = ((await loss.read())[0] as number) / counted;
  loss.dispose();
  return mean;
}

const ofFile = (name: string) => `base_model.model.${name}`;

forEachBackend((backend, name) => {
  describe.each(['gpt2', 'llama', 't5'])('an adapter of %s', (variant) => {
    const { path, oracle } = openAdapter(variant);
    const load = (trainable: boolean) => loadModel(path('adapter'), { device: backend(), trainable });

    it("gives PEFT's logits beside its base and merged into it", async () => {
      for (const trainable of [true, false]) {
        using model = await load(trainable);
        const [first] = batchesOf(model, oracle);
        expect(largestDifference(await logitsOf(model, first!), oracle.logits)).toBeLessThan(1e-4);
        expect(model.adapter === undefined).toBe(!trainable);
      }
    });

    it("has PEFT's gradients, of its own parameters alone", async () => {
      using model = await load(true);
      await backward(model, batchesOf(model, oracle)[0]!);
      const wanted = await openSafetensors(openFolder(path('')), 'gradients.safetensors');
      const trained = [...model.parameters].filter(([, { requiresGrad }]) => requiresGrad);
      expect(trained.map(([name]) => ofFile(name)).sort()).toEqual([...wanted.entries.keys()].sort());
      expect(trained.map(([name]) => name)).toEqual(model.adapter!.parameters);
      for (const [name, { grad, requiresGrad }] of model.parameters) {
        expect(grad !== undefined, name).toBe(requiresGrad);
        if (!requiresGrad) continue;
        const want = await readFloats(wanted, ofFile(name));
        const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largest, name).toBeGreaterThan(1e-6);
        expect(largestDifference((await grad!.read()) as Float32Array, want) / largest, name).toBeLessThan(2e-4);
      }
    });

    // A software GPU takes half a minute for them.
    it.skipIf(name === 'WebGPU')("follows PEFT's loss over AdamW steps", async () => {
      using model = await load(true);
      const { lr, beta1, beta2, eps, weightDecay, losses } = oracle.adamW;
      using optimizer = createAdamW(model.parameters, { betas: [beta1, beta2], eps, weightDecay, clipGradNorm: 0 });
      const batches = batchesOf(model, oracle);
      for (const [step, want] of losses.entries()) {
        const mean = await backward(model, batches[step % batches.length]!);
        tidy(() => void optimizer.step(lr));
        expect(Math.abs(mean - want), `step ${step}: ${mean}, PEFT ${want}`).toBeLessThan(5e-4);
      }
      expect(losses.at(-2)).toBeLessThan(losses[0]);
    });

    it("merges to PEFT's weights, while it is loaded and while it is saved", async () => {
      using merged = await load(false);
      using beside = await load(true);
      const wanted = await openSafetensors(openFolder(path('')), 'merged.safetensors');
      for (const [model, merge] of [
        [merged, false],
        [beside, true],
      ] as const) {
        const store = memoryStore();
        await saveModel(model, store, { merge });
        const saved = await openSafetensors(store, 'model.safetensors');
        for (const name of wanted.entries.keys()) {
          const found = await readFloats(saved, name);
          expect(largestDifference(found, await readFloats(wanted, name)), name).toBeLessThan(1e-5);
        }
      }
    });
  });
});

describe('the file of an adapter', () => {
  it.each(['gpt2', 'llama', 't5'])('of %s is written as PEFT wrote it', async (variant) => {
    const { path } = openAdapter(variant);
    const { openReference } = await import('../harness/referenceBackend.js');
    using model = await loadModel(path('adapter'), { device: openReference({ precision: 'f32' }), trainable: true });
    const store = memoryStore();
    await saveModel(model, store);
    const [found, wanted] = [store, openFolder(path('adapter'))].map((folder) =>
      openSafetensors(folder, 'adapter_model.safetensors'),
    );
    const [ours, theirs] = [await found!, await wanted!];
    expect([...ours.entries.keys()].sort()).toEqual([...theirs.entries.keys()].sort());
    for (const name of theirs.entries.keys()) {
      expect(await readFloats(ours, name), name).toEqual(await readFloats(theirs, name));
    }
    const config = async (folder: { read(path: string): Promise<Uint8Array> }) =>
      JSON.parse(new TextDecoder().decode(await folder.read('adapter_config.json')));
    const { base_model_name_or_path: base, ...fields } = await config(store);
    const { base_model_name_or_path: _, ...given } = await config(openFolder(path('adapter')));
    expect(fields).toEqual(given);
    expect(base).toMatch(/oracles\/(gpt2|llama\/llama3|t5\/flan)\/model$/);
  });
});
