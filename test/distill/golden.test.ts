/**
 * The exact bits of short runs on WASM in both arithmetics, as they were when these digests were recorded. A change that is not meant to
 * alter numbers keeps them; one that is meant to says so and records new ones. Dropout is off and answers are greedy,
 * so that no generator's stream is part of the numbers.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import type { WasmArithmetic } from '../../src/backend/wasm/kernelFiles.js';
import {
  forwardKL,
  jensenShannon,
  reverseKL,
  skewKL,
  skewReverseKL,
  symmetricKL,
  totalVariation,
} from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill, fineTune } from '../../src/distill/trainer/index.js';
import { createModel, type LanguageModel } from '../../src/models/index.js';
import { arithmetics } from '../harness/arithmetics.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, vocabSize, weightsOf } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: [...succession(2), ...succession(7)], validation: succession(3) };
const common = { data, tokenizer, optimizer: { lr: 1e-2 }, batchSize: 3, maxNewTokens: 4, steps: 9 };

const gpt2 = (device: Device, seed: number, options: Record<string, unknown> = {}) =>
  tinyModel(device, { seed, width: 20, n_layer: 2, n_positions: 24, ...options });

const opt = (device: Device, seed: number, options: Record<string, unknown> = {}) => {
  const shape = { vocab_size: vocabSize, hidden_size: 20, num_hidden_layers: 2, num_attention_heads: 2, ffn_dim: 36 };
  const fields = { model_type: 'opt', max_position_embeddings: 24, dropout: 0, init_std: 0.3, ...shape, ...options };
  return createModel(fields, { device, seed });
};

/** Digest of every loss, gradient norm and final weight, bit for bit. */
async function digestOf(events: Parameters<typeof stepsOf>[0], model: LanguageModel): Promise<string> {
  const losses = stepsOf(events).flatMap(({ loss, gradNorm }) => [loss, gradNorm]);
  const hash = createHash('sha256');
  hash.update(Float64Array.from(losses)).update(Float32Array.from(await weightsOf(model)));
  return hash.digest('hex').slice(0, 16);
}

async function distilled(
  device: Device,
  [teacher, student]: [LanguageModel, LanguageModel],
  options: Partial<DistillOptions> & Pick<DistillOptions, 'loss'>,
): Promise<string> {
  teacher.setTrainable(false);
  const digest = await digestOf(await collect(distill({ ...common, teacher, student, ...options })), student);
  for (const model of [teacher, student]) model.dispose();
  expect(device.memory().liveStorages, 'everything was freed').toBe(0);
  return digest;
}

const runs: Record<string, (device: Device) => Promise<string>> = {
  'supervised fine-tuning of GPT-2': async (device) => {
    const model = await gpt2(device, 1);
    const digest = await digestOf(await collect(fineTune({ ...common, model })), model);
    model.dispose();
    return digest;
  },
  'skew KL, accumulated, by length, with plain text': async (device) =>
    distilled(device, [await gpt2(device, 2), await gpt2(device, 1)], {
      loss: skewKL(),
      gradAccumulationSteps: 2,
      groupByLength: true,
      data: { ...data, text: succession(9) },
      lmCoef: 0.5,
    }),
  'skew reverse KL with student outputs and replay': async (device) =>
    distilled(device, [await gpt2(device, 2), await gpt2(device, 1)], {
      loss: skewReverseKL(),
      sgo: adaptiveOffPolicy({ initThreshold: 0.7, capacity: 6 }),
      generation: { temperature: 0 },
      steps: 16,
    }),
  'Jensen-Shannon, OPT with norms before': async (device) =>
    distilled(device, [await opt(device, 2), await opt(device, 1)], { loss: jensenShannon({ temperature: 2 }) }),
  'symmetric KL, OPT with norms after and projected embeddings': async (device) => {
    const variant = { do_layer_norm_before: false, word_embed_proj_dim: 12 };
    return distilled(device, [await opt(device, 2, variant), await opt(device, 1, variant)], { loss: symmetricKL() });
  },
  'forward KL': async (device) =>
    distilled(device, [await gpt2(device, 2), await gpt2(device, 1)], { loss: forwardKL() }),
  'reverse KL': async (device) =>
    distilled(device, [await gpt2(device, 2), await gpt2(device, 1)], { loss: reverseKL() }),
  'total variation': async (device) =>
    distilled(device, [await gpt2(device, 2), await gpt2(device, 1)], { loss: totalVariation() }),
  'a teacher in f16': async (device) =>
    distilled(device, [await stored(device, 'f16'), await gpt2(device, 1)], { loss: skewKL() }),
  'a teacher in int8': async (device) =>
    distilled(device, [await stored(device, 'int8'), await gpt2(device, 1)], { loss: skewKL() }),
};

function stored(device: Device, dtype: 'f16' | 'int8'): Promise<LanguageModel> {
  const fields = { model_type: 'gpt2', vocab_size: vocabSize, n_positions: 24, n_embd: 36, n_layer: 2, n_head: 2 };
  return createModel({ ...fields, initializer_range: 0.3 }, { device, seed: 2, trainable: false, dtype });
}

const golden: Record<string, Record<WasmArithmetic, string>> = {
  'supervised fine-tuning of GPT-2': { plain: '708a89b8d890b950', fused: '999ff057f0be4384' },
  'skew KL, accumulated, by length, with plain text': { plain: '723b7b4b6dad28b1', fused: '73976c3572ef4ff8' },
  'skew reverse KL with student outputs and replay': { plain: '362d09821628f75e', fused: '460e55573f4d5ff1' },
  'Jensen-Shannon, OPT with norms before': { plain: 'bbdfb84dabc4a907', fused: '012893dbd11c0f6b' },
  'symmetric KL, OPT with norms after and projected embeddings': {
    plain: '14dbff94178ac423',
    fused: '53499e942cc74d8c',
  },
  'forward KL': { plain: 'a7a7f72bcdfe2fc8', fused: '45fd17a9aadde347' },
  'reverse KL': { plain: 'ae03514316b9e870', fused: '8682f90509a867bb' },
  'total variation': { plain: 'da5a542d2d65913a', fused: 'ab3244b93baadd16' },
  'a teacher in f16': { plain: 'f999d010aa79a245', fused: '6aa90188683f5678' },
  'a teacher in int8': { plain: 'b219662e6b14c8bb', fused: '36c46b44f1176f67' },
};

describe.each(arithmetics)('WASM with %s arithmetic', (arithmetic) => {
  it.each([1, 2])('keeps the bits of every run on %i threads', async (threads) => {
    const device = await openWasm({ threads, arithmetic });
    const digests: Record<string, string> = {};
    for (const [name, run] of Object.entries(runs)) digests[name] = await run(device);
    await device.dispose();
    expect(digests).toEqual(Object.fromEntries(Object.entries(golden).map(([name, bits]) => [name, bits[arithmetic]])));
  });
});
