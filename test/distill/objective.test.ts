import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import type { KernelName } from '../../src/backend/kernels/index.js';
import { forwardKL, skewKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill, type FineTuneOptions, fineTune } from '../../src/distill/trainer/index.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, validationsOf, weightsOf } from './fixtures.js';

// In float64: what should be equal is, to the last digits of the f32 that is read back.
const tokenizer = tinyTokenizer();
/** Answers of 1 to 4 letters: a mean of batches' means is not the mean over tokens. */
const uneven = [1, 2, 3, 4].flatMap((length) => succession(length).slice(length, length + 2));
const nothing = succession(2).map(({ ids }) => ({ ids, promptLength: ids.length }));
/** Plain text: every token counts. */
const text = succession(3)
  .slice(2)
  .map(({ ids }) => ({ ids, promptLength: 0 }));

async function fineTuned(options: Omit<FineTuneOptions, 'model'>, device: Device = openReference()) {
  const student = await tinyModel(device);
  const events = await collect(fineTune({ optimizer: { lr: 1e-2 }, schedule: 'constant', ...options, model: student }));
  return { events, steps: stepsOf(events), weights: await weightsOf(student) };
}

async function distilled(options: Omit<DistillOptions, 'student' | 'teacher'>, device: Device = openReference()) {
  const student = await tinyModel(device);
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const events = await collect(
    distill({ optimizer: { lr: 1e-2 }, schedule: 'constant', ...options, student, teacher }),
  );
  return { events, steps: stepsOf(events), weights: await weightsOf(student) };
}

function expectEqual(actual: readonly number[], expected: readonly number[], tolerance = 1e-6): void {
  expect(actual.length).toBe(expected.length);
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));
  expect(worst).toBeLessThan(tolerance);
}

