/** MiniLLM against its definition: rewards, returns, importance weights, clipped ratios, and the mixture of two models. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import type { Sample } from '../../src/data/batch.js';
import { reverseKL } from '../../src/distill/losses/index.js';
import { methods } from '../../src/distill/methods/index.js';
import { policyGradient } from '../../src/distill/policyGradient.js';
import { dataOnly, onPolicy } from '../../src/distill/sgo/index.js';
import { returnsOf, rewardsOf, whitened } from '../../src/distill/terms/advantages.js';
import { type DistillOptions, distill } from '../../src/distill/trainer/index.js';
import { generateMixed } from '../../src/generation/generate.js';
import type { LanguageModel } from '../../src/models/index.js';
import { randomOrder, randomSeed } from '../../src/random.js';
import { headLogits, tidy } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, eos, stepsOf, succession, tinyModel, tinyTokenizer, vocabSize, weightsOf } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };
const common = {
  ...{ data, tokenizer, batchSize: 10, maxNewTokens: 4, steps: 1, schedule: 'constant' as const },
  optimizer: { lr: 1e-2 },
};

async function run(options: Partial<DistillOptions>, device: Device = openReference()) {
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const student = await tinyModel(device);
  const settings = { ...methods.minillm(), ...common, ...options, teacher, student } as DistillOptions;
  const steps = stepsOf(await collect(distill(settings)));
  return { steps, weights: await weightsOf(student) };
}

/** log softmax of the logits that predict each token of an answer. */
async function logDistributions(model: LanguageModel, { ids, promptLength }: Sample): Promise<number[][]> {
  const batch = model.collate([{ ids, promptLength }]);
  const logits = tidy(() => headLogits(model.forward(batch), model.head));
  const values = await logits.read();
  logits.dispose();
  const rows = Array.from(batch.labels.keys()).filter((row) => batch.labels[row] !== -100);
  return rows.map((row) => {
    const z = Array.from(values.subarray(row * vocabSize, (row + 1) * vocabSize));
    const top = Math.max(...z);
    const total = Math.log(z.reduce((sum, value) => sum + Math.exp(value - top), 0)) + top;
    return z.map((value) => value - total);
  });
}

/** The answers that the first step of a run gives: it takes all of the data, in the order of the first epoch. */
async function firstAnswers(student: LanguageModel, teacher: LanguageModel, share: number): Promise<Sample[]> {
  const order = Array.from(randomOrder(10, 'order', 0, 10), (index) => data.train[index]!);
  const prompts = order.map(({ ids, promptLength }) => ids.slice(0, promptLength));
  const stepSeed = randomSeed(10, 'generation', 1);
  const seeds = prompts.map((_, index) => randomSeed(stepSeed, 'generation', index));
  const options = { maxNewTokens: 4, eosTokenId: eos, vocabSize, seeds, batchSize: 10 };
  const answers = await generateMixed(student, { model: teacher, share }, prompts, options);
  return answers.map((ids, i) => ({ ids: Int32Array.of(...prompts[i]!, ...ids), promptLength: 2 }));
}

describe('rewards and returns', () => {
  it('are (log p - log q) / scale, clipped', () => {
    expect(rewardsOf([-1, -2, -30], [-2, -1.5, -1], { scale: 0.5, clip: 10 })).toEqual([2, -1, -10]);
  });

  it('are discounted sums from each token on, over the tokens from there on', () => {
    const rewards = [1, -2, 3, 0.5];
    const gamma = 0.9;
    const sums = rewards.map((_, t) => rewards.slice(t).reduce((sum, reward, i) => sum + gamma ** i * reward, 0));
    const close = (found: number[], expected: number[]) =>
      found.forEach((value, t) => {
        expect(value).toBeCloseTo(expected[t]!, 12);
      });
    close(returnsOf(rewards, { gamma, lengthNorm: false }), sums);
    close(
      returnsOf(rewards, { gamma, lengthNorm: true }),
      sums.map((sum, t) => sum / (4 - t)),
    );
  });

  it('have mean 0 and variance 1 over all tokens of a step, whatever the answers they are of', () => {
    const all = whitened([[1, 2, 3], [], [10]]).flat();
    expect(all.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 12);
    expect(all.reduce((sum, value) => sum + value ** 2, 0) / 4).toBeCloseTo(1, 6);
    expect(whitened([[5, 5]])).toEqual([[0, 0]]);
  });
});

