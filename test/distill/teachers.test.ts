/** Several teachers, of which each sample names its own: what a step learns from whom, in runs, answers, states and plans. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import type { Sample } from '../../src/data/batch.js';
import { forwardKL } from '../../src/distill/losses/index.js';
import { type MethodSettings, methods } from '../../src/distill/methods/index.js';
import { offPolicy } from '../../src/distill/sgo/index.js';
import { cacheTeacher } from '../../src/distill/teacherCache/index.js';
import { byTeacher } from '../../src/distill/teachers.js';
import { type DistillOptions, distill, fineTune } from '../../src/distill/trainer/index.js';
import { generate } from '../../src/generation/index.js';
import { memoryStore } from '../../src/io/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import { randomSeed } from '../../src/random.js';
import { openReference } from '../harness/referenceBackend.js';
import {
  collect,
  numbersOf,
  stepsOf,
  succession,
  tinyModel,
  tinyT5,
  tinyTokenizer,
  vocabSize,
  weightsOf,
} from './fixtures.js';

const tokenizer = tinyTokenizer();
const kinds: Record<string, (device: Device, seed: number, trainable: boolean) => Promise<LanguageModel>> = {
  decoder: (device, seed, trainable) => tinyModel(device, { seed, trainable }),
  'encoder-decoder': (device, seed, trainable) => tinyT5(device, { seed, trainable, initializer_factor: 3 }),
};

/** The first teacher's samples are the first, third, fourth ... */
const nameOf = (index: number) => (index % 3 === 1 ? 'b' : 'a');
const plain = succession(2);
const named = plain.map((sample, index): Sample => ({ ...sample, teacher: nameOf(index) }));
const common = {
  ...{ tokenizer, optimizer: { lr: 1e-2 }, batchSize: 4, maxNewTokens: 4, steps: 6, seed: 1 },
  schedule: 'constant',
} as const;
const validation = succession(3);
const ofAll = { train: plain, validation };
const ofTwo = { train: named, validation };

const presets: Readonly<Record<string, () => MethodSettings>> = {
  ...Object.fromEntries(Object.entries(methods).filter(([, { hasTeacher }]) => hasTeacher)),
  'distillm2 with its curriculum': () => methods.distillm2({ curriculum: true }),
  'minillm off-policy': () => ({ ...methods.minillm({ updates: 2 }), sgo: offPolicy({ share: 1, capacity: 10 }) }),
  'kd off-policy': () => ({ ...methods.kd(), sgo: offPolicy({ share: 0.8, capacity: 11, schedule: 'constant' }) }),
};

