import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { forwardKL, skewReverseKL } from '../../src/distill/losses/index.js';
import { distillOptions, fineTuneOptions } from '../../src/distill/settings.js';
import { adaptiveOffPolicy, dataOnly } from '../../src/distill/sgo/index.js';
import { crossEntropy, type Term } from '../../src/distill/terms/index.js';
import { batchOrder } from '../../src/distill/trainer/batches.js';
import { type DistillOptions, distill, fineTune, type TrainingEvent } from '../../src/distill/trainer/index.js';
import { trainingLoop } from '../../src/distill/trainer/loop.js';
import type { Participants } from '../../src/distill/trainer/options.js';
import { makePlan } from '../../src/distill/trainer/plan.js';
import { generateSamples } from '../../src/distill/trainer/sampling.js';
import { TrainingError } from '../../src/errors.js';
import { memoryStore } from '../../src/io/index.js';
import { loadModel } from '../../src/models/index.js';
import { randomUniform } from '../../src/random.js';
import { checkOptions } from '../../src/settings/index.js';
import { crossEntropyRows } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';
import {
  collect,
  eos,
  stepsOf,
  succession,
  tinyModel,
  tinyTokenizer,
  validationsOf,
  vocabSize,
  weightsOf,
} from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };
const options = {
  data,
  tokenizer,
  loss: skewReverseKL(),
  sgo: adaptiveOffPolicy({ initThreshold: 0.7, capacity: 12, lossEps: 0 }),
  optimizer: { lr: 1e-2 },
  batchSize: 3,
  maxNewTokens: 4,
  steps: 24,
} satisfies Partial<DistillOptions>;
const dropout = { embd_pdrop: 0.1, resid_pdrop: 0.1, attn_pdrop: 0.1, n_layer: 2 };

const planOf = (
  participants: Participants,
  settings: z.input<typeof distillOptions> | z.input<typeof fineTuneOptions>,
) => makePlan(participants, checkOptions('test', 'loss' in settings ? distillOptions : fineTuneOptions, settings));

async function run(device: Device, extra: Partial<DistillOptions> = {}) {
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const student = await tinyModel(device, dropout);
  const events = await collect(distill({ ...options, ...extra, teacher, student }));
  const weights = await weightsOf(student);
  teacher.dispose();
  student.dispose();
  return { events, steps: stepsOf(events), weights };
}

describe('a run on WASM', () => {
  it('is the same bits on one thread and on two, student outputs and replay included', async () => {
    const results = [];
    for (const threads of [1, 2]) {
      const device = await openWasm({ threads });
      results.push(await run(device));
      expect(device.memory().liveStorages, 'everything was freed').toBe(0);
      await device.dispose();
    }
    const [one, two] = results;
    const facts = ({ steps }: typeof one & object) => steps.map((e) => [e.source, e.loss, e.gradNorm, e.phi, e.tokens]);
    expect(facts(two!)).toEqual(facts(one!));
    expect(two!.weights).toEqual(one!.weights);
    expect(validationsOf(two!.events).map(({ loss }) => loss)).toEqual(
      validationsOf(one!.events).map(({ loss }) => loss),
    );
    expect(new Set(one!.steps.map(({ source }) => source)).size).toBe(3);
  });

  it('depends on the seed', async () => {
    const device = await openWasm({ threads: 1 });
    const [first, second] = [await run(device, { seed: 1 }), await run(device, { seed: 2 })];
    expect(second.weights).not.toEqual(first.weights);
    await device.dispose();
  });

  it('has the same bits with gradient checkpointing, in less memory', async () => {
    const runs = [];
    for (const gradientCheckpointing of [true, false]) {
      const device = await openWasm({ threads: 1 });
      const teacher = await tinyModel(device, { seed: 2, trainable: false });
      const student = await tinyModel(device, { ...dropout, n_layer: 8 });
      // One batch and no answers, so that the student's layers are what memory is taken for.
      const plain = { ...options, sgo: dataOnly(), batchSize: 10, steps: 3 };
      const events = await collect(distill({ ...plain, teacher, student, gradientCheckpointing }));
      runs.push({ losses: stepsOf(events).map(({ loss }) => loss), weights: await weightsOf(student) });
      runs.push(device.memory().peakBytes);
      await device.dispose();
    }
    const [less, lessBytes, plain, plainBytes] = runs;
    expect(less).toEqual(plain);
    expect(lessBytes).toBeLessThan(0.8 * (plainBytes as number));
  });

  it('holds the same memory after 50 steps as after 5, and frees all but the models', async () => {
    const device = await openWasm({ threads: 1 });
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const student = await tinyModel(device, dropout);
    const models = device.memory();
    const use: (readonly [number, number])[] = [];
    for await (const event of distill({ ...options, teacher, student, steps: 55 })) {
      if (event.type === 'step') use.push([device.memory().liveStorages, device.memory().liveBytes]);
    }
    expect(use[54]).toEqual(use[4]);
    expect(device.memory().liveStorages).toBe(models.liveStorages);
    expect(device.memory().liveBytes).toBe(models.liveBytes);
    await device.dispose();
  });
});

