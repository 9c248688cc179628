/** Methods are settings: what each comes to, and that the trainer does with them what the method's definition says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { forwardKL, jensenShannon, reverseKL, skewKL, skewReverseKL } from '../../src/distill/losses/index.js';
import { type MethodSettings, methods } from '../../src/distill/methods/index.js';
import { adaptiveOffPolicy, dataOnly, mixed, offPolicy, onPolicy, policies } from '../../src/distill/sgo/index.js';
import { curriculumAlpha, ownWeight } from '../../src/distill/terms/curriculum.js';
import { type DistillOptions, distill, fineTune } from '../../src/distill/trainer/index.js';
import { generate } from '../../src/generation/index.js';
import { memoryStore } from '../../src/io/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import { randomOrder, randomSeed, randomUniform } from '../../src/random.js';
import { openReference } from '../harness/referenceBackend.js';
import {
  collect,
  eos,
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
const data = { train: succession(2), validation: succession(3) };
const common = { data, tokenizer, optimizer: { lr: 1e-2 }, batchSize: 4, maxNewTokens: 4, steps: 8 };
const dropout = { embd_pdrop: 0.1, resid_pdrop: 0.1, attn_pdrop: 0.1 };

/** Teacher and student of each kind of model. */
const kinds: Record<string, (device: Device, seed: number, trainable: boolean) => Promise<LanguageModel>> = {
  decoder: (device, seed, trainable) => tinyModel(device, { seed, trainable, ...dropout }),
  'encoder-decoder': (device, seed, trainable) => tinyT5(device, { seed, trainable, dropout_rate: 0.1 }),
};
/** The settings of all methods that have a teacher, and of those that keep more from step to step than these do by default. */
const presets: Readonly<Record<string, () => MethodSettings>> = {
  ...Object.fromEntries(Object.entries(methods).filter(([, { hasTeacher }]) => hasTeacher)),
  'distillm2 with its curriculum': () => methods.distillm2({ curriculum: true }),
  'minillm off-policy': () => ({ ...methods.minillm({ updates: 2 }), sgo: offPolicy({ share: 1, capacity: 8 }) }),
  'seqkd with kdRatio 0.5': () => ({ ...methods.seqkd(), kdRatio: 0.5 }),
};

describe('the settings of a method', () => {
  it('are those that were published', () => {
    expect(methods.sft()).toEqual({});
    expect(methods.kd()).toEqual({ loss: forwardKL(), sgo: dataOnly(), kdRatio: 1 });
    expect(methods.imitkd()).toEqual({ loss: forwardKL(), sgo: onPolicy(), kdRatio: 1 });
    expect(methods.gkd()).toEqual({ loss: jensenShannon({ weight: 0.5 }), sgo: mixed({ share: 0.5 }), kdRatio: 1 });
    expect(methods.onPolicy()).toEqual({ loss: reverseKL(), sgo: onPolicy(), kdRatio: 1 });
    expect(methods.distillm()).toEqual({ loss: skewReverseKL(), sgo: adaptiveOffPolicy(), kdRatio: 1 });
  });

  it("have GKD's beta as the teacher's weight, with both KLs at its ends", () => {
    expect(methods.gkd({ beta: 0.1, lambda: 1 })).toMatchObject({ loss: { weight: 0.9 }, sgo: { share: 1 } });
    expect(methods.gkd({ beta: 0 }).loss).toEqual(forwardKL());
    expect(methods.gkd({ beta: 1 }).loss).toEqual(reverseKL());
  });

  it('take the options of the method only', () => {
    expect(() => methods.gkd({ beta: 2 })).toThrow(/^gkd: beta is 2, expected a number from 0 to 1\.$/);
    expect(() => methods.kd({ beta: 0.5 } as never)).toThrow(/^kd: there is no option beta/);
    expect(() => methods.gkd({ gamma: 0.5 } as never)).toThrow(/^gkd: there is no option gamma/);
  });

  it('name what the method is and where its defaults come from', () => {
    for (const [name, method] of Object.entries(methods)) {
      expect(method.kind).toBe(name);
      expect(method.summary, name).toMatch(/^[^A-Z].*[^.]$|^DistiLLM/);
      expect(method.source, name).toMatch(/arXiv:\d{4}\.\d{5}/);
    }
  });
});

