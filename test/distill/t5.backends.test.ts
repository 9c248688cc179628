/** What trains an encoder-decoder gives the same numbers on every backend as in float64, and goes on where it was stopped. */
import { expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import * as losses from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy, offPolicy } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill, fineTune } from '../../src/distill/trainer/index.js';
import { memoryStore } from '../../src/io/index.js';
import { createModel } from '../../src/models/index.js';
import { COMPILING_MS, forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, eos, numbersOf, stepsOf, succession, tinyTokenizer, validationsOf, vocabSize } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3).slice(0, 4), text: succession(4) };
const config = {
  ...{ model_type: 't5', vocab_size: vocabSize, d_model: 8, d_kv: 4, d_ff: 12, num_layers: 1, num_heads: 2 },
  ...{ num_decoder_layers: 2, relative_attention_num_buckets: 8, feed_forward_proj: 'gated-gelu' },
  ...{ eos_token_id: eos, decoder_start_token_id: eos, dropout_rate: 0.1 },
};
const t5 = (device: Device, seed: number, fields = {}) => createModel({ ...config, ...fields }, { device, seed });
const usual = { tokenizer, batchSize: 3, maxNewTokens: 4, optimizer: { lr: 1e-2 } };

/** A run with batches of data, of fresh outputs and of replayed ones, answers scored. */
async function distilled(device: Device, extra: Partial<DistillOptions> = {}, stopAfter?: number) {
  using teacher = await t5(device, 2, { dropout_rate: 0 });
  using student = await t5(device, 1);
  const stop = new AbortController();
  const run = distill({
    ...{ ...usual, data, teacher, student, steps: 6, kdRatio: 0.75, loss: losses.skewReverseKL() },
    sgo: adaptiveOffPolicy({ initThreshold: 0.7, capacity: 6 }),
    ...{ validation: { every: 3, rougeL: { samples: 2 } }, signal: stop.signal, ...extra },
  });
  const events = [];
  for await (const event of run) {
    events.push(event);
    if (event.type === 'step' && event.step === stopAfter) stop.abort();
  }
  return { ...numbersOf(events), scores: validationsOf(events).map(({ rougeL }) => rougeL!) };
}

async function fineTuned(device: Device) {
  using model = await t5(device, 3);
  return numbersOf(await collect(fineTune({ ...usual, model, data: { train: data.train }, steps: 3 })));
}

/** Losses and norms of two steps of each divergence. */
async function byEachLoss(device: Device) {
  using teacher = await t5(device, 2, { dropout_rate: 0 });
  const all: Record<string, number[]> = {};
  for (const loss of [
    ...[losses.forwardKL(), losses.reverseKL(), losses.skewKL(), losses.skewReverseKL(), losses.symmetricKL()],
    ...[losses.jensenShannon(), losses.totalVariation()],
  ]) {
    using student = await t5(device, 1);
    const run = distill({ ...usual, data: { train: data.train }, teacher, student, loss, sgo: offPolicy(), steps: 2 });
    all[loss.kind] = stepsOf(await collect(run)).flatMap((step) => [step.loss!, step.gradNorm]);
  }
  return all;
}

const inFloat64 = async <T>(run: (device: Device) => Promise<T>) => {
  const device = openReference();
  const result = await run(device);
  expect(device.memory().liveStorages).toBe(0);
  return result;
};
const once = <T>(run: (device: Device) => Promise<T>) => {
  let pending: Promise<T> | undefined;
  return () => {
    pending ??= inFloat64(run);
    return pending;
  };
};
const expected = { distilled: once(distilled), fineTuned: once(fineTuned), byEachLoss: once(byEachLoss) };

/** The largest share by which numbers differ. */
const worst = (found: readonly number[], wanted: readonly number[]) => {
  expect(found).toHaveLength(wanted.length);
  return Math.max(...found.map((value, i) => Math.abs(value / wanted[i]! - 1)));
};

/** A training step needs most shaders that there are. */
const ALL_SHADERS_MS = 2 * COMPILING_MS;

forEachBackend((backend) => {
  it(
    'SFT follows the same run in float64',
    async () => {
      const [found, wanted] = [await fineTuned(backend()), await expected.fineTuned()];
      expect(worst(found.losses, wanted.losses)).toBeLessThan(1e-4);
      expect(worst(found.norms, wanted.norms)).toBeLessThan(1e-3);
    },
    ALL_SHADERS_MS,
  );

  it(
    'every loss follows the same run in float64',
    async () => {
      const [found, wanted] = [await byEachLoss(backend()), await expected.byEachLoss()];
      for (const [kind, values] of Object.entries(wanted)) expect(worst(found[kind]!, values), kind).toBeLessThan(1e-3);
    },
    ALL_SHADERS_MS,
  );

  it(
    'a run of every kind of batch and its scores follow the same run in float64, also where it was resumed',
    async () => {
      const [found, wanted] = [await distilled(backend()), await expected.distilled()];
      expect(found.sources).toEqual(wanted.sources);
      expect(new Set(found.sources.map((source) => source.split(' ')[0])).size).toBe(3);
      expect(worst(found.losses, wanted.losses)).toBeLessThan(1e-4);
      expect(worst(found.norms, wanted.norms)).toBeLessThan(1e-3);
      expect(found.scores).toEqual(wanted.scores);

      const checkpoint = memoryStore();
      const first = await distilled(backend(), { checkpoint }, 4);
      const second = await distilled(backend(), { checkpoint, resume: true });
      expect([...first.sources, ...second.sources]).toEqual(found.sources);
      expect([...first.norms, ...second.norms]).toEqual(found.norms);
      expect(second.scores.at(-1)).toBe(found.scores.at(-1));
    },
    ALL_SHADERS_MS,
  );
});
