import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { forwardKL, skewKL, skewReverseKL } from '../../src/distill/losses/index.js';
import { type DistillSettings, distillOptions, flattened, type RunSettings } from '../../src/distill/settings.js';
import { adaptiveOffPolicy, dataOnly } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill, fineTune, type TrainingData } from '../../src/distill/trainer/index.js';
import { CheckpointError, CompatibilityError } from '../../src/errors.js';
import { type MemoryStore, memoryStore } from '../../src/io/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import { leavesOf } from '../../src/settings/index.js';
import { arithmetics } from '../harness/arithmetics.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, weightsOf } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data: TrainingData = { train: succession(2), validation: succession(3), text: succession(4) };
const options = {
  loss: skewKL(),
  studentLoss: skewReverseKL(),
  sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 9, lossEps: 0 }),
  optimizer: { lr: 1e-2 },
  batchSize: 3,
  epochs: 2,
  lmCoef: 0.5,
  kdRatio: 0.75,
  maxNewTokens: 4,
  validation: { rougeL: { samples: 2 } },
} satisfies Partial<DistillOptions>;

let device: Device;
let teacher: LanguageModel;
beforeAll(async () => {
  device = await openWasm({ threads: 1 });
  teacher = await tinyModel(device, { seed: 2, trainable: false });
});
afterAll(() => device.dispose());

const newStudent = () => tinyModel(device, { embd_pdrop: 0.1 });

describe('RunSettings', () => {
  it('give the same run, bit for bit, through structuredClone and through JSON', async () => {
    const run = async (given: typeof options | DistillSettings) => {
      const student = await newStudent();
      const started = distill({ teacher, student, tokenizer, data, ...given });
      const events = await collect(started);
      const weights = await weightsOf(student);
      student.dispose();
      const facts = stepsOf(events).map(({ source, loss, gradNorm, lr, phi }) => [source, loss, gradNorm, lr, phi]);
      return { settings: started.settings, facts, weights };
    };
    const first = await run(options);
    expect(first.facts.length).toBe(6);
    expect(new Set(first.facts.map(([source]) => source)).size).toBeGreaterThan(1);
    for (const copy of [structuredClone(first.settings), JSON.parse(JSON.stringify(first.settings))]) {
      expect(await run(copy)).toEqual(first);
    }
  });

  it('have every option with its default', async () => {
    const student = await newStudent();
    const { settings } = distill({ teacher, student, tokenizer, data, ...options });
    const names = [...flattened(settings).keys()];
    for (const { path } of leavesOf(distillOptions)) {
      const name = path.join('.');
      // The length of a run is its steps.
      // What a run has by its method only is not there without it.
      if (name === 'epochs' || name === 'objective') expect(names).not.toContain(name);
      else
        expect(
          names.some((each) => each === name || each.startsWith(`${name}.`)),
          name,
        ).toBe(true);
    }
    expect(settings).toMatchObject({ steps: 6, validation: { every: 3 }, seed: 10, schedule: 'cosine' });
    const tuned = fineTune({ model: student, data, steps: 1 }).settings;
    expect(distill({ teacher, student, data, loss: skewKL(), steps: 1 }).settings).toMatchObject({
      ...{ batchSize: 8, kdRatio: 1, lmCoef: 1, warmupSteps: 0, loss: { kind: 'skewKL', alpha: 0.1, temperature: 1 } },
      optimizer: { lr: 5e-4, betas: [0.9, 0.999], weightDecay: 0.01, clipGradNorm: 1 },
      generation: { temperature: 1, topK: 0, topP: 1 },
      sgo: { kind: 'dataOnly' },
    });
    expect(adaptiveOffPolicy()).toMatchObject({
      capacity: 1000,
      initThreshold: 0,
      lossEps: 0.1,
      schedule: 'decreasing',
    });
    expect([...flattened(tuned).keys()]).toEqual(names.filter((name) => name in Object.fromEntries(flattened(tuned))));
    student.dispose();
  });

  it('refuse other data than those that they were made for', async () => {
    const student = await newStudent();
    const { settings } = distill({ teacher, student, tokenizer, data, ...options });
    const other = { ...data, validation: succession(3).reverse() };
    const again = () => distill({ teacher, student, tokenizer, ...settings, data: other });
    expect(again).toThrow(CompatibilityError);
    expect(again).toThrow(/data.validation has the digest [0-9a-f]{64}, dataDigest.validation is [0-9a-f]{64}/);
    student.dispose();
  });
});