describe.each(Object.keys(kinds))('of a %s', (kind) => {
  let device: Device;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
  });
  afterAll(() => device.dispose());

  // The same rate for all: some published ones are so small that nothing would be seen.
  const run = async (
    settings: MethodSettings,
    { seed = 1, ...extra }: Partial<DistillOptions> & { seed?: number } = {},
  ) => {
    using teacher = await kinds[kind]!(device, 2, false);
    using student = await kinds[kind]!(device, 7, true);
    const options = { ...settings, ...common, seed, ...extra, teacher, student } as DistillOptions;
    const events = await collect(distill(options));
    return { events, steps: stepsOf(events), weights: await weightsOf(student) };
  };

  it.each(Object.keys(presets))('%s is the same run twice, and another by another seed', async (name) => {
    const [first, again, other] = [
      await run(presets[name]!()),
      await run(presets[name]!()),
      await run(presets[name]!(), { seed: 2 }),
    ];
    expect(numbersOf(again.events)).toEqual(numbersOf(first.events));
    expect(again.weights).toEqual(first.weights);
    expect(other.weights).not.toEqual(first.weights);
    for (const { loss, gradNorm } of first.steps) expect([loss, gradNorm].every(Number.isFinite)).toBe(true);
  });

  it.each(Object.keys(presets))('%s goes on with the same bits where a run was stopped', async (name) => {
    const whole = await run(presets[name]!());
    const checkpoint = memoryStore();
    const stop = new AbortController();
    using teacher = await kinds[kind]!(device, 2, false);
    {
      using student = await kinds[kind]!(device, 7, true);
      const options = { ...presets[name]!(), ...common, seed: 1, checkpoint, teacher, student } as DistillOptions;
      for await (const event of distill({ ...options, signal: stop.signal })) {
        if (event.type === 'step' && event.step === 3) stop.abort();
      }
    }
    // Other weights: those of the checkpoint must take their place.
    using student = await kinds[kind]!(device, 9, true);
    const options = { ...presets[name]!(), ...common, seed: 1, checkpoint, resume: true, teacher, student };
    const steps = stepsOf(await collect(distill(options as DistillOptions)));
    expect(steps.map(({ step }) => step)).toEqual([4, 5, 6, 7, 8]);
    expect(steps.map(({ loss, source }) => [loss, source])).toEqual(
      whole.steps.slice(3).map(({ loss, source }) => [loss, source]),
    );
    expect(await weightsOf(student)).toEqual(whole.weights);
  });
});

/** Runs in float64, whose student is there to be asked. */
async function referenceRun(settings: MethodSettings, extra: Partial<DistillOptions> = {}) {
  const device = openReference();
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const student = await tinyModel(device);
  const options = { ...settings, ...common, schedule: 'constant', ...extra, teacher, student } as DistillOptions;
  const events = await collect(distill(options));
  return { steps: stepsOf(events), weights: await weightsOf(student), student, teacher };
}

