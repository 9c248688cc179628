/** One tokenizer, and tables of embeddings that are padded to different sizes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { skewReverseKL } from '../../src/distill/losses/index.js';
import { fineTuneOptions } from '../../src/distill/settings.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { distill } from '../../src/distill/trainer/index.js';
import { makePlan } from '../../src/distill/trainer/plan.js';
import { generateSamples } from '../../src/distill/trainer/sampling.js';
import { generate } from '../../src/generation/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import { createTokenizer } from '../../src/text/index.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, numbersOf, succession, tinyModel, tinyTokenizer, validationsOf, vocabSize } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };

/** A model whose tokens have the weights of one without padding, and whose other rows would be said first of all. */
async function paddedModel(device: Device, spare: number, { seed, trainable }: { seed: number; trainable: boolean }) {
  const plain = await tinyModel(device, { seed, trainable });
  if (spare === 0) return plain;
  const model = await tinyModel(device, { seed: seed + 50, trainable, vocab_size: vocabSize + spare });
  for (const [name, parameter] of model.parameters) {
    const values = (await plain.parameters.get(name)!.read()) as Float32Array;
    const whole = new Float32Array(parameter.size).fill(3);
    whole.set(values);
    parameter.set(whole);
  }
  plain.dispose();
  return model;
}

async function run(device: Device, spare: { student: number; teacher: number }) {
  const teacher = await paddedModel(device, spare.teacher, { seed: 2, trainable: false });
  const student = await paddedModel(device, spare.student, { seed: 1, trainable: true });
  const events = await collect(
    distill({
      ...{ teacher, student, tokenizer, data, loss: skewReverseKL(), kdRatio: 0.75, maxNewTokens: 4, steps: 6 },
      sgo: adaptiveOffPolicy({ initThreshold: 0.7, capacity: 6 }),
      optimizer: { lr: 1e-2, weightDecay: 0 },
      batchSize: 3,
      validation: { every: 3, rougeL: { samples: 4 } },
    }),
  );
  const answers = await answersOf(student);
  teacher.dispose();
  student.dispose();
  return {
    ...numbersOf(events),
    told: validationsOf(events).flatMap(({ examples = [] }) => examples.map(({ answer }) => answer)),
    answers,
  };
}

async function answersOf(student: LanguageModel) {
  const prompts = succession(2).map(({ ids, promptLength }) => ids.subarray(0, promptLength));
  const request = { maxNewTokens: 4, eosTokenId: tokenizer.eosTokenIds, vocabSize: tokenizer.vocabSize };
  const greedy = await generate(student, prompts, { ...request, temperature: 0 });
  const sampled = await generate(student, prompts, request);
  return [...greedy, ...sampled].map((ids) => [...ids]);
}

describe('a run', () => {
  // What the kernels of each backend do with padded heads, test/tensor/ops/linearLoss.test.ts tells.
  let device: Device;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
  });
  afterAll(() => device.dispose());

  it.each([
    { student: 3, teacher: 0 },
    { student: 0, teacher: 5 },
    { student: 2, teacher: 5 },
  ])('of models that are padded by %j rows is that of models that end at the last token', async (spare) => {
    // Rows of padding that both models have are predicted.
    const shared = Math.min(spare.student, spare.teacher);
    const common = await run(device, { student: shared, teacher: shared });
    const padded = await run(device, spare);
    expect(padded.sources).toEqual(common.sources);
    expect(new Set(padded.sources.map((each) => each.split(' ')[0]))).toContain('generate');
    for (const [i, loss] of padded.losses.entries()) expect(loss).toBeCloseTo(common.losses[i]!, 5);
    for (const [i, norm] of padded.norms.entries()) expect(norm).toBeCloseTo(common.norms[i]!, 4);
    expect(padded.told).toEqual(common.told);
    expect(padded.answers).toEqual(common.answers);
    expect(padded.answers.flat().every((id) => id < vocabSize)).toBe(true);
  });
});

it('takes no gradient from rows that are no token of both', async () => {
  const device = openReference();
  const teacher = await paddedModel(device, 0, { seed: 2, trainable: false });
  const student = await paddedModel(device, 4, { seed: 1, trainable: true });
  const name = [...student.parameters.keys()].find((each) => each.includes('wte'))!;
  const rows = async () => [...(await student.parameters.get(name)!.read())].slice(-4 * 8);
  const before = await rows();
  const optimizer = { lr: 1e-2, weightDecay: 0 };
  await collect(distill({ teacher, student, data, loss: skewReverseKL(), optimizer, steps: 2, batchSize: 3 }));
  expect(await rows()).toEqual(before);
});

it('ends student outputs at each of several EOS ids, and teaches the one that the student said', async () => {
  const vocab = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', '<eos>'].map((name, id) => [name, id]),
  );
  const ends = [11, 3, 7];
  const several = createTokenizer({ vocab, merges: [], specialTokens: { eos: '<eos>' }, endIds: ends });
  expect(several.eosTokenIds).toEqual(ends);
  const student = await tinyModel(openReference());
  const plan = makePlan(
    { student, tokenizer: several, data: { train: succession(2) } },
    fineTuneOptions.parse({ steps: 1, maxNewTokens: 12, batchSize: 10 }) as never,
  );
  const samples = await generateSamples(plan, [...succession(2), ...succession(3)], 1);
  const answers = samples.map(({ ids, promptLength }) => [...ids.subarray(promptLength)]);
  for (const answer of answers) {
    const end = answer.findIndex((id) => ends.includes(id));
    expect(end === -1 ? 12 : end + 1).toBe(answer.length);
  }
  expect(new Set(answers.map((answer) => answer.at(-1)).filter((id) => ends.includes(id!)))).toEqual(new Set(ends));
  // The last label of each sample is the end that was said.
  const { labels, seq } = student.collate(samples);
  for (const [row, { ids }] of samples.entries()) expect(labels[row * seq + ids.length - 2]).toBe(ids.at(-1));
});
