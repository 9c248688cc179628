/** The moving target of taid: how it moves, that a run follows it, and that a run that is resumed goes on with it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { forwardKL, startLoss, taid } from '../../src/distill/losses/index.js';
import { offPolicy } from '../../src/distill/sgo/index.js';
import { divergence, type TeacherSignal, type TermBatch } from '../../src/distill/terms/index.js';
import { type DistillOptions, distill } from '../../src/distill/trainer/index.js';
import { CheckpointError } from '../../src/errors.js';
import { memoryStore } from '../../src/io/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import type { DivergenceSpec } from '../../src/tensor/index.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, vocabSize, weightsOf } from './fixtures.js';
import { forgeState } from './forged.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };

/** t of every step, from the losses that the steps measure. */
function course(loss: ReturnType<typeof taid>, followed: readonly number[]): number[] {
  const work = startLoss(loss, { totalSteps: followed.length });
  return followed.map((each, i) => {
    const { t } = work.told as { readonly t: number };
    work.observe({ step: i + 1, divergence: each / 2, crossEntropy: each });
    return t;
  });
}

describe('the controller', () => {
  it('moves as the published formula says', () => {
    const losses = [4, 3, 3.5, 2, 2, 1];
    const found = course(taid({ start: 0.2, end: 0.9, rate: 0.9, momentum: 0.9 }), losses);
    let [t, m] = [0.2, 0];
    const expected = losses.map((loss, i) => {
      const at = t;
      const line = 0.2 + (0.7 * (i + 1)) / 6;
      if (i === 0) t = line;
      else {
        m = 0.9 * m + 0.1 * ((losses[i - 1]! - loss) / losses[i - 1]!);
        t = Math.min(0.9, Math.max(line, t + (0.9 / (1 + Math.exp(-m))) * (1 - t)));
      }
      return at;
    });
    expected.forEach((each, i) => {
      expect(found[i]).toBeCloseTo(each, 12);
    });
    // Far ahead of the line, and then at the end.
    expect(found[2]).toBeGreaterThan(0.2 + 0.7 / 2);
    expect(found.at(-1)).toBe(0.9);
  });

  it('runs ahead faster while the loss falls than while it rises, and never behind the line', () => {
    const [falling, rising] = [
      [8, 6, 4, 2],
      [2, 4, 6, 8],
    ].map((losses) => course(taid({ start: 0, rate: 1, momentum: 0.5 }), losses)) as [number[], number[]];
    expect(falling[2]).toBeGreaterThan(rising[2]!);
    expect(rising[2]).toBeGreaterThan(0.5);
    expect(course(taid({ start: 0, end: 1, rate: 0 }), [2, 2, 2, 2])).toEqual([0, 0.25, 0.5, 0.75]);
    expect(course(taid({ start: 0, end: 1, linear: true }), [8, 1, 8, 1])).toEqual([0, 0.25, 0.5, 0.75]);
  });

  it('follows the divergence where it is told to, and what is no number not at all', () => {
    const following = { start: 0, rate: 0.3, momentum: 0.5 };
    const work = startLoss(taid({ ...following, follows: 'divergence' }), { totalSteps: 10 });
    const other = startLoss(taid(following), { totalSteps: 10 });
    for (const [step, divergence, crossEntropy] of [
      [1, 3, 9],
      [2, 1, 9],
      [3, 1, 1],
    ] as const) {
      work.observe({ step, divergence, crossEntropy });
      other.observe({ step, divergence: crossEntropy, crossEntropy: divergence });
    }
    expect(work.toState()).toEqual(other.toState());
    const before = work.toState() as { momentum: number };
    work.observe({ step: 4, divergence: Number.NaN, crossEntropy: 1 });
    expect(work.toState()).toMatchObject({ momentum: before.momentum, previous: 1 });
  });

  it('refuses a state of another loss', () => {
    expect(() => startLoss(taid(), { totalSteps: 3, snapshot: { raises: 1 } })).toThrow(CheckpointError);
    expect(() => startLoss(taid(), { totalSteps: 3, snapshot: { raises: 1 } })).toThrow(
      'taid: the stored state is {"raises":1}, expected one with t, momentum, previous.',
    );
    expect(startLoss(forwardKL(), { totalSteps: 3 }).toState()).toBe(undefined);
  });
});