describe('what a step trains on', () => {
  it('is by onPolicy always a fresh answer of the student as it is: the run is KD on these answers', async () => {
    const { steps, weights } = await referenceRun(methods.imitkd(), { steps: 1, batchSize: 10 });
    expect(steps.map(({ source, phi }) => [source, phi])).toEqual([['generate', 1]]);

    const device = openReference();
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const student = await tinyModel(device);
    const order = succession(2);
    const stepSeed = randomSeed(10, 'generation', 1);
    // The batch is all of the data, in the order of the first epoch.
    const batch = Array.from(randomOrder(10, 'order', 0, 10), (index) => order[index]!);
    const prompts = batch.map(({ ids, promptLength }) => ids.slice(0, promptLength));
    const seeds = prompts.map((_, index) => randomSeed(stepSeed, 'generation', index));
    const answers = await generate(student, prompts, { maxNewTokens: 4, eosTokenId: eos, seeds, batchSize: 10 });
    const train = answers.map((ids, i) => ({ ids: Int32Array.of(...prompts[i]!, ...ids), promptLength: 2 }));
    const kd = { ...common, ...methods.kd(), schedule: 'constant' as const, steps: 1, batchSize: 10 };
    const [expected] = stepsOf(await collect(distill({ ...kd, data: { train }, teacher, student })));
    expect(steps[0]!.loss).toBeCloseTo(expected!.loss, 10);
    const theirs = await weightsOf(student);
    expect(Math.max(...weights.map((weight, i) => Math.abs(weight - theirs[i]!)))).toBeLessThan(1e-6);
  });

  it('is by mixed a fresh answer with probability lambda, by the draws of the run', async () => {
    const { steps } = await referenceRun(methods.gkd({ lambda: 0.4 }), { steps: 40, seed: 3, optimizer: { lr: 0 } });
    expect(steps.map(({ source }) => source)).toEqual(
      steps.map(({ step }) => (randomUniform(3, 'decision', step) < 0.4 ? 'generate' : 'data')),
    );
    const share = steps.filter(({ source }) => source === 'generate').length / 40;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.6);
    expect((await referenceRun(methods.gkd({ lambda: 0 }))).steps.map(({ source }) => source)).toEqual(
      Array(8).fill('data'),
    );
  });

  it.each(['decreasing', 'constant', 'increasing'] as const)(
    'is by offPolicy what the %s schedule says, with one phi throughout',
    async (schedule) => {
      const sgo = offPolicy({ share: 0.7, capacity: 8, schedule });
      const { steps } = await referenceRun({ loss: skewReverseKL(), sgo }, { steps: 30, optimizer: { lr: 0 } });
      const share = {
        decreasing: (t: number) => 0.7 * (1 - t / 30),
        constant: () => 0.35,
        increasing: (t: number) => (0.7 * t) / 30,
      };
      let held = 0;
      for (const { step, source, phi, bufferSize } of steps) {
        const u = randomUniform(10, 'decision', step);
        const generates = u < share[schedule](step) || (u < 0.7 && held < 8);
        expect(`${step} ${source} ${phi}`).toBe(`${step} ${generates ? 'generate' : u < 0.7 ? 'replay' : 'data'} 0.7`);
        if (generates) held = Math.min(8, held + 4);
        expect(bufferSize).toBe(held);
      }
      expect(new Set(steps.map(({ source }) => source)).size).toBe(3);
    },
  );

  it('needs no answer in the data where every step is on fresh ones', async () => {
    const prompts = data.train.map(({ ids, promptLength }) => ({ ids: ids.slice(0, promptLength), promptLength }));
    const { steps } = await referenceRun(methods.onPolicy(), { data: { train: prompts } });
    expect(steps.every(({ lossTokens }) => lossTokens > 0)).toBe(true);
  });

  it.each(Object.keys(policies) as (keyof typeof policies)[])(
    'is learnt from by every loss with the policy %s',
    async (name) => {
      const sgo = name === 'adaptiveOffPolicy' ? policies[name]({ initThreshold: 0.5 }) : policies[name]();
      for (const loss of [forwardKL(), reverseKL(), jensenShannon(), skewReverseKL()]) {
        const { steps } = await referenceRun({ loss, sgo }, { steps: 3, kdRatio: 0.5 });
        for (const { source, terms, skipped } of steps) {
          // Cross-entropy is never taken on the student's own answers.
          expect(Object.keys(terms)).toEqual(source === 'data' ? ['divergence', 'crossEntropy'] : ['divergence']);
          expect(skipped).toBe(false);
        }
      }
    },
  );
});