describe.each(Object.keys(kinds))('of a %s', (kind) => {
  let device: Device;
  const make = kinds[kind]!;
  let a: LanguageModel;
  let b: LanguageModel;
  let likeA: LanguageModel;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
    [a, b, likeA] = [await make(device, 2, false), await make(device, 3, false), await make(device, 2, false)];
  });
  afterAll(() => device.dispose());

  const run = async (options: Partial<DistillOptions>, studentSeed = 7) => {
    using student = await make(device, studentSeed, true);
    const events = await collect(distill({ ...common, ...options, student } as DistillOptions));
    return { events, steps: stepsOf(events), weights: await weightsOf(student) };
  };

  it.each(Object.keys(presets))('%s has with one teacher by name the bits that it has without', async (name) => {
    const alone = await run({ ...presets[name]!(), teacher: a, data: ofAll });
    const data = { train: plain.map((sample) => ({ ...sample, teacher: 'math' })), validation };
    const byName = await run({ ...presets[name]!(), teachers: { math: a }, data });
    expect(numbersOf(byName.events)).toEqual(numbersOf(alone.events));
    expect(byName.weights).toEqual(alone.weights);
  });

  it.each(Object.keys(presets))(
    '%s learns the same from two equal teachers, and other things from two others',
    async (name) => {
      const settings = { ...presets[name]!(), batchSize: 10, steps: 2 };
      const alone = await run({ ...settings, teacher: a, data: ofAll });
      const equal = await run({ ...settings, teachers: { a, b: likeA }, data: ofTwo });
      const others = await run({ ...settings, teachers: { a, b }, data: ofTwo });
      expect(numbersOf(equal.events).sources).toEqual(numbersOf(alone.events).sources);
      alone.steps.forEach(({ loss, gradNorm }, i) => {
        expect(equal.steps[i]!.loss).toBeCloseTo(loss, 4);
        expect(equal.steps[i]!.gradNorm / gradNorm).toBeCloseTo(1, 3);
      });
      expect(others.weights).not.toEqual(equal.weights);
    },
  );

  it.each(Object.keys(presets))('%s goes on with the same bits where it was stopped', async (name) => {
    const settings = { ...presets[name]!(), teachers: { a, b }, data: ofTwo };
    const whole = await run(settings);
    const checkpoint = memoryStore();
    const stop = new AbortController();
    {
      using student = await make(device, 7, true);
      const options = { ...common, ...settings, student, checkpoint, signal: stop.signal } as DistillOptions;
      for await (const event of distill(options)) if (event.type === 'step' && event.step === 3) stop.abort();
    }
    // The order in which they are given does not matter.
    const { steps, weights } = await run({ ...settings, teachers: { b, a }, checkpoint, resume: true }, 9);
    expect(steps.map(({ step }) => step)).toEqual([4, 5, 6]);
    expect(weights).toEqual(whole.weights);
  });

  it('has each prompt answered by its own teacher', async () => {
    const checkpoint = memoryStore();
    await run({ ...methods.seqkd(), teachers: { a, b }, data: ofTwo, steps: 1, checkpoint });
    const file = checkpoint.files.get('teacher-answers/part-000000.json');
    const { answers } = JSON.parse(new TextDecoder().decode(file)) as { answers: number[][] };
    expect(answers).toHaveLength(10);
    for (const [index, { ids, promptLength }] of named.entries()) {
      const seeds = [randomSeed(1, 'teacherAnswers', index)];
      const how = { maxNewTokens: 4, eosTokenId: tokenizer.eosTokenIds, vocabSize, seeds };
      const [answer] = await generate(nameOf(index) === 'a' ? a : b, [ids.subarray(0, promptLength)], how);
      expect(answers[index]).toEqual([...answer!]);
    }
    const byOne = await run({ ...methods.seqkd(), teacher: a, data: ofAll, steps: 1 });
    expect(byOne.steps[0]!.lossTokens).toBeGreaterThan(0);
  });

  it('plans for the weights of all, and says how long it takes', async () => {
    using student = await make(device, 7, true);
    const options = { ...common, ...methods.minillm(), student } as DistillOptions;
    const one = await distill({ ...options, teacher: a, data: ofAll }).memory();
    const two = distill({ ...options, teachers: { a, b }, data: ofTwo });
    const { teacher, total, other, fits } = await two.memory();
    expect([teacher, fits]).toEqual([2 * one.teacher, true]);
    // What is on the device and not of the run is something else.
    expect(total - other).toBeGreaterThanOrEqual(one.total - one.other + one.teacher);
    // A model that teaches under two names is there once.
    const twice = await distill({ ...options, teachers: { a, b: a }, data: ofTwo }).memory();
    expect(twice.teacher).toBe(one.teacher);
    const { objective: _, ...plainly } = options;
    const seqkd = { ...plainly, ...methods.seqkd(), generation: {} };
    const { time } = await distill({ ...seqkd, teachers: { a, b }, data: ofTwo } as DistillOptions).estimate();
    expect(time!.answers).toBeGreaterThan(0);
  });
});

describe('a step', () => {
  it('has the mean over the tokens of all samples, each compared with its own teacher', async () => {
    const device = openReference();
    const [a, b] = [await tinyModel(device, { seed: 2, trainable: false }), await tinyModel(device, { seed: 3 })];
    const step = async (options: Partial<DistillOptions>) => {
      const student = await tinyModel(device);
      const settings = { ...common, loss: forwardKL(), steps: 1, batchSize: 16, ...options, student } as DistillOptions;
      return stepsOf(await collect(distill(settings)))[0]!;
    };
    // Answers of different lengths, so that samples count as much as they have tokens.
    const train = [...succession(2), ...succession(3)].slice(4, 16);
    const routed = train.map((sample, index): Sample => ({ ...sample, teacher: nameOf(index) }));
    const [ofA, ofB] = ['a', 'b'].map((name) => train.filter((_, index) => nameOf(index) === name));
    const [first, second] = [
      await step({ teacher: a, data: { train: ofA! } }),
      await step({ teacher: b, data: { train: ofB! } }),
    ];
    const together = await step({ teachers: { a, b }, data: { train: routed } });
    const tokens = first.lossTokens + second.lossTokens;
    expect(together.lossTokens).toBe(tokens);
    expect(together.loss).toBeCloseTo((first.loss * first.lossTokens + second.loss * second.lossTokens) / tokens, 6);
    // In batches of two as well, whose last ones are not full.
    const small = await step({ teachers: { a, b }, data: { train: routed }, batchSize: 2, gradAccumulationSteps: 8 });
    expect(small.loss).toBeCloseTo(together.loss, 6);
    expect(small.gradNorm).toBeCloseTo(together.gradNorm, 5);
  });

  it('has batches of one teacher each, in the order of the samples', () => {
    expect(byTeacher(named.slice(0, 5))).toEqual([
      [0, 2, 3],
      [1, 4],
    ]);
    expect(byTeacher(plain.slice(0, 3))).toEqual([[0, 1, 2]]);
  });
});

