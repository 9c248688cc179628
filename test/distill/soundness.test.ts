/** Runs that break: numbers that are not finite, and losses that leave their range, put there on purpose. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import {
  type EndEvent,
  type FineTuneOptions,
  fineTune,
  type StartEvent,
  type StepEvent,
  type TrainingEvent,
} from '../../src/distill/trainer/index.js';
import { afterSaving, afterStep, afterValidation, type Soundness } from '../../src/distill/trainer/soundness.js';
import { TrainingError } from '../../src/errors.js';
import { type MemoryStore, memoryStore } from '../../src/io/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import { stepsOf, succession, tinyModel, tinyTokenizer, validationsOf, weightsOf } from './fixtures.js';

const data = { train: succession(2), validation: succession(2) };
let device: Device;
beforeAll(async () => {
  device = await openWasm({ threads: 1 });
});
afterAll(() => device.dispose());

type Extra = Partial<Omit<FineTuneOptions, 'model'>>;
/** Runs, and calls `meddle` at each event. What the run throws is its last word. */
async function runWith(
  student: LanguageModel,
  extra: Extra,
  meddle: (event: TrainingEvent) => void | Promise<void>,
): Promise<{ events: TrainingEvent[]; error: unknown }> {
  const events: TrainingEvent[] = [];
  const settings = { data, batchSize: 5, steps: 12, optimizer: { lr: 1e-2 }, validation: { every: 4 } };
  try {
    for await (const event of fineTune({ model: student, ...settings, ...extra })) {
      events.push(event);
      await meddle(event);
    }
  } catch (error) {
    return { events, error };
  }
  return { events, error: undefined };
}

const parameter = (student: LanguageModel) => student.parameters.get('transformer.wte.weight')!;
/** The next step finds this in a gradient. */
const poison = (student: LanguageModel, value: number) => {
  const { grad } = parameter(student);
  device.write(grad!.storage, Float32Array.of(value), 8);
};
const multiply = async (student: LanguageModel, factor: number) => {
  const weights = parameter(student);
  weights.set(((await weights.read()) as Float32Array).map((value) => value * factor));
};
const stepAt = (event: TrainingEvent, step: number) => event.type === 'step' && event.step === step;

describe('a step whose numbers are not finite', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'is skipped, counted and reported: a gradient of %d',
    async (value) => {
      const student = await tinyModel(device);
      const weights: number[][] = [];
      const { events, error } = await runWith(student, { validation: { every: 6 } }, async (event) => {
        if (stepAt(event, 3)) poison(student, value);
        if (event.type === 'step') weights.push(await weightsOf(student));
      });
      expect(error).toBeUndefined();
      expect(stepsOf(events).map(({ skipped }) => skipped)).toEqual(Array.from({ length: 12 }, (_, i) => i === 3));
      expect(Number.isFinite(stepsOf(events)[3]!.gradNorm)).toBe(false);
      expect(weights[3]).toEqual(weights[2]);
      expect(weights[4]).not.toEqual(weights[3]);
      expect(weights.flat().every(Number.isFinite)).toBe(true);
      const end = events.at(-1) as EndEvent;
      expect(end).toMatchObject({ type: 'end', reason: 'finished', skippedSteps: 1 });
      expect(end.remarks[0]).toMatch(/^1 of 12 steps was skipped, as the loss or a gradient was not finite\. Lower/);
      student.dispose();
    },
  );

  it('is counted over a resume, and leaves the optimizer as if it had not been', async () => {
    const store = memoryStore();
    const student = await tinyModel(device);
    await runWith(student, { checkpoint: store, steps: 8 }, (event) => {
      if (stepAt(event, 2)) poison(student, Number.NaN);
    });
    const again = await tinyModel(device, { seed: 5 });
    const { events } = await runWith(again, { checkpoint: store, steps: 12, resume: true }, () => {});
    expect(events[0]).toMatchObject({ type: 'start', step: 8 });
    expect(events.at(-1)).toMatchObject({ type: 'end', skippedSteps: 1 });
    const saved = JSON.parse(
      new TextDecoder()
        .decode(store.files.get('state-000008/trainer-state.safetensors')!)
        .match(/"state":("(?:[^"\\]|\\.)*")/)![1]!,
    );
    const { steps } = JSON.parse(saved);
    expect(new Set(Object.values(steps))).toEqual(new Set([7]));
    for (const model of [student, again]) model.dispose();
  });

  it('ends the run when five come in a row; the state from before is the one to go back to', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    const student = await tinyModel(device);
    const { events, error } = await runWith(student, { checkpoint: store }, (event) => {
      if (event.type === 'step' && event.step >= 5) poison(student, Number.NaN);
    });
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as Error).message).toMatch(
      /^step 10 of 12: the loss is [\d.]+, the gradient norm NaN, for 5 steps in a row\. The last good checkpoint is runs\/a\/state-000004 \(step 4\): resume from it; the model in memory is as it was before them\. Try a lower learning rate/,
    );
    expect(
      stepsOf(events)
        .filter(({ skipped }) => skipped)
        .map(({ step }) => step),
    ).toEqual([6, 7, 8, 9, 10]);
    // Nothing is stored in the middle of it.
    expect(await statesOf(store)).toEqual(['state-000004']);
    student.dispose();
  });

  it('that is the last one is no good end', async () => {
    const student = await tinyModel(device);
    const { error } = await runWith(student, { steps: 8 }, (event) => {
      if (stepAt(event, 7)) poison(student, Number.NaN);
    });
    expect((error as Error).message).toMatch(
      /^step 8 of 8: the last step was skipped, as the loss or the gradients were not finite\. .*; the model in memory is as it was before them\./,
    );
    student.dispose();
  });

  it('is followed by no best validation, of which there would be no state', async () => {
    const student = await tinyModel(device);
    const store = memoryStore({}, { name: 'runs/a' });
    const { events, error } = await runWith(student, { checkpoint: store, steps: 8 }, (event) => {
      if (stepAt(event, 3)) poison(student, Number.NaN);
    });
    expect(error).toBeUndefined();
    expect(validationsOf(events).map(({ step, best }) => [step, best])).toEqual([
      [0, false],
      [4, false],
      [8, true],
    ]);
    expect(await statesOf(store)).toEqual(['state-000008']);
    student.dispose();
  });

  it('four in a row are skipped', async () => {
    const student = await tinyModel(device);
    const { error, events } = await runWith(student, {}, (event) => {
      if (event.type === 'step' && event.step >= 5 && event.step < 9) poison(student, Number.NaN);
    });
    expect(error).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ type: 'end', skippedSteps: 4 });
    student.dispose();
  });
});