describe('studentLoss', () => {
  const sgo = mixed({ share: 0.5 });

  it("is minimised on the student's own answers, and loss on all others", async () => {
    const { steps } = await referenceRun(
      { loss: forwardKL(), studentLoss: reverseKL(), sgo },
      { seed: 3, optimizer: { lr: 0 } },
    );
    const alone = async (loss: MethodSettings['loss'] & object) =>
      (await referenceRun({ loss, sgo }, { seed: 3, optimizer: { lr: 0 } })).steps;
    const [forward, reverse] = [await alone(forwardKL()), await alone(reverseKL())];
    steps.forEach(({ source, terms, loss }, i) => {
      expect(Object.keys(terms)).toEqual([source === 'data' ? 'divergence' : 'studentDivergence']);
      expect(loss).toBeCloseTo((source === 'data' ? forward : reverse)[i]!.loss, 10);
    });
    expect(new Set(steps.map(({ source }) => source)).size).toBe(2);
  });

  it('stands with pairs beside the loss on the data, each by its own mean', async () => {
    const settings = { loss: forwardKL(), studentLoss: reverseKL(), sgo: onPolicy(), pairs: true };
    const { steps } = await referenceRun(settings, { steps: 1 });
    const [onData] = (await referenceRun({ loss: forwardKL() }, { steps: 1 })).steps;
    const [onOwn] = (await referenceRun({ loss: reverseKL(), sgo: onPolicy() }, { steps: 1 })).steps;
    expect(steps[0]!.terms.divergence).toBeCloseTo(onData!.loss, 10);
    expect(steps[0]!.terms.studentDivergence).toBeCloseTo(onOwn!.loss, 10);
    expect(steps[0]!.loss).toBeCloseTo(onData!.loss + onOwn!.loss, 10);
    expect(steps[0]!.lossTokens).toBe(onData!.lossTokens + onOwn!.lossTokens);
    // One micro-batch with both kinds gives the same.
    const together = (await referenceRun(settings, { steps: 1, batchSize: 2, gradAccumulationSteps: 2 })).steps[0]!;
    expect(together.loss).toBeCloseTo(steps[0]!.loss, 10);
  });

  it('is refused where the student gives no answers, as pairs are', async () => {
    const device = openReference();
    const models = {
      teacher: await tinyModel(device, { seed: 2, trainable: false }),
      student: await tinyModel(device),
    };
    const options = { ...common, ...models, loss: forwardKL() };
    expect(() => distill({ ...options, studentLoss: reverseKL() })).toThrow(
      "distill: studentLoss is about the student's own answers, and sgo 'dataOnly' has none. Leave it out, or take another sgo.",
    );
    expect(() => distill({ ...options, pairs: true })).toThrow(/^distill: pairs is about/);
  });
});

describe('noDropout', () => {
  it('makes the divergence from a teacher that is the student 0', async () => {
    const device = openReference();
    const models = async () => ({
      teacher: await tinyModel(device, { seed: 1, trainable: false, ...dropout }),
      student: await tinyModel(device, { seed: 1, ...dropout }),
    });
    const settings = { ...common, loss: forwardKL(), steps: 1 };
    const [without] = stepsOf(await collect(distill({ ...settings, ...(await models()), noDropout: true })));
    expect(without!.loss).toBeCloseTo(0, 12);
    const [with_] = stepsOf(await collect(distill({ ...settings, ...(await models()) })));
    expect(with_!.loss).toBeGreaterThan(1e-6);
  });

  it('is fine-tuning without dropout too', async () => {
    const weights = async (config: object, extra: object) => {
      const model = await tinyModel(openReference(), { ...config });
      await collect(fineTune({ ...common, ...extra, model }));
      return weightsOf(model);
    };
    expect(await weights(dropout, { noDropout: true })).toEqual(await weights({}, {}));
    expect(await weights(dropout, {})).not.toEqual(await weights({}, {}));
  });
});

