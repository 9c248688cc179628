/** What steps measure besides their losses: how teacher and student compare, and how long the student's answers are. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import type { KernelName } from '../../src/backend/kernels/index.js';
import { forwardKL, skewKL, taid } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill } from '../../src/distill/trainer/index.js';
import { compareRows, Tensor, tidy } from '../../src/tensor/index.js';
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
  it('the entropies and agreements are those of the logits', async () => {
    const [rows, vocab] = [3, 13];
    // An even row, one with a sure token, one with two likely ones.
    const teacher = Float32Array.from({ length: rows * vocab }, (_, i) =>
      i === vocab + 3 ? 200 : i < vocab ? 1 : i % 7,
    );
    const student = teacher.with(0, 2);
    const found = tidy(() => {
      const [t, s] = [teacher, student].map((values) => Tensor.from(device(), values, [rows, vocab])) as [
        Tensor,
        Tensor,
      ];
      return { ...compareRows(t, s) };
    });
    const read = async (tensor: Tensor) => {
      const values = [...(await tensor.read())];
      tensor.dispose();
      return values;
    };
    const [even, sure] = await read(found.teacherEntropy);
    expect(even).toBeCloseTo(Math.log(13), 6);
    expect(sure).toBe(0);
    expect((await read(found.studentEntropy))[0]).toBeLessThan(even!);
    // The first of equals is the likeliest.
    expect(await read(found.agreement)).toEqual([1, 1, 1]);
    expect(await read(found.overlap)).toEqual([1, 1, 1]);
  });
});