const statesOf = async (store: MemoryStore) =>
  (await store.list()).folders.filter((name) => name.startsWith('state-')).sort();

describe('a validation loss that leaves its range', () => {
  /** The weights are spoilt after step 9: validations from 12 on are out of range, and finite. */
  async function strayed(extra: Extra = {}) {
    const store = memoryStore({}, { name: 'runs/a' });
    const student = await tinyModel(device);
    const settings = { checkpoint: store, steps: 24, optimizer: { lr: 1e-3 }, ...extra };
    const result = await runWith(student, settings, async (event) => {
      if (stepAt(event, 9)) await multiply(student, 1e4);
    });
    student.dispose();
    return { store, settings, ...result };
  }

  it('leaves a state from before it, which is said, and from which the run goes on', async () => {
    const { store, settings, events } = await strayed();
    const losses = validationsOf(events).map(({ step, loss }) => [step, loss! > 1000]);
    expect(losses).toEqual([0, 4, 8, 12, 16, 20, 24].map((step) => [step, step >= 12]));
    expect(await statesOf(store)).toEqual(['state-000008', 'state-000020', 'state-000024']);
    const end = events.at(-1) as EndEvent;
    expect(end.remarks.at(-1)).toMatch(
      /^The validation loss has been far above that of a blind guess since step 12: .* from before that is of step 8\./,
    );
    const student = await tinyModel(device, { seed: 5 });
    const again = await runWith(student, { ...settings, resume: true }, () => {});
    expect(again.error).toBeUndefined();
    expect(again.events[0]).toMatchObject({ type: 'start', step: 8 });
    expect((again.events[0] as StartEvent).remarks[0]).toMatch(
      /^The run goes on from runs\/a\/state-000008, not from the newest state\. .*state-000024: the validation loss had left its range at step 12\./,
    );
    // What came after it has been given up, and it is old by now.
    expect(await statesOf(store)).toEqual(['state-000020', 'state-000024']);
    expect(validationsOf(again.events).every(({ loss }) => loss! < 10)).toBe(true);
    student.dispose();
  });

  it('is named where the run breaks, with the state from before', async () => {
    const student = await tinyModel(device);
    const store = memoryStore({}, { name: 'runs/a' });
    const { error } = await runWith(student, { checkpoint: store, steps: 24 }, async (event) => {
      if (stepAt(event, 9)) await multiply(student, 1e4);
      if (event.type === 'step' && event.step >= 14) poison(student, Number.NaN);
    });
    expect((error as Error).message).toMatch(
      /^step 19 of 24: .*The last good checkpoint is runs\/a\/state-000008 \(step 8\), from before the validation loss left its range at step 12: resume from it/,
    );
    student.dispose();
  });

  it('before the first state leaves none that is good, which is said', async () => {
    const student = await tinyModel(device);
    const store = memoryStore({}, { name: 'runs/a' });
    const { error } = await runWith(student, { checkpoint: store, steps: 24 }, async (event) => {
      if (stepAt(event, 1)) await multiply(student, 1e4);
      if (event.type === 'step' && event.step >= 9) poison(student, Number.NaN);
    });
    expect(await statesOf(store)).not.toEqual([]);
    expect((error as Error).message).toMatch(
      /^step 14 of 24: .* No checkpoint in runs\/a is good: the validation loss has been out of its range since step 4;/,
    );
    student.dispose();
  });

  it('says which state was validated last where a later one was not', async () => {
    const student = await tinyModel(device);
    const store = memoryStore({}, { name: 'runs/a' });
    const { error } = await runWith(student, { checkpoint: store, saveEvery: 3 }, (event) => {
      if (event.type === 'step' && event.step >= 6) poison(student, Number.NaN);
    });
    expect((error as Error).message).toMatch(
      /good checkpoint is runs\/a\/state-000006 \(step 6\): resume from it \(the last that was validated is state-000004: remove those after it/,
    );
    student.dispose();
  });

  it('ends the run, with its step, where the weights give no answers', async () => {
    const student = await tinyModel(device);
    const store = memoryStore({}, { name: 'runs/a' });
    const scored = { tokenizer: tinyTokenizer(), maxNewTokens: 3, validation: { every: 4, rougeL: { samples: 2 } } };
    const { error } = await runWith(student, { checkpoint: store, ...scored }, async (event) => {
      if (stepAt(event, 8)) await multiply(student, Number.NaN);
    });
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as Error).message).toMatch(
      /^step 8 of 12: sample: row 0 of the logits .*The last good checkpoint is runs\/a\/state-000004 \(step 4\).*Try a lower/,
    );
    student.dispose();
  });
});