describe('the loss', () => {
  it('of the first step is the mean over tokens: the validation loss before it, on the same data', async () => {
    const data = { train: uneven, validation: uneven };
    const { events, steps } = await fineTuned({ data, steps: 1, batchSize: 8 });
    expect(steps[0]!.loss).toBeCloseTo(validationsOf(events)[0]!.loss!, 6);
    // Batches of 3, 3 and 2 give the same: it is no mean of means.
    const { events: split } = await fineTuned({ data, steps: 1, batchSize: 3 });
    expect(validationsOf(split)[0]!.loss).toBeCloseTo(steps[0]!.loss, 6);
    expect(steps[0]!.lossTokens).toBe(2 * (2 + 3 + 4 + 5));
    expect(steps[0]!.tokens).toBe(2 * (4 + 5 + 6 + 7));
  });

  it('and its gradient are zero, not NaN, where no token counts', async () => {
    // One sample has an answer, for data without any are refused.
    const train = [...nothing, ...uneven.slice(0, 1)];
    const options = { data: { train }, steps: train.length, batchSize: 1, optimizer: { lr: 1, weightDecay: 0 } };
    const start = await weightsOf(await tinyModel(openReference()));
    for (const kdRatio of [1, 0.5, 0]) {
      const { steps } = await distilled({ ...options, loss: skewKL(), kdRatio });
      const none = steps.filter(({ lossTokens }) => lossTokens === 0);
      expect(none.map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual(nothing.map(() => [0, 0]));
      const before = steps.findIndex(({ lossTokens }) => lossTokens > 0);
      expect(before, 'the first sample has no answer').toBeGreaterThan(0);
      const { weights } = await distilled({ ...options, steps: before, loss: skewKL(), kdRatio });
      expectEqual(weights, start, 1e-12);
    }
  });

  it('weighs cross-entropy and divergence by kdRatio', async () => {
    const options = { data: { train: uneven }, steps: 1, loss: forwardKL() };
    const [half] = (await distilled({ ...options, kdRatio: 0.25 })).steps;
    const [whole] = (await distilled(options)).steps;
    const [none] = (await fineTuned({ data: options.data, steps: 1 })).steps;
    expect(half!.terms.divergence).toBeCloseTo(whole!.loss, 6);
    expect(half!.terms.crossEntropy).toBeCloseTo(none!.loss, 6);
    expect(half!.loss).toBeCloseTo(0.75 * none!.loss + 0.25 * whole!.loss, 6);
  });

  it("has cross-entropy on answers of the data only, never on the student's own", async () => {
    const data = { train: uneven, validation: uneven };
    const shared = { data, tokenizer, loss: forwardKL(), batchSize: 8, maxNewTokens: 4 };
    const sgo = adaptiveOffPolicy({ initThreshold: 1, capacity: 8 });
    const { steps, weights } = await distilled({ ...shared, sgo, steps: 4, kdRatio: 0.5 });
    expect(steps.map(({ source }) => source)).toContain('replay');
    expect(steps.map(({ terms }) => Object.keys(terms))).toEqual(Array(4).fill(['divergence']));
    for (const { loss, terms } of steps) expect(loss).toBeCloseTo(0.5 * terms.divergence!, 6);
    // AdamW does not see a constant factor of the gradient, so the divergence alone gives the same weights.
    const alone = await distilled({ ...shared, sgo, steps: 4, kdRatio: 1, optimizer: { lr: 1e-2, clipGradNorm: 0 } });
    const half = await distilled({ ...shared, sgo, steps: 4, kdRatio: 0.5, optimizer: { lr: 1e-2, clipGradNorm: 0 } });
    expectEqual(half.weights, alone.weights, 1e-5);
    expect(weights.length).toBe(alone.weights.length);
  });

  it("has cross-entropy on those samples of a batch that are the data's or the teacher's", async () => {
    const given = uneven.slice(0, 5).map((sample, i) => ({ ...sample, ...(i % 2 && { origin: 'teacher' as const }) }));
    const own = uneven.slice(5).map((sample) => ({ ...sample, origin: 'student' as const }));
    const options = { steps: 1, loss: forwardKL(), kdRatio: 0.25, batchSize: 8 };
    const [mixed] = (await distilled({ ...options, data: { train: [...given, ...own] } })).steps;
    const [alone] = (await fineTuned({ data: { train: given }, steps: 1, batchSize: 8 })).steps;
    const [all] = (await distilled({ ...options, kdRatio: 1, data: { train: uneven } })).steps;
    expect(mixed!.terms.crossEntropy).toBeCloseTo(alone!.loss, 6);
    expect(mixed!.terms.divergence).toBeCloseTo(all!.loss, 6);
    expect(mixed!.loss).toBeCloseTo(0.75 * alone!.loss + 0.25 * all!.loss, 6);

    // The gradient is that of the weighted sum: a step in which each loss has its own micro-batch.
    const split = { ...options, batchSize: 4, gradAccumulationSteps: 2 };
    const whole = await distilled({ ...options, data: { train: [...given, ...own] } });
    expectEqual((await distilled({ ...split, data: { train: [...given, ...own] } })).weights, whole.weights);
  });

  it('with 0 < kdRatio < 1 makes the logits of the student once a chunk', async () => {
    const products = async (kdRatio: number) => {
      const plain = openReference();
      let forward = 0;
      let backward = 0;
      const device: Device = {
        ...plain,
        run(kernel, call) {
          // The student is 8 wide, the teacher 16: none but the LM head has the vocabulary's 12 on a side.
          const sides = Object.values(call.dims).sort((a, b) => a - b);
          if (kernel.startsWith('gemm') && sides.includes(8) && sides.includes(12)) {
            if (kernel === 'gemmNT') forward++;
            else backward++;
          }
          plain.run(kernel, call);
        },
      };
      const student = await tinyModel(device);
      const teacher = await tinyModel(device, { seed: 2, width: 16, trainable: false });
      const run = distill({ data: { train: uneven }, steps: 1, loss: forwardKL(), kdRatio, student, teacher });
      const [step] = stepsOf(await collect(run));
      return { forward, backward, terms: Object.keys(step!.terms) };
    };
    // All rows of the batch fit one chunk.
    expect(await products(1)).toEqual({ forward: 1, backward: 2, terms: ['divergence'] });
    expect(await products(0.5)).toEqual({ forward: 1, backward: 2, terms: ['divergence', 'crossEntropy'] });
  });

  it('with kdRatio 0 is fine-tuning; with kdRatio 1 no cross-entropy is computed', async () => {
    const data = { train: uneven };
    const { weights } = await distilled({ data, steps: 3, loss: forwardKL(), kdRatio: 0 });
    expect(weights).toEqual((await fineTuned({ data, steps: 3 })).weights);

    const kernels = new Set<KernelName>();
    const device = openReference({ after: (kernel) => kernels.add(kernel) });
    const { steps } = await distilled({ data, steps: 1, loss: forwardKL() }, device);
    expect(kernels).toContain('divergence');
    expect(kernels).not.toContain('crossEntropy');
    expect(steps[0]!.terms).toEqual({ divergence: steps[0]!.loss });
  });

  it('adds lmCoef times the cross-entropy of plain text', async () => {
    const options = { data: { train: uneven }, steps: 1, loss: forwardKL() };
    const [without] = (await distilled(options)).steps;
    const [withText] = (await distilled({ ...options, data: { train: uneven, text }, lmCoef: 2 })).steps;
    const [alone] = (await fineTuned({ data: { train: text }, steps: 1 })).steps;
    expect(withText!.terms.text).toBeCloseTo(alone!.loss, 6);
    expect(withText!.loss).toBeCloseTo(without!.loss + 2 * alone!.loss, 5);

    // Where the data teach nothing, the text alone does: the same steps as training on it.
    const onText = { data: { train: nothing, text }, steps: 3, lmCoef: 1 };
    const { weights } = await fineTuned(onText);
    const { weights: expected } = await fineTuned({ data: { train: text }, steps: 3 });
    expectEqual(weights, expected);
  });
});

describe('gradient accumulation', () => {
  it('equals one large batch, whatever the lengths in it', async () => {
    const data = { train: uneven };
    const large = await fineTuned({ data, steps: 4, batchSize: 8 });
    const small = await fineTuned({ data, steps: 4, batchSize: 2, gradAccumulationSteps: 4 });
    expectEqual(
      small.steps.map(({ loss }) => loss),
      large.steps.map(({ loss }) => loss),
    );
    expectEqual(
      small.steps.map(({ gradNorm }) => gradNorm),
      large.steps.map(({ gradNorm }) => gradNorm),
    );
    expectEqual(small.weights, large.weights);
  });

  it('equals it for student outputs and text as well', async () => {
    const options = {
      data: { train: uneven, validation: uneven, text },
      steps: 4,
      loss: skewKL(),
      tokenizer,
      kdRatio: 0.5,
      maxNewTokens: 4,
      sgo: adaptiveOffPolicy({ initThreshold: 1, capacity: 16 }),
    };
    const large = await distilled({ ...options, batchSize: 8 });
    const small = await distilled({ ...options, batchSize: 3, gradAccumulationSteps: 3 });
    expect(large.steps.map(({ source }) => source)).toEqual(['generate', 'generate', expect.anything(), 'replay']);
    expectEqual(small.weights, large.weights);
  });
});