describe('what cannot be', () => {
  let device: Device;
  let a: LanguageModel;
  let b: LanguageModel;
  let student: LanguageModel;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
    [a, b] = [
      await tinyModel(device, { seed: 2, trainable: false }),
      await tinyModel(device, { seed: 3, trainable: false }),
    ];
    student = await tinyModel(device);
  });
  afterAll(() => device.dispose());
  const asked = (options: Partial<DistillOptions>) => () =>
    distill({ ...common, ...methods.kd(), student, data: ofTwo, ...options } as DistillOptions);
  const without = (index: number, teacher?: string) => ({
    train: named.map((sample, at) => {
      const { teacher: _, ...rest } = sample;
      return at === index ? { ...rest, ...(teacher !== undefined && { teacher }) } : sample;
    }),
  });

  it('is refused by its name, before the run', () => {
    expect(asked({ teachers: { a, c: b } })).toThrow(
      /^data\.train\[1\]: its teacher is "b", expected one of "a", "c"\. Read the data with teachers/,
    );
    expect(asked({ teachers: { a, b }, data: without(3) })).toThrow(
      /^data\.train\[3\]: names no teacher, expected one of "a", "b"/,
    );
    expect(asked({ teacher: a })).toThrow(
      /^data\.train\[0\]: its teacher is "a", and the one that is given teaches all samples/,
    );
    expect(asked({ teacher: a, teachers: { a, b } })).toThrow(/^distill: teacher and teachers are both given/);
    expect(asked({ teachers: {} })).toThrow(
      /^distill: teachers is \{\}, expected an object of models by their names, at least one/,
    );
    expect(asked({ teachers: { a: 'x' } as never })).toThrow(/^distill: teachers is .*, expected an object of models/);
    expect(asked({ teachers: { a, b: student } })).toThrow(/^distill: the teacher 'b' and student share weights/);
    expect(asked({ teachers: { a, b }, teacherTokenizers: { c: tokenizer } })).toThrow(
      /^distill: teacherTokenizers\.c belongs to a teacher that is not given/,
    );
    const other = tinyTokenizer(['x', ...'bcdefghijk']);
    expect(asked({ teachers: { a, b }, teacherTokenizers: { b: other } })).toThrow(
      /^distill: the vocabulary of the teacher 'b' has 12 tokens, the student's 12; their tokenizers differ/,
    );
    const cache = { teacher: a, tokenizer, topK: 4, out: memoryStore() };
    expect(() => cacheTeacher({ ...cache, data: ofTwo })).toThrow(
      /^data\.train\[0\]: its teacher is "a", and the one that is given teaches all samples/,
    );
    expect(() => cacheTeacher({ ...cache, data: ofAll })).not.toThrow();
    // What a model is fine-tuned on may be what it is to be taught later.
    expect(() => fineTune({ ...common, model: student, data: ofTwo })).not.toThrow();
  });

  it('is refused where a run that goes on has other teachers', async () => {
    const checkpoint = memoryStore({}, { name: 'runs/a' });
    using learner = await tinyModel(device);
    const options = {
      ...common,
      ...methods.kd(),
      student: learner,
      data: ofTwo,
      checkpoint,
      steps: 2,
    } as DistillOptions;
    await collect(distill({ ...options, teachers: { a, b } }));
    const goesOn = (changed: Partial<DistillOptions>) => collect(distill({ ...options, resume: true, ...changed }));
    await expect(goesOn({ teachers: { a, b: a } })).rejects.toThrow(
      /the run began with other settings: the digest of the weights of the teacher 'b' was \w+ and is \w+\. Resume with the same/,
    );
    await expect(goesOn({ teachers: { a, b, c: a } })).rejects.toThrow(
      /the run began with other settings: the list of the teachers was \[a,b\] and is \[a,b,c\]\. Resume with the same/,
    );
    using wide = await tinyModel(device, { seed: 3, trainable: false, width: 16 });
    await expect(goesOn({ teachers: { a, b: wide } })).rejects.toThrow(/settings: teachers\.b\.n_embd was 8 and is 16/);
    await expect(goesOn({ teacher: a, data: ofAll })).rejects.toThrow(
      /settings: the digest of data\.train was \w+ and is \w+; the list of the teachers was \[a,b\] and is absent\. Resume/,
    );
  });
});