describe('the loop', () => {
  it("follows the official loop: each step's source from its draw, phi, and the buffer", async () => {
    const { steps } = await run(openReference({ precision: 'f32' }), { seed: 3 });
    let held = 0;
    for (const { step, source, phi, bufferSize } of steps) {
      const u = randomUniform(3, 'decision', step);
      const generates = u < phi * (1 - step / 24) || (u < phi && held < 12);
      const expected = generates ? 'generate' : u < phi ? 'replay' : 'data';
      expect(`${step} ${source}`).toBe(`${step} ${expected}`);
      if (generates) held = Math.min(12, held + 3);
      expect(bufferSize).toBe(held);
    }
    expect(new Set(steps.map(({ source }) => source)).size).toBe(3);
  });

  it('gives its events in order: validation before the first step, at each epoch and at the end', async () => {
    const { events } = await run(openReference({ precision: 'f32' }), { steps: 5, checkpoint: memoryStore() });
    const trace = events.map((event) => `${event.type}${'step' in event ? ` ${event.step}` : ''}`);
    expect(trace.filter((entry) => !entry.startsWith('checkpoint'))).toEqual([
      'start 0',
      'validation 0',
      'step 1',
      'step 2',
      'step 3',
      'validation 3',
      'step 4',
      'step 5',
      'validation 5',
      'end 5',
    ]);
    expect(trace.indexOf('checkpoint 3')).toBeGreaterThan(trace.indexOf('validation 3'));
    const steps = stepsOf(events);
    expect(steps.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 2, 2]);
    expect(steps.map(({ lr }) => lr)[0], 'the first step uses schedule(0)').toBe(1e-2);
    for (const { stepMs, tokensPerSecond, generationMs } of steps) {
      expect(stepMs).toBeGreaterThan(0);
      expect(tokensPerSecond).toBeGreaterThan(0);
      expect(generationMs).toBeLessThanOrEqual(stepMs);
    }
  });

  it('goes through all data once an epoch, in another order each', async () => {
    const seen: number[][] = [];
    const student = await tinyModel(openReference({ precision: 'f32' }));
    const order = batchOrder(planOf({ student, data }, { epochs: 2, batchSize: 5 }));
    for (let step = 1; step <= 4; step++) seen.push(order.data(step).map(({ ids }) => ids[0]!));
    const epochs = [seen[0]!.concat(seen[1]!), seen[2]!.concat(seen[3]!)];
    for (const epoch of epochs) expect([...epoch].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(epochs[1]).not.toEqual(epochs[0]);
  });

  it('groupByLength: neighbours of like length, all data once an epoch, batches in a random order of their own', async () => {
    const student = await tinyModel(openReference({ precision: 'f32' }));
    // 103 samples of 3 to 31 tokens: the first id says which, 3 are left over by batches of 4.
    const train = Array.from({ length: 103 }, (_, i) => ({
      ids: Int32Array.from({ length: 3 + ((i * 37) % 29) }, (_, t) => (t === 0 ? i : 1)),
      promptLength: 1,
    }));
    const read = (groupByLength: boolean) => {
      const order = batchOrder(
        planOf({ student, data: { train } }, { epochs: 2, batchSize: 2, gradAccumulationSteps: 2, groupByLength }),
      );
      return Array.from({ length: 50 }, (_, step) => order.data(step + 1));
    };
    const padding = (steps: { ids: Int32Array }[][]) =>
      steps.reduce((sum, samples) => {
        const lengths = samples.map(({ ids }) => ids.length);
        return sum + lengths.reduce((all, length) => all + Math.max(...lengths) - length, 0);
      }, 0);
    const grouped = read(true);
    for (const epoch of [grouped.slice(0, 25), grouped.slice(25)]) {
      expect(new Set(epoch.flat().map(({ ids }) => ids[0])).size).toBe(100);
      const lengths = epoch.map(([first]) => first!.ids.length);
      expect(lengths).not.toEqual(lengths.toSorted((a, b) => a - b));
    }
    expect(grouped.slice(25)).not.toEqual(grouped.slice(0, 25));
    expect(grouped).toEqual(read(true));
    expect(padding(grouped)).toBeLessThan(padding(read(false)) / 5);
  });

  it('reads back once a step', async () => {
    const device = openReference({ precision: 'f32' });
    let reads = 0;
    const counting: Device = {
      ...device,
      read(...args) {
        reads++;
        return device.read(...args);
      },
    };
    const teacher = await tinyModel(counting, { seed: 2, trainable: false });
    const student = await tinyModel(counting);
    const counts: number[] = [];
    const { sgo: _, ...plain } = options;
    for await (const event of distill({ ...plain, data: { train: data.train }, steps: 4, teacher, student })) {
      if (event.type === 'step') counts.push(reads);
    }
    expect(counts).toEqual([1, 2, 3, 4]);
  });

  it('starts when it is iterated', async () => {
    const device = openReference({ precision: 'f32' });
    const student = await tinyModel(device);
    const { liveStorages } = device.memory();
    fineTune({ model: student, data, steps: 1 });
    expect(device.memory().liveStorages).toBe(liveStorages);
  });

  it('break frees the optimizer and the gradients; the student keeps what it learnt', async () => {
    const device = openReference({ precision: 'f32' });
    const student = await tinyModel(device);
    const before = await weightsOf(student);
    const { liveStorages } = device.memory();
    for await (const event of fineTune({ model: student, data, steps: 9 })) if (event.type === 'step') break;
    expect(device.memory().liveStorages).toBe(liveStorages);
    expect(await weightsOf(student)).not.toEqual(before);
  });

  it('a signal ends it after the step, with a checkpoint', async () => {
    const abort = new AbortController();
    const student = await tinyModel(openReference({ precision: 'f32' }));
    const checkpoint = memoryStore();
    const events = [];
    for await (const event of fineTune({ model: student, data, steps: 9, signal: abort.signal, checkpoint })) {
      events.push(event);
      if (event.type === 'step' && event.step === 2) abort.abort();
    }
    expect(events.slice(-2)).toMatchObject([
      { type: 'checkpoint', kind: 'last', step: 2 },
      { type: 'end', reason: 'aborted', step: 2 },
    ]);
    expect([...checkpoint.files.keys()]).toContain('last/model.safetensors');
  });

  it('a signal drops a step that is still generating', async () => {
    const abort = new AbortController();
    let armed = false;
    const plain = openReference({ precision: 'f32' });
    const device: Device = {
      ...plain,
      read(...args) {
        if (armed) abort.abort();
        return plain.read(...args);
      },
    };
    const student = await tinyModel(device);
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const sgo = adaptiveOffPolicy({ initThreshold: 1, capacity: 50 });
    const events = [];
    for await (const event of distill({ ...options, sgo, teacher, student, signal: abort.signal })) {
      events.push(event);
      armed = event.type === 'validation';
    }
    expect(abort.signal.aborted).toBe(true);
    expect(events.map(({ type }) => type)).toEqual(['start', 'validation', 'end']);
    expect(events.at(-1)).toMatchObject({ reason: 'aborted', step: 0 });
  });

  it('stops at a loss that is not finite, and says where to go back to; the files stay good', async () => {
    const student = await tinyModel(openReference({ precision: 'f32' }));
    const checkpoint = memoryStore({}, { name: 'runs/x' });
    // The learning rate of the first step of a warmup is 0; the second step spoils the weights.
    const rate = { schedule: 'constant', warmupSteps: 1, optimizer: { lr: 1e38 } } as const;
    const running = collect(
      fineTune({ model: student, data, steps: 20, batchSize: 5, ...rate, checkpoint, validation: { every: 1 } }),
    );
    const error = await running.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as Error).message).toMatch(
      /^step 7 of 20: the loss is .*, for 5 steps in a row\. .*runs\/x\/state-000001 \(step 1\).*learning rate \(it was 1e\+38\)/,
    );
  });

  it.each([
    ['has the lower loss', 1e-6, [false, true, true, true]],
    ['is the earlier where losses are equal, too', 0, [false, true, false, false]],
  ])('of validations with the same ROUGE-L, the best %s', async (_, lr, expected) => {
    // Steps so small that no answer changes.
    const student = await tinyModel(openReference({ precision: 'f32' }));
    const checkpoint = memoryStore();
    const events = await collect(
      fineTune({
        model: student,
        data: { train: data.train, validation: data.train },
        tokenizer,
        batchSize: 10,
        steps: 3,
        optimizer: { lr, weightDecay: 0 },
        schedule: 'constant',
        validation: { every: 1, rougeL: { samples: 10 } },
        maxNewTokens: 4,
        checkpoint,
      }),
    );
    const validations = validationsOf(events);
    expect(new Set(validations.map(({ rougeL }) => rougeL)).size).toBe(1);
    expect(new Set(validations.map(({ loss }) => loss)).size).toBe(lr === 0 ? 1 : 4);
    expect(validations.map(({ best }) => best)).toEqual(expected);
    const kept = validations.findLast(({ best }) => best)!;
    const { loss, rougeL } = validations[0]!;
    expect(events.at(-1)).toMatchObject({
      best: { step: kept.step, loss: kept.loss },
      initial: { step: 0, loss, rougeL },
      // Equal is no improvement.
      improved: lr > 0,
    });
    const written = events.filter((event) => event.type === 'checkpoint' && event.kind === 'best');
    expect(written).toHaveLength(expected.filter(Boolean).length);
  });

  it('reports a validation loss that is not finite, and saves nothing over good weights', async () => {
    // The validation data has an id whose embedding is spoilt; training never meets it.
    const student = await tinyModel(openReference({ precision: 'f32' }), {
      vocab_size: vocabSize + 1,
      tie_word_embeddings: false,
    });
    const wte = student.parameters.get('transformer.wte.weight')!;
    wte.set((await wte.read()).fill(Number.NaN, 8 * vocabSize));
    const spoilt = { ids: Int32Array.of(vocabSize, 1, 2), promptLength: 1 };
    const checkpoint = memoryStore();
    const events: TrainingEvent[] = [];
    const running = (async () => {
      for await (const event of fineTune({
        model: student,
        data: { ...data, validation: [spoilt] },
        steps: 2,
        optimizer: { clipGradNorm: 0 },
        checkpoint,
      }))
        events.push(event);
    })();
    await expect(running).rejects.toThrow(TrainingError);
    await expect(running).rejects.toThrow(/^step 2 of 2: the validation loss is not finite after it\. There is no/);
    expect(validationsOf(events).map(({ loss, best }) => [loss, best])).toEqual([
      [Number.NaN, false],
      [Number.NaN, false],
      [Number.NaN, false],
    ]);
    expect(checkpoint.files.size).toBe(0);
    expect(events.at(-1)).toMatchObject({ type: 'validation', step: 2 });
  });

  it('does not save weights that the last step made infinite; what was saved before stays', async () => {
    const student = await tinyModel(openReference({ precision: 'f32' }));
    const checkpoint = memoryStore({}, { name: 'runs/x' });
    // The first step of a warmup changes nothing, the second is the last.
    const rate = {
      schedule: 'constant',
      warmupSteps: 1,
      optimizer: { lr: 3e38, weightDecay: 5, clipGradNorm: 0 },
    } as const;
    const of = { model: student, data: { train: data.train }, steps: 2, batchSize: 5, ...rate, checkpoint };
    const running = collect(fineTune({ ...of, validation: { every: 1 } }));
    await expect(running).rejects.toThrow(TrainingError);
    await expect(running).rejects.toThrow(
      /^step 2 of 2: saveModel: '.*' holds a value that is not finite: .*The last good checkpoint is runs\/x\/state-000001 \(step 1\)/,
    );
    const kept = await loadModel(checkpoint.folder('last'), { device: openReference({ precision: 'f32' }) });
    expect(kept.vocabSize).toBe(vocabSize);
    // So few steps that nothing but the end saves.
    const fresh = await tinyModel(openReference({ precision: 'f32' }));
    const none = memoryStore();
    const once = { ...of, model: fresh, checkpoint: none, steps: 1, warmupSteps: 0 };
    await expect(collect(fineTune(once))).rejects.toThrow(/^step 1 of 1: saveModel: .*There is no checkpoint/);
    expect(none.files.size).toBe(0);
  });
});