describe('seqkd', () => {
  const teacherModel = (device: Device) => tinyModel(device, { seed: 2, trainable: false });
  const answersOf = async (device: Device, batchSize: number) => {
    using teacher = await teacherModel(device);
    const prompts = data.train.map(({ ids, promptLength }) => ids.slice(0, promptLength));
    const seeds = prompts.map((_, index) => randomSeed(10, 'teacherAnswers', index));
    const answers = await generate(teacher, prompts, { maxNewTokens: 4, eosTokenId: eos, vocabSize, seeds, batchSize });
    return answers.map((ids, i) => ({ ids: Int32Array.of(...prompts[i]!, ...ids), promptLength: 2 }));
  };

  it("is fine-tuning on the teacher's answers, one to each prompt; with kdRatio 1 it is KD on them", async () => {
    const train = await answersOf(openReference(), 4);
    expect(train).not.toEqual(data.train);
    const { weights, steps } = await referenceRun(methods.seqkd());
    expect(steps.map(({ source, terms }) => [source, Object.keys(terms)])).toEqual(
      Array(8).fill(['data', ['crossEntropy']]),
    );
    const model = await tinyModel(openReference());
    await collect(fineTune({ ...common, schedule: 'constant', data: { train }, model }));
    expect(weights).toEqual(await weightsOf(model));

    const kd = await referenceRun({ ...methods.seqkd(), kdRatio: 1 });
    expect(kd.weights).toEqual((await referenceRun(methods.kd(), { data: { train } })).weights);
  });

  it('asks the teacher once, says how far it is, and finds its answers in the folder when it goes on', async () => {
    const device = openReference();
    const checkpoint = memoryStore();
    const events = async (extra: object, seed = 1) => {
      using teacher = await teacherModel(device);
      using student = await tinyModel(device, { seed });
      const options = { ...common, ...methods.seqkd(), batchSize: 3, checkpoint, teacher, student, ...extra };
      const all = await collect(distill(options as DistillOptions));
      return { steps: stepsOf(all), answers: all.filter((event) => event.type === 'answers') };
    };
    const first = await events({});
    const asked = [0, 3, 6, 9, 10].map((answered) => ({ answered, total: 10, kept: false }));
    expect(first.answers).toMatchObject(asked);
    const longer = await events({ resume: true, steps: 12 });
    const found = [{ answered: 10, total: 10, kept: true }];
    expect(longer.answers).toMatchObject(found);
    expect(longer.steps.length).toBe(4);
    // Answers of other settings are not taken for this run's.
    const store = memoryStore(
      Object.fromEntries([...checkpoint.files].filter(([path]) => path.includes('teacher-answers'))),
    );
    const other = await events({ checkpoint: store, maxNewTokens: 3 });
    expect(other.answers).toMatchObject(asked);
    const again = await events({
      checkpoint: memoryStore(
        Object.fromEntries([...store.files].filter(([path]) => path.includes('teacher-answers'))),
      ),
      maxNewTokens: 3,
    });
    expect(again.answers).toMatchObject(found);
    expect(again.steps.map(({ loss }) => loss)).toEqual(other.steps.map(({ loss }) => loss));
  });

  it('answers again what a part is damaged of', async () => {
    const checkpoint = memoryStore({ 'teacher-answers/part-000000.json': new TextEncoder().encode('{"key":') });
    const run = referenceRun(methods.seqkd(), { checkpoint, steps: 1 });
    expect((await run).steps.map(({ loss }) => loss)).toEqual(
      (await referenceRun(methods.seqkd(), { steps: 1 })).steps.map(({ loss }) => loss),
    );
  });

  it('is refused where no answer of the data is ever trained on', async () => {
    const device = openReference();
    const models = { teacher: await teacherModel(device), student: await tinyModel(device) };
    const options = { ...common, ...models, ...methods.onPolicy(), answers: 'teacher' } as const;
    expect(() => distill(options)).toThrow(
      /answers is 'teacher', and sgo 'onPolicy' trains on the student's own answers alone/,
    );
    expect(() => distill({ ...common, ...models, ...methods.seqkd(), tokenizer: undefined } as never)).toThrow(
      /tokenizer/,
    );
  });
});