describe('soundness', () => {
  const fresh: Soundness = { skipped: 0, inARow: 0 };
  const step = (skipped: boolean) => ({ skipped }) as StepEvent;

  it('counts skipped steps, in all and in a row', () => {
    const counts = [true, true, false, true].reduce((sound, skipped) => afterStep(sound, step(skipped)), fresh);
    expect(counts).toEqual({ skipped: 3, inARow: 1 });
  });

  it.each([
    [5, undefined, false],
    [5 * Math.log(100) + 0.1, undefined, true],
    [5 * Math.log(100) + 0.1, 6, false],
    [30.1, 6, true],
    [1e8, 6, true],
    [Number.POSITIVE_INFINITY, undefined, true],
    [Number.NaN, undefined, true],
  ])('of a loss of %d after one of %d at first, in a vocabulary of 100: strayed %s', (loss, first, strays) => {
    const initial = first === undefined ? undefined : { step: 0, loss: first };
    const { strayedAt } = afterValidation(fresh, { step: 7, loss }, { initial, vocabSize: 100 });
    expect(strayedAt).toBe(strays ? 7 : undefined);
  });

  it('is found again when the loss comes back, and remembers since when it was lost', () => {
    const of = { initial: undefined, vocabSize: 100 };
    const lost = afterValidation(fresh, { step: 4, loss: 99 }, of);
    expect(afterValidation(lost, { step: 8, loss: 98 }, of).strayedAt).toBe(4);
    expect(afterValidation(lost, { step: 8, loss: 3 }, of).strayedAt).toBeUndefined();
    expect(afterValidation(fresh, { step: 4 }, of).strayedAt).toBeUndefined();
    expect(afterSaving(fresh, 4, true)).toMatchObject({ good: 4, shown: 4 });
    expect(afterSaving({ ...fresh, good: 4, shown: 4 }, 6, false)).toMatchObject({ good: 6, shown: 4 });
    expect(afterSaving({ ...lost, good: 2 }, 4, true)).toMatchObject({ good: 2, strayedAt: 4 });
  });
});