describe('the best', () => {
  const samples = { rougeL: { samples: 10, temperature: 1 } };

  it.each(['loss', 'rougeL', 'exactMatch'] as const)('is chosen by %s where that is wanted', async (bestBy) => {
    const student = await tinyModel(openReference({ precision: 'f32' }));
    const data = { train: succession(2), validation: succession(2) };
    const validation = { every: 4, bestBy, ...samples };
    const events = await collect(
      fineTune({ model: student, data, tokenizer, steps: 48, optimizer: { lr: 5e-2 }, maxNewTokens: 5, validation }),
    );
    const measured = validationsOf(events).slice(1);
    const sign = bestBy === 'loss' ? -1 : 1;
    const value = (event: (typeof measured)[number]) => sign * event[bestBy]!;
    const highest = Math.max(...measured.map(value));
    const best = measured.filter((event) => value(event) === highest).reduce((a, b) => (b.loss! < a.loss! ? b : a));
    expect(events.at(-1)).toMatchObject({ type: 'end', best: { step: best.step, [bestBy]: best[bestBy] } });
    expect(measured.filter(({ best }) => best).at(-1)!.step).toBe(best.step);
    expect(new Set(measured.map(value)).size).toBeGreaterThan(1);
    for (const { examples, exactMatch } of measured) {
      const right = examples!.filter(({ answer, references }) => answer.trim() === references[0]!.trim()).length;
      expect(exactMatch).toBeCloseTo((100 * right) / examples!.length, 9);
    }
  });

  it('is chosen by the scores of answers alone where no sample has a response: no value is no value', async () => {
    const prompts = data.validation.map(({ ids }, x) => ({
      ids: ids.subarray(0, 2),
      promptLength: 2,
      references: ['abcdefghij'[(x + 1) % 10]!],
    }));
    const student = await tinyModel(openReference({ precision: 'f32' }));
    const run = { tokenizer, data: { ...data, validation: prompts }, steps: 4, maxNewTokens: 5 };
    const events = await collect(fineTune({ ...run, model: student, validation: { every: 2, ...samples } }));
    for (const event of validationsOf(events)) {
      expect(event).not.toHaveProperty('loss');
      expect(event.rougeL).toBeGreaterThanOrEqual(0);
    }
    expect(events.at(-1)).toMatchObject({ type: 'end', best: { rougeL: expect.any(Number) } });
    expect((events.at(-1) as { best: object }).best).not.toHaveProperty('loss');
  });
});