describe('distillm2', () => {
  it("is skew KL on the teacher's answers beside skew reverse KL on the student's, of the same prompts", async () => {
    const { steps } = await referenceRun(methods.distillm2({ alpha: 0.3 }), { steps: 1, optimizer: { lr: 0 } });
    const onTeachers = await referenceRun(
      { ...methods.seqkd(), loss: skewKL({ alpha: 0.3 }), kdRatio: 1 },
      { steps: 1 },
    );
    const onOwn = await referenceRun({ loss: skewReverseKL({ alpha: 0.3 }), sgo: onPolicy() }, { steps: 1 });
    const [step] = steps;
    expect(step!.terms.divergence).toBeCloseTo(onTeachers.steps[0]!.loss, 10);
    expect(step!.terms.studentDivergence).toBeCloseTo(onOwn.steps[0]!.loss, 10);
    expect(step!.loss).toBeCloseTo(step!.terms.divergence! + step!.terms.studentDivergence!, 10);
  });

  it('weighs them by the curriculum: 2 - b and b, b from 1 to 1.5 over the first half of the run', async () => {
    expect([0, 0.25, 0.5, 0.75, 1].map(ownWeight)).toEqual([1, 1.25, 1.5, 1.5, 1.5]);
    const settings = { ...methods.distillm2(), curriculum: { weight: true } };
    const { steps } = await referenceRun(settings, { steps: 4 });
    for (const { step, loss, terms } of steps) {
      const b = ownWeight(step / 4);
      expect(loss).toBeCloseTo((2 - b) * terms.divergence! + b * terms.studentDivergence!, 6);
    }
  });

  it('lowers alpha as the models come nearer, within 0.01 and alpha', () => {
    expect(curriculumAlpha(0.1, { gap: 0.2, first: 0.2 })).toBeCloseTo(0.1, 3);
    // 1 - 0.9 * 0.2 / 0.19
    expect(curriculumAlpha(0.1, { gap: 0.19, first: 0.2 })).toBeCloseTo(1 - 0.18 / 0.19001, 10);
    expect(curriculumAlpha(0.1, { gap: 0.1, first: 0.2 })).toBe(0.01);
    expect(curriculumAlpha(0.1, { gap: 0.5, first: 0.2 })).toBe(0.1);
  });

  it('takes alpha from the probabilities of the answers', async () => {
    const optimizer = { lr: 3e-2 };
    const { steps } = await referenceRun(
      { ...methods.distillm2(), curriculum: { alpha: true } },
      { steps: 6, optimizer },
    );
    const fixed = await referenceRun(methods.distillm2(), { steps: 6, optimizer });
    // The first step's alpha is the one that was given, nearly; later ones are others.
    expect(steps[0]!.loss).toBeCloseTo(fixed.steps[0]!.loss, 3);
    expect(steps.slice(1).map(({ loss }) => loss)).not.toEqual(fixed.steps.slice(1).map(({ loss }) => loss));
  });

  it('is refused where the curriculum has nothing to work on', async () => {
    const device = openReference();
    const models = {
      teacher: await tinyModel(device, { seed: 2, trainable: false }),
      student: await tinyModel(device),
    };
    const options = { ...common, ...models, sgo: onPolicy(), loss: forwardKL() };
    expect(() => distill({ ...options, curriculum: { weight: true } })).toThrow(
      /curriculum is about loss beside studentLoss/,
    );
    expect(() => distill({ ...options, studentLoss: reverseKL(), curriculum: { alpha: true } })).toThrow(
      /curriculum.alpha is for loss skewKL\(\) and studentLoss skewReverseKL\(\), found forwardKL and reverseKL/,
    );
  });
});