describe('a step', () => {
  it("has the published code's loss: clipped surrogate with importance weights, and reverse KL token by token", async () => {
    const [share, clip] = [0.2, 0.2];
    const { steps } = await run(methods.minillm({ updates: 1, rewardScale: 0.5, gamma: 0.95 }));
    const device = openReference();
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const student = await tinyModel(device);
    const answers = await firstAnswers(student, teacher, share);
    const tokens: { advantage: number; weight: number; kl: number }[] = [];
    const returns: number[][] = [];
    const others: { weight: number; kl: number }[] = [];
    for (const answer of answers) {
      const [q, p] = [await logDistributions(student, answer), await logDistributions(teacher, answer)];
      const labels = answer.ids.subarray(2);
      const rewards = Array.from(labels, (id, t) => (p[t]![id]! - q[t]![id]!) / 0.5);
      returns.push(
        rewards.map((_, t) => rewards.slice(t).reduce((sum, r, i) => sum + 0.95 ** i * r, 0) / (rewards.length - t)),
      );
      labels.forEach((id, t) => {
        const [logQ, logP] = [q[t]![id]!, p[t]![id]!];
        const mixed = (1 - share) * Math.exp(logQ) + share * Math.exp(logP);
        const kl = q[t]!.reduce((sum, log, j) => sum + Math.exp(log) * (log - p[t]![j]!), 0);
        others.push({ weight: Math.exp(logQ) / mixed, kl });
      });
    }
    const all = returns.flat();
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
    all.forEach((value, i) => {
      tokens.push({ advantage: (value - mean) / Math.sqrt(variance + 1e-8), ...others[i]! });
    });
    const meanOf = (of: (token: (typeof tokens)[number]) => number) =>
      tokens.reduce((sum, token) => sum + of(token), 0) / tokens.length;
    const surrogate = meanOf(({ advantage, weight }) =>
      Math.max(-advantage * weight, -advantage * Math.min(Math.max(weight, 1 - clip), 1 + clip)),
    );
    const [step] = steps;
    expect(step!.lossTokens).toBe(tokens.length);
    expect(tokens.some(({ weight }) => Math.abs(weight - 1) > clip)).toBe(true);
    expect(step!.terms.policyGradient).toBeCloseTo(surrogate, 5);
    expect(step!.terms.divergence).toBeCloseTo(
      meanOf(({ kl }) => kl),
      5,
    );
    expect(step!.loss).toBeCloseTo(surrogate + meanOf(({ kl }) => kl), 5);
  });

  it('without the single step has the policy gradient alone', async () => {
    const { steps } = await run(methods.minillm({ noSingleStep: true }));
    expect(Object.keys(steps[0]!.terms)).toEqual(['policyGradient']);
  });

  it('updates as often as it is to, by ratios to the probabilities before the first update', async () => {
    const [once, twice] = [await run(methods.minillm({ updates: 1 })), await run(methods.minillm({ updates: 2 }))];
    expect(twice.weights).not.toEqual(once.weights);
    // Without a step of the optimizer both updates find the same.
    const still = { optimizer: { lr: 0 } };
    const [first, both] = [
      await run({ ...methods.minillm({ updates: 1 }), ...still }),
      await run({ ...methods.minillm({ updates: 2 }), ...still }),
    ];
    expect(both.steps[0]!.loss).toBeCloseTo(first.steps[0]!.loss, 10);
    // A large step leaves the clamp: what is learnt from then on is the clamped side.
    const far = { optimizer: { lr: 0.3 } };
    const [near, clipped] = [
      await run({ ...methods.minillm({ updates: 2, clip: 0.9 }), ...far }),
      await run({ ...methods.minillm({ updates: 2, clip: 0.01 }), ...far }),
    ];
    expect(clipped.steps[0]!.terms.policyGradient).not.toBeCloseTo(near.steps[0]!.terms.policyGradient!, 3);
  });

  it('has the language modelling loss of plain text beside it', async () => {
    const { steps } = await run({ data: { ...data, text: succession(4) }, lmCoef: 0.5 });
    const { terms, loss } = steps[0]!;
    expect(loss).toBeCloseTo(terms.policyGradient! + terms.divergence! + 0.5 * terms.text!, 5);
  });

  it('is refused with answers that are not drawn from whole distributions, and where there are none', async () => {
    const device = openReference();
    const models = {
      teacher: await tinyModel(device, { seed: 2, trainable: false }),
      student: await tinyModel(device),
    };
    const options = { ...common, ...models, loss: reverseKL(), objective: policyGradient(), sgo: onPolicy() };
    expect(() => distill({ ...options, generation: { topP: 0.9 } })).toThrow(
      /drawn from whole distributions. Leave generation.temperature/,
    );
    expect(() => distill({ ...options, sgo: dataOnly() })).toThrow(
      /^distill: objective is about the student's own answers, and sgo 'dataOnly' has none/,
    );
    expect(() => distill({ ...options, studentLoss: reverseKL() })).toThrow(/objective and studentLoss are both given/);
    expect(() => policyGradient({ clip: 1 })).toThrow(
      /^policyGradient: clip is 1, expected a number above 0 and below 1/,
    );
  });
});