describe('the samples of a batch', () => {
  it('say who wrote them: fresh and replayed ones the student, the others the data', async () => {
    const device = openReference({ precision: 'f32' });
    const student = await tinyModel(device);
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const { data: _, tokenizer: __, ...settings } = options;
    const keyed = { ...data, train: data.train.map((sample, i) => ({ ...sample, key: `record ${i}` })) };
    const plan = planOf({ data: keyed, tokenizer, student, teacher }, settings);
    const seen: string[] = [];
    const spy: Term = {
      ...crossEntropy(1),
      rowLoss(batch, gradScale) {
        expect(batch.samples).toHaveLength(batch.batch);
        seen.push([...new Set(batch.samples.map(({ origin, key }) => `${origin} ${key?.slice(0, 6)}`))].join());
        return crossEntropyRows(gradScale);
      },
    };
    const events = await collect(
      trainingLoop({ ...plan, objective: { ...plan.objective, terms: [spy] } }, () => false),
    );
    const sources = stepsOf(events).map(({ source }) => source);
    expect(new Set(sources).size).toBe(3);
    expect(seen).toEqual(sources.map((source) => (source === 'data' ? 'undefined record' : 'student undefined')));
  });
});

describe('student samples', () => {
  it('are prompt, answer and the EOS that the student said; those cut by the limit have none', async () => {
    const device = openReference({ precision: 'f32' });
    const student = await tinyModel(device);
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const { data: _, tokenizer: __, ...settings } = options;
    const plan = planOf({ data, tokenizer, student, teacher }, { ...settings, loss: forwardKL(), maxNewTokens: 5 });
    const samples = await generateSamples(plan, [...data.train, ...data.train, ...data.train], 1);
    expect(samples).toHaveLength(30);
    samples.forEach(({ ids, promptLength }, i) => {
      expect(promptLength).toBe(2);
      expect([...ids.subarray(0, 2)]).toEqual([...data.train[i % 10]!.ids.subarray(0, 2)]);
      const answer = [...ids.subarray(2)];
      const end = answer.indexOf(eos);
      if (end >= 0) expect(end).toBe(answer.length - 1);
      else expect(answer.length).toBe(5);
    });
    const ended = samples.filter(({ ids }) => ids.at(-1) === eos);
    expect(ended.length).toBeGreaterThan(0);
    expect(ended.length).toBeLessThan(30);
    // The same prompt gets another answer in another row and in another step, and the same one again in this.
    const text = (list: typeof samples) => list.map(({ ids }) => ids.join());
    expect(text(samples.slice(0, 10))).not.toEqual(text(samples.slice(10, 20)));
    expect(text(await generateSamples(plan, data.train, 1))).toEqual(text(samples.slice(0, 10)));
    expect(text(await generateSamples(plan, data.train, 2))).not.toEqual(text(samples.slice(0, 10)));
  });

  it('may be EOS alone, and are trained on as one token', async () => {
    const device = openReference({ precision: 'f32' });
    const mute = data.train.map(({ ids }) => ({ ids: Int32Array.of(ids[0]!, ids[1]!, eos), promptLength: 2 }));
    const student = await tinyModel(device);
    await collect(
      fineTune({ model: student, data: { train: mute }, steps: 60, optimizer: { lr: 5e-2 }, batchSize: 10 }),
    );
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const sgo = adaptiveOffPolicy({ initThreshold: 1, capacity: 50 });
    const greedy = { sgo, generation: { temperature: 0 }, optimizer: { lr: 0 }, steps: 2 };
    const steps = stepsOf(await collect(distill({ ...options, ...greedy, student, teacher })));
    expect(steps.map(({ source, lossTokens, tokens }) => [source, lossTokens, tokens])).toEqual([
      ['generate', 3, 9],
      ['generate', 3, 9],
    ]);
    expect(steps[0]!.loss).toBeGreaterThan(0);
  });
});

it('dataOnly is the default', async () => {
  const { sgo: _, ...plain } = options;
  const device = openReference({ precision: 'f32' });
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const runs = [];
  for (const policy of [{}, { sgo: dataOnly() }]) {
    const student = await tinyModel(device);
    await collect(distill({ ...plain, ...policy, steps: 2, teacher, student }));
    runs.push(await weightsOf(student));
  }
  expect(runs[1]).toEqual(runs[0]);
});