describe('a resume', () => {
  let began: RunSettings;
  let files: MemoryStore['files'];
  const resumed = async (extra: Partial<DistillOptions> | RunSettings) => {
    const student = await newStudent();
    const checkpoint = memoryStore(Object.fromEntries(files));
    const all = { teacher, student, tokenizer, data, ...began, dataDigest: {}, checkpoint, resume: true, ...extra };
    return collect(distill(all as DistillOptions)).finally(() => student.dispose());
  };
  beforeAll(async () => {
    const student = await newStudent();
    const checkpoint = memoryStore();
    const run = distill({ teacher, student, tokenizer, data, ...options, checkpoint });
    for await (const event of run) if (event.type === 'checkpoint' && event.kind === 'last') break;
    began = run.settings;
    files = checkpoint.files;
    student.dispose();
  });

  it('goes on with the same settings, with another learning rate, and with less memory', async () => {
    expect((await resumed({}))[0]).toMatchObject({ type: 'start', step: 3 });
    const optimizer = { ...began.optimizer, lr: 1e-3 };
    expect((await resumed({ optimizer }))[0]).toMatchObject({ type: 'start', step: 3 });
    expect((await resumed({ gradientCheckpointing: true }))[0]).toMatchObject({ type: 'start', step: 3 });
    expect((await resumed({ saveEvery: 2, keep: 5 }))[0]).toMatchObject({ type: 'start', step: 3 });
  });
  /** The learning rate, so that a run that diverged can go on; and what changes no number. */
  const free = [
    'optimizer.lr',
    'gradientCheckpointing',
    'compareEvery',
    'onDeviceLoss',
    'saveEvery',
    'keep',
    'waitForRoom',
  ];

  /** Settings of which `name` alone has another value, one that the schema takes. */
  function withAnother(name: string, value: unknown): { settings: object; is: unknown } {
    const candidates =
      typeof value === 'number'
        ? [value + 1, value / 2, value + 0.1, 0.9 * value]
        : typeof value === 'boolean'
          ? [!value]
          : Array.isArray(value)
            ? [value.map((each) => each / 2)]
            : ['constant', 'official', 'loss', 'teacher'];
    for (const is of candidates) {
      if (is === value) continue;
      const settings = structuredClone(began) as unknown as Record<string, unknown>;
      const path = name.split('.');
      const last = path.pop() as string;
      const inside = path.reduce((group, key) => group[key] as Record<string, unknown>, settings);
      inside[last] = is;
      if (distillOptions.safeParse(settings).success) return { settings, is };
    }
    throw new Error(`no other value of ${name} was found`);
  }

  const inWords = (value: unknown) => (Array.isArray(value) ? JSON.stringify(value) : `${value}`);

  it('is refused with any other setting, by name, with both values', async () => {
    const refused: string[] = [];
    for (const [name, was] of flattened(began)) {
      if (free.includes(name) || name.startsWith('dataDigest.') || name.endsWith('.kind') || name === 'arithmetic')
        continue;
      const { settings, is } = withAnother(name, was);
      const error = await resumed({ ...(settings as RunSettings), dataDigest: {} as never }).catch((caught) => caught);
      expect(error, name).toBeInstanceOf(CheckpointError);
      expect(error.message).toContain(
        `other settings: ${name} was ${inWords(was)} and is ${inWords(is)}. Resume with the same`,
      );
      refused.push(name);
    }
    expect(refused.length).toBeGreaterThan(25);
  });

  it('is refused with another kind of loss or policy', async () => {
    await expect(resumed({ loss: forwardKL() })).rejects.toThrow(
      /loss.alpha was 0.1 and is absent; loss.kind was skewKL and is forwardKL\./,
    );
    await expect(resumed({ sgo: dataOnly(), studentLoss: undefined } as never)).rejects.toThrow(
      /sgo.guard.cap was 1 and is absent; .*sgo.kind was adaptiveOffPolicy and is dataOnly\./,
    );
  });

  it.each(['train', 'validation', 'text'] as const)('is refused with other %s data of the same length', async (set) => {
    const [first, ...rest] = data[set]!;
    const changed = { ...first!, ids: first!.ids.with(0, 5) };
    const other = { ...data, [set]: [changed, ...rest] };
    await expect(resumed({ data: other })).rejects.toThrow(
      new RegExp(`other settings: the digest of data.${set} was [0-9a-f]{64} and is [0-9a-f]{64}\\.`),
    );
  });

  describe.skipIf(arithmetics.length === 1)('on a device of another arithmetic', () => {
    const onPlain = async (given: { arithmetic?: RunSettings['arithmetic'] }) => {
      const plain = await openWasm({ threads: 1, arithmetic: 'plain' });
      const { arithmetic: _, ...settings } = began;
      const checkpoint = memoryStore(Object.fromEntries(files));
      const models = {
        teacher: await tinyModel(plain, { seed: 2, trainable: false }),
        student: await tinyModel(plain, { embd_pdrop: 0.1 }),
      };
      const all = { tokenizer, data, ...settings, ...models, checkpoint, resume: true, ...given };
      try {
        return await collect(distill(all as DistillOptions));
      } finally {
        await plain.dispose();
      }
    };

    it('is refused, and goes on where that is given', async () => {
      expect(began.arithmetic).toBe('fused');
      await expect(onPlain({})).rejects.toThrow(
        /settings: arithmetic was fused and is plain\. Resume with the same, or give arithmetic 'plain' to go on with it/,
      );
      const events = await onPlain({ arithmetic: 'plain' });
      expect(events[0]).toMatchObject({ type: 'start', step: 3 });
      expect(events.at(-1)).toMatchObject({ type: 'end', step: 6 });
    });

    it('is refused with the settings of another arithmetic, like a new run', async () => {
      const refused = await onPlain({ arithmetic: 'fused' }).catch((error) => error);
      expect(refused).toBeInstanceOf(CompatibilityError);
      expect(refused.message).toMatch(
        /^training: arithmetic is fused, that of the device is plain \(WASM .*\)\. Open the device that the settings were/,
      );
    });
  });

  it('is refused with other references to score against', async () => {
    const validation = data.validation!.map((sample) => ({ ...sample, references: ['b'] }));
    await expect(resumed({ data: { ...data, validation } })).rejects.toThrow(/the digest of data.validation was/);
  });
});
