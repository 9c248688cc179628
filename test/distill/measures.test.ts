/** What steps measure besides their losses: how teacher and student compare, and how long the student's answers are. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import type { KernelName } from '../../src/backend/kernels/index.js';
import { forwardKL, reverseKL, skewKL, taid } from '../../src/distill/losses/index.js';
import { methods } from '../../src/distill/methods/index.js';
import { adaptiveOffPolicy, mixed, onPolicy } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill } from '../../src/distill/trainer/index.js';
import { comparedRows, compareRows, Tensor, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, weightsOf } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };

async function run(device: Device, options: Partial<DistillOptions>) {
  const student = await tinyModel(device);
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const events = await collect(
    distill({
      ...{ data, tokenizer, student, teacher, loss: forwardKL(), steps: 6, batchSize: 4, maxNewTokens: 4 },
      optimizer: { lr: 1e-2 },
      ...options,
    }),
  );
  return { steps: stepsOf(events), weights: await weightsOf(student) };
}

describe('steps that compare', () => {
  it('tell what the predictions have in common, every so many steps, and are the steps that they are without', async () => {
    const calls: KernelName[] = [];
    const plain = await run(openReference({ after: (kernel) => void calls.push(kernel) }), { loss: skewKL() });
    expect(plain.steps.every(({ measures }) => measures === undefined)).toBe(true);
    expect(calls.filter((kernel) => ['compareRows', 'overlap', 'topTokens'].includes(kernel))).toEqual([]);
    const { steps, weights } = await run(openReference(), { loss: skewKL(), compareEvery: 3 });
    expect(steps.map(({ measures }) => measures !== undefined)).toEqual([false, false, true, false, false, true]);
    expect(weights).toEqual(plain.weights);
    expect(steps.map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual(
      plain.steps.map(({ loss, gradNorm }) => [loss, gradNorm]),
    );
    const [first] = steps.flatMap(({ measures }) => (measures ? [measures] : []));
    expect(Object.keys(first!)).toEqual(['teacherEntropy', 'studentEntropy', 'agreement', 'overlap']);
    for (const name of ['teacherEntropy', 'studentEntropy']) {
      expect(first![name]).toBeGreaterThan(0);
      expect(first![name]).toBeLessThan(Math.log(12) + 1e-6);
    }
    for (const name of ['agreement', 'overlap']) {
      expect(first![name]).toBeGreaterThanOrEqual(0);
      expect(first![name]).toBeLessThanOrEqual(1);
    }
    // Ten of twelve letters: eight are in both at least.
    expect(first!.overlap).toBeGreaterThanOrEqual(0.8);
  });

  it('agree throughout where teacher and student are one', async () => {
    const device = openReference();
    const student = await tinyModel(device);
    const teacher = await tinyModel(device, { trainable: false });
    const events = await collect(
      distill({ data, student, teacher, loss: taid(), steps: 1, compareEvery: 1, gradAccumulationSteps: 3 }),
    );
    const { measures } = stepsOf(events)[0]!;
    expect(measures).toMatchObject({ agreement: 1, overlap: 1, t: 0.4 });
    expect(measures!.teacherEntropy).toBe(measures!.studentEntropy);
    // The target is both: its cross-entropy is their entropy.
    expect(measures!.crossEntropy).toBeCloseTo(measures!.studentEntropy!, 5);
  });
});

describe('steps that take more than one divergence', () => {
  const contrast = {
    ...{ loss: forwardKL(), studentLoss: reverseKL(), sgo: onPolicy(), pairs: true },
    compareEvery: 1,
  };

  it('compare the tokens of both, each once', async () => {
    const device = openReference();
    const models = async () => ({
      student: await tinyModel(device),
      teacher: await tinyModel(device, { trainable: false }),
    });
    const events = await collect(
      distill({
        ...{ data, tokenizer, ...(await models()), ...contrast, maxNewTokens: 4, steps: 2 },
        ...{ batchSize: 4, gradAccumulationSteps: 2, optimizer: { lr: 0 } },
      }),
    );
    for (const { measures } of stepsOf(events)) {
      expect(measures!.agreement).toBeCloseTo(1, 12);
      expect(measures!.overlap).toBeCloseTo(1, 12);
      expect(measures!.teacherEntropy).toBeCloseTo(measures!.studentEntropy!, 12);
      expect(measures!.teacherEntropy).toBeLessThan(Math.log(12) + 1e-6);
    }
  });

  it('follow the target by the tokens that are learnt from it', async () => {
    const first = { steps: 1, optimizer: { lr: 0 } };
    const alone = (await run(openReference(), { ...first, loss: taid() })).steps[0]!;
    const beside = (await run(openReference(), { ...first, ...contrast, loss: taid() })).steps[0]!;
    expect(beside.lossTokens).toBeGreaterThan(alone.lossTokens);
    expect(beside.terms.divergence).toBeCloseTo(alone.terms.divergence!, 10);
    expect(beside.measures!.crossEntropy).toBeCloseTo(alone.measures!.crossEntropy!, 10);
  });
});

describe('minillm', () => {
  const options = { ...methods.minillm({ updates: 2 }), compareEvery: 2, steps: 2, optimizer: { lr: 0 } };

  it('compares on the answers of its steps, with and without what its policy gradient asks', async () => {
    const { steps } = await run(openReference(), options);
    expect(Object.keys(steps[0]!.measures!)).toEqual(['answerLength', 'cutAnswers']);
    expect(Object.keys(steps[1]!.measures!)).toEqual([...comparedRows, 'answerLength', 'cutAnswers']);
    const { steps: own } = await run(openReference(), {
      ...{ loss: reverseKL(), sgo: onPolicy(), generation: options.generation!, compareEvery: 2, steps: 2 },
      optimizer: { lr: 0 },
    });
    expect(steps[1]!.measures).toEqual(own[1]!.measures);
  });

  it('compares only where a divergence is taken', async () => {
    const sgo = mixed({ share: 0.5 });
    const { steps } = await run(openReference(), {
      ...{ ...options, ...methods.minillm({ noSingleStep: true }), sgo },
      ...{ compareEvery: 1, steps: 6, seed: 3, optimizer: { lr: 0 } },
    });
    expect(new Set(steps.map(({ source }) => source)).size).toBe(2);
    for (const { source, measures } of steps) {
      expect(Object.keys(measures!)).toEqual(source === 'data' ? [...comparedRows] : ['answerLength', 'cutAnswers']);
    }
  });
});

it('is refused by name what would compare nothing, and a second loss that changes', async () => {
  const device = openReference();
  const models = { student: await tinyModel(device), teacher: await tinyModel(device, { trainable: false }) };
  const start = (options: object) => () =>
    distill({ ...{ data, tokenizer, ...models, loss: forwardKL(), steps: 1 }, ...options } as DistillOptions);
  expect(start({ compareEvery: 5, kdRatio: 0 })).toThrow(
    'distill: compareEvery is 5, and kdRatio is 0: the teacher is not asked, so that nothing is compared. Leave one of them out.',
  );
  expect(start({ ...methods.minillm({ noSingleStep: true }), compareEvery: 5 })).toThrow(
    "distill: compareEvery is 5, and objective.noSingleStep leaves no divergence on the student's own answers, so that",
  );
  expect(start({ studentLoss: taid(), sgo: onPolicy() })).toThrow(
    'distill: studentLoss is taid, which changes during a run, and loss alone may. Take it as loss, or another here.',
  );
});

it("tell the length of the student's answers, and how many were cut", async () => {
  const sgo = adaptiveOffPolicy({ initThreshold: 1, capacity: 8 });
  const { steps } = await run(openReference(), { sgo, steps: 8, maxNewTokens: 3 });
  expect(new Set(steps.map(({ source }) => source))).toEqual(new Set(['generate', 'replay']));
  for (const { measures, tokens, lossTokens } of steps) {
    const { answerLength, cutAnswers } = measures as Record<string, number>;
    expect(answerLength).toBeGreaterThanOrEqual(1);
    expect(answerLength).toBeLessThanOrEqual(3);
    // Four answers of a batch; each of their tokens is learnt.
    expect(4 * answerLength!).toBeCloseTo(lossTokens, 9);
    expect(tokens).toBeGreaterThan(lossTokens);
    expect([0, 0.25, 0.5, 0.75, 1]).toContain(cutAnswers);
    if (answerLength! < 3) expect(cutAnswers).toBeLessThan(1);
  }
});

forEachBackend((device) => {
  it('the entropies and agreements are those of the logits, of rows that count', async () => {
    const [rows, vocab] = [4, 13];
    // An even row, one with a sure token, one with two likely ones, one that does not count.
    const teacher = Float32Array.from({ length: rows * vocab }, (_, i) =>
      i === vocab + 3 ? 200 : i < vocab ? 1 : i % 7,
    );
    const student = teacher.with(0, 2);
    const found = tidy(() => {
      const [t, s] = [teacher, student].map((values) => Tensor.from(device(), values, [rows, vocab])) as [
        Tensor,
        Tensor,
      ];
      return { ...compareRows(t, s, Tensor.from(device(), Int32Array.of(0, 1, 2, -100), [rows])) };
    });
    const read = async (tensor: Tensor) => {
      const values = [...(await tensor.read())];
      tensor.dispose();
      return values;
    };
    const [even, sure, likely, none] = await read(found.teacherEntropy);
    expect(even).toBeCloseTo(Math.log(13), 6);
    expect(sure).toBe(0);
    expect(likely).toBeGreaterThan(0.1);
    expect(none).toBe(0);
    const [first, , , last] = await read(found.studentEntropy);
    expect([first! < even!, last]).toEqual([true, 0]);
    // The first of equals is the likeliest.
    expect(await read(found.agreement)).toEqual([1, 1, 1, 0]);
    expect(await read(found.overlap)).toEqual([1, 1, 1, 0]);
  });
});