describe('MiniLLM', () => {
  it("brings the student's answers nearer to the teacher", async () => {
    const device = await openWasm({ threads: 1 });
    const settings = methods.minillm({ updates: 2 });
    const { steps } = await run({ ...settings, steps: 40, optimizer: { lr: 1e-2 } }, device);
    await device.dispose();
    const mean = (some: typeof steps) => some.reduce((sum, { terms }) => sum + terms.divergence!, 0) / some.length;
    expect(mean(steps.slice(-5))).toBeLessThan(0.5 * mean(steps.slice(0, 5)));
  });
});

describe('answers of two models', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
  });
  afterAll(() => device.dispose());

  it('are drawn from the mixture of their distributions', async () => {
    using student = await tinyModel(device);
    using teacher = await tinyModel(device, { seed: 2, trainable: false });
    const prompt = Int32Array.of(3, 10);
    const sample = { ids: Int32Array.of(...prompt, 0), promptLength: 2 };
    const [[q], [p]] = [await logDistributions(student, sample), await logDistributions(teacher, sample)];
    const draws = 4000;
    const prompts = Array.from({ length: draws }, () => prompt);
    const options = { maxNewTokens: 1, vocabSize, batchSize: 500 };
    for (const share of [0.3, 1]) {
      const answers = await generateMixed(student, { model: teacher, share }, prompts, options);
      const counts = new Float64Array(vocabSize);
      for (const [id] of answers) counts[id!]!++;
      // Chi-square of 11 degrees of freedom: above 31 once in a thousand.
      const expected = q!.map((log, j) => draws * ((1 - share) * Math.exp(log) + share * Math.exp(p![j]!)));
      const chi = expected.reduce((sum, mean, j) => sum + (counts[j]! - mean) ** 2 / mean, 0);
      expect(chi, `share ${share}`).toBeLessThan(31);
    }
  });

  it('end as they do alone, and leave nothing behind', async () => {
    const [student, teacher] = [await tinyModel(device), await tinyModel(device, { seed: 2, trainable: false })];
    const before = device.memory();
    const prompts = data.train.map(({ ids }) => ids.slice(0, 2));
    const options = { maxNewTokens: 6, eosTokenId: eos, vocabSize, batchSize: 3 };
    const answers = await generateMixed(student, { model: teacher, share: 0.5 }, prompts, options);
    for (const ids of answers) {
      const end = ids.indexOf(eos);
      expect(end === -1 ? ids.length : end + 1).toBe(end === -1 ? 6 : ids.length);
    }
    // Each answer depends on its seed alone.
    const seeds = [...prompts.keys()].reverse();
    const reversed = await generateMixed(student, { model: teacher, share: 0.5 }, prompts.toReversed(), {
      ...options,
      seeds,
    });
    expect(reversed.toReversed()).toEqual(answers);
    expect(device.memory()).toMatchObject({ liveStorages: before.liveStorages, liveBytes: before.liveBytes });
    student.dispose();
    teacher.dispose();
  });
});