it('a term of a loss that changes takes the divergence of each step, whatever its form', () => {
  const taken: DivergenceSpec[] = [];
  const teacher: TeacherSignal = {
    vocabSize,
    divergenceOf(_, spec) {
      taken.push(spec);
      return ({ logits }) => logits;
    },
  };
  const [begins, goesOn] = [0.1, 0.4].map((weight): DivergenceSpec => ({ kind: 'skewKL', weight, temperature: 1 }));
  const batch = {} as TermBatch;
  divergence(teacher, begins!, 1, { changes: true }).rowLoss(batch, 1, { divergence: goesOn! });
  divergence(teacher, begins!, 1, { changes: true }).rowLoss(batch, 1, {});
  divergence(teacher, begins!, 1).rowLoss(batch, 1, { divergence: goesOn! });
  expect(taken).toEqual([goesOn, begins, begins]);
});

describe('runs on WASM', () => {
  let device: Device;
  let teacher: LanguageModel;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
    teacher = await tinyModel(device, { seed: 2, trainable: false });
  });
  afterAll(() => device.dispose());

  const run = (student: LanguageModel, extra: Partial<DistillOptions> = {}) =>
    distill({
      ...{ data, tokenizer, teacher, student, batchSize: 5, steps: 12, sgo: offPolicy() },
      loss: taid({ start: 0.1, rate: 0.2, momentum: 0.5 }),
      optimizer: { lr: 1e-2 },
      validation: { every: 4 },
      ...extra,
    });

  it('tell how far the target is, and follow the cross-entropy to it', async () => {
    const steps = stepsOf(await collect(run(await tinyModel(device))));
    const ts = steps.map(({ measures }) => measures?.t as number);
    expect(ts[0]).toBe(0.1);
    expect(ts.every((t, i) => i === 0 || t > ts[i - 1]!)).toBe(true);
    const crossEntropies = steps.map(({ measures }) => measures?.crossEntropy as number);
    steps.forEach(({ loss }, i) => {
      // The entropy of a target of 12 letters is between them.
      expect(crossEntropies[i]! - loss).toBeGreaterThan(0);
      expect(crossEntropies[i]! - loss).toBeLessThan(Math.log(12) + 1e-5);
    });
    expect(course(taid({ start: 0.1, rate: 0.2, momentum: 0.5 }), crossEntropies)).toEqual(ts);
  });

  it('at t = 1 throughout are runs of forward KL', async () => {
    const [first, second] = [await tinyModel(device), await tinyModel(device)];
    // 0.999: the start is below 1.
    const steps = stepsOf(await collect(run(first, { loss: taid({ start: 0.9999999, linear: true }) })));
    const plain = stepsOf(await collect(run(second, { loss: forwardKL() })));
    steps.forEach(({ loss }, i) => {
      expect(loss).toBeCloseTo(plain[i]!.loss, 4);
    });
  });

  it('that are stopped and resumed have the bits of runs that are not', async () => {
    const whole = await tinyModel(device);
    const events = await collect(run(whole));
    const store = memoryStore({}, { name: 'runs/taid' });
    const cut = await tinyModel(device);
    for await (const event of run(cut, { checkpoint: store })) if (event.type === 'step' && event.step === 9) break;
    const resumed = await tinyModel(device, { seed: 9 });
    const rest = await collect(run(resumed, { checkpoint: store, resume: true }));
    const numbers = (of: typeof events) =>
      stepsOf(of)
        .slice(-4)
        .map(({ step, loss, gradNorm, measures }) => ({ step, loss, gradNorm, measures }));
    expect(numbers(rest)).toEqual(numbers(events));
    expect(await weightsOf(resumed)).toEqual(await weightsOf(whole));
  });

  it('do not go on from a state whose target is forged', async () => {
    const store = memoryStore({}, { name: 'runs/taid' });
    await collect(run(await tinyModel(device), { checkpoint: store, steps: 4 }));
    await forgeState(store.folder('state-000004'), { progress: { loss: { t: 0.5 } } });
    const again = run(await tinyModel(device), { checkpoint: store, resume: true, steps: 4 });
    await expect(collect(again)).rejects.toThrow(/expected one with t, momentum, previous/);
  });
});
