/** The whole API behind the worker's protocol: the same runs, events and refusals as without it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { plotRuns } from '../../src/entries/report.js';
import * as direct from '../../src/index.js';
import { openWorker } from '../../src/worker/openWorker.js';
import { serveWorker } from '../../src/worker/serveWorker.js';
import type { DistillmWorker } from '../../src/worker/startWorker.js';
import type { Remote } from '../../src/worker/types.js';

const letters = 'abcdefgh';
const records = Array.from({ length: 12 }, (_, i) => ({
  instruction: `say ${letters[i % 8]}`,
  output: `${letters[i % 8]} ${letters[(i + 1) % 8]}`,
}));
const texts = records.map(({ instruction, output }) => `${instruction} ${output}`);
const tokenizing = { vocabSize: 270, specialTokens: { eos: '<eos>' } };
const shape = { model_type: 'gpt2', vocab_size: 270, n_positions: 64, n_head: 2, n_embd: 8, n_layer: 1 };
const onOneThread = { kind: 'wasm', wasm: { threads: 1 } } as const;
const settings = { batchSize: 4, steps: 6, seed: 3, maxNewTokens: 4, optimizer: { lr: 1e-2 } } as const;
const method = { loss: direct.skewKL(), sgo: direct.adaptiveOffPolicy({ initThreshold: 0.6, capacity: 8 }) };

function connect(): Promise<DistillmWorker> {
  const { port1, port2 } = new MessageChannel();
  serveWorker(port1);
  return openWorker(port2, { terminate: async () => port1.close(), onFailure: () => {} });
}

let distillm: DistillmWorker;
beforeAll(async () => {
  distillm = await connect();
});
afterAll(() => distillm.terminate());
afterEach(() => vi.unstubAllGlobals());

/** What a run takes, in the worker. */
async function prepared() {
  const device = await distillm.openDevice(onOneThread);
  const tokenizer = await distillm.trainTokenizer(texts, tokenizing);
  const data = await distillm.readInstructions(records, { tokenizer, template: 'compact', validation: 2 });
  const teacher = await distillm.createModel(shape, { device, seed: 1, trainable: false });
  const student = await distillm.createModel(shape, { device, seed: 2 });
  return { device, tokenizer, data, teacher, student };
}
type Prepared = Awaited<ReturnType<typeof prepared>>;
const participants = ({ tokenizer, data, teacher, student }: Prepared) => ({ tokenizer, data, teacher, student });

async function weightsOf(model: direct.LanguageModel | Remote<direct.LanguageModel>): Promise<number[]> {
  const weights: number[] = [];
  for (const tensor of (await model.parameters).values()) weights.push(...((await tensor.read()) as Float32Array));
  return weights;
}

/** Events less their times. */
const timeless = (event: object): object =>
  Object.fromEntries(Object.entries(event).filter(([name]) => !/^ms$|Ms$|PerSecond$/.test(name)));

describe('the API in a worker', () => {
  it('gives the events and the weights of the run without one, and the same once more', async () => {
    const device = await direct.openDevice(onOneThread);
    const tokenizer = direct.trainTokenizer(texts, tokenizing);
    const data = await direct.readInstructions(records, { tokenizer, template: 'compact', validation: 2 });
    const teacher = await direct.createModel(shape, { device, seed: 1, trainable: false });
    const student = await direct.createModel(shape, { device, seed: 2 });
    const expected: object[] = [];
    const run = direct.distill({ teacher, student, tokenizer, data, ...settings, ...method });
    for await (const event of run) expected.push(timeless(event));
    expect(expected.length).toBeGreaterThan(6);
    const weights = await weightsOf(student);
    await device.dispose();

    const there = await prepared();
    for (const again of [there.student, await distillm.createModel(shape, { device: there.device, seed: 2 })]) {
      const events: object[] = [];
      const run = distillm.distill({ ...participants(there), student: again, ...settings, ...method });
      expect(await (await run).settings).toMatchObject({ steps: 6, loss: method.loss });
      for await (const event of run) events.push(timeless(event));
      expect(events).toEqual(expected);
      expect(await weightsOf(again)).toEqual(weights);
    }
    await there.device.dispose();
  });

  it('keeps data sets in the worker: they are counted, looked at and put together, and not used up by it', async () => {
    const { device, tokenizer, data } = await prepared();
    expect(data).toMatchObject({ template: 'compact', cut: { prompts: 0, responses: 0 } });
    expect([await data.train.length, await data.validation.length]).toEqual([10, 2]);
    const [first, again] = [await data.train.at(0), await data.train.at(0)];
    expect(first?.ids.length).toBeGreaterThan(3);
    expect(again).toEqual(first);
    const text = await distillm.readText({ text: 'say a say b say c say d' }, { tokenizer, length: 8 });
    const model = await distillm.createModel(shape, { device });
    const own = [{ ids: Int32Array.of(1, 2, 3), promptLength: 1 }];
    for (const train of [data.train, own]) {
      const run = distillm.fineTune({ model, tokenizer, data: { train, text }, batchSize: 1, steps: 1, lmCoef: 0.5 });
      let steps = 0;
      for await (const event of run) if (event.type === 'step') steps++;
      expect(steps).toBe(1);
    }
    // What was given is still the caller's.
    expect(own[0]?.ids.length).toBe(3);
    await device.dispose();
  });

  it('stops by a signal, in the middle of an answer too, and by `break`', async () => {
    const there = await prepared();
    const stop = new AbortController();
    const options = { ...participants(there), ...settings, ...method, steps: 1000 };
    const ends: object[] = [];
    for await (const event of distillm.distill({ ...options, signal: stop.signal })) {
      if (event.type === 'step' && event.step === 2) stop.abort();
      if (event.type === 'end') ends.push({ reason: event.reason, step: event.step });
    }
    expect(ends).toEqual([{ reason: 'aborted', step: 2 }]);
    const before = await weightsOf(there.student);
    for await (const event of distillm.distill(options)) if (event.type === 'validation') break;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await weightsOf(there.student)).toEqual(before);
    const enough = new AbortController();
    const reason = new Error('enough');
    const stream = distillm.streamTokens(there.student, Int32Array.of(1), { maxNewTokens: 60, signal: enough.signal });
    const answered = async () => {
      for await (const id of stream) {
        expect(id).toBeGreaterThanOrEqual(0);
        enough.abort(reason);
      }
    };
    await expect(answered()).rejects.toBe(reason);
    await there.device.dispose();
  });

  it('refuses as without it: classes, codes, numbers, before anything runs', async () => {
    const { device, tokenizer, student, data } = await prepared();
    const calls = [
      distillm.openDevice({ kind: 'gpu' } as never),
      distillm.loadModel('/no/such/folder', { device }),
      distillm.generate(student, [Int32Array.of(1)], { maxNewTokens: 1000 }),
      distillm.fineTune({ model: student, tokenizer, data, steps: 1, epoch: 2 } as never),
    ];
    const found = await Promise.all(calls.map((call) => (call as Promise<unknown>).catch((error: unknown) => error)));
    expect(found.map((error) => (error as direct.DistillmError).code)).toEqual([
      ...['ERR_OPTION', 'ERR_CHECKPOINT', 'ERR_LIMIT', 'ERR_OPTION'],
    ]);
    expect(found[0]).toBeInstanceOf(direct.OptionError);
    expect(found[0]).toMatchObject({ option: 'kind', found: 'gpu' });
    expect(found[1]).toBeInstanceOf(direct.CheckpointError);
    expect(found[2]).toMatchObject({ found: 1000, expected: 63 });
    expect((found[3] as Error).message).toMatch(/there is no option epoch, .*Did you mean epochs\?/);
    const template = { name: 'own', render: () => '' };
    const own = distillm.readInstructions(records, { tokenizer, template: template as never });
    await expect(own).rejects.toThrow(
      /^readInstructions: options\.template\.render is a function, which cannot go to another thread/,
    );
    await device.dispose();
    await expect(student.head.then(() => student.parameters)).resolves.toBeInstanceOf(Map);
  });

  it('saves models into a store of the worker, and gives its files', async () => {
    const { device, tokenizer, student } = await prepared();
    const store = await distillm.memoryStore();
    await distillm.saveModel(student, store, { files: await tokenizer.save() });
    const { files } = await store.list();
    expect([...files].sort()).toContain('model.safetensors');
    const bytes = await store.read('model.safetensors');
    expect(bytes.length).toBe(await store.size('model.safetensors'));
    const again = await distillm.loadModel(store, { device });
    expect(await weightsOf(again)).toEqual(await weightsOf(student));
    await device.dispose();
  });

  it('has teacher caches, scores, reports and checks of a device too, and takes methods', async () => {
    const { device, teacher, student, tokenizer, data } = await prepared();
    const out = await distillm.memoryStore();
    const told: string[] = [];
    for await (const { type } of distillm.cacheTeacher({ teacher, data, tokenizer, out, topK: 2 })) told.push(type);
    expect(told.at(-1)).toBe('end');
    const teacherCache = await distillm.openTeacherCache(out);
    expect((await teacherCache.facts).topK).toBe(2);
    const steps: direct.StepEvent[] = [];
    const run = distillm.distill({
      ...direct.methods.kd(),
      teacherCache,
      student,
      tokenizer,
      data,
      steps: 2,
      batchSize: 4,
    });
    for await (const event of run) if (event.type === 'step') steps.push(event);
    expect(steps.map(({ step }) => step)).toEqual([1, 2]);
    const log = [{ name: 'a run', steps, validations: [] }];
    expect(await distillm.plotRuns(log, { charts: ['trainingLoss'] })).toBe(
      plotRuns(log, { charts: ['trainingLoss'] }),
    );
    const answers = [{ seed: 1, answers: [{ text: 'a b' }] }];
    expect(await distillm.scoreAnswers(answers, [['a']])).toEqual(direct.scoreAnswers(answers, [['a']]));
    const verdicts: (string | undefined)[] = [];
    for await (const { kernel, failure } of distillm.verifyDevice(device, { kernels: 'swiGLU', most: 1 })) {
      verdicts.push(kernel, failure);
    }
    expect(verdicts).toContain('swiGLU');
    expect(verdicts.filter((each) => each?.includes(' '))).toEqual([]);
    await device.dispose();
  });

  it('gives answers as data, which are no samples of a data set', async () => {
    const { device, teacher, tokenizer } = await prepared();
    const answers = await distillm.generateText(teacher, ['say a', 'say b'], {
      tokenizer,
      template: 'compact',
      maxNewTokens: 2,
    });
    const [first, second] = answers;
    const { text, finishReason, ids } = await direct
      .generateText(
        await direct.createModel(shape, { device: await direct.openDevice(onOneThread), seed: 1, trainable: false }),
        ['say a'],
        { tokenizer: direct.trainTokenizer(texts, tokenizing), template: 'compact', maxNewTokens: 2 },
      )
      .then(([answer]) => answer as direct.TextAnswer);
    expect(Array.isArray(answers)).toBe(true);
    expect(first).toMatchObject({ text, finishReason, ids });
    expect(answers.map((each) => typeof each.text)).toEqual(['string', 'string']);
    expect(second?.ids).toBeInstanceOf(Int32Array);
    await device.dispose();
  });

  it('keeps the refusal of a run for who iterates it, and lets nobody else hear of it', async () => {
    const unheard = vi.fn();
    process.on('unhandledRejection', unheard);
    try {
      const { device, student, tokenizer } = await prepared();
      const run = distillm.fineTune({ model: student, tokenizer, data: { train: [] }, steps: 1 });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(unheard).not.toHaveBeenCalled();
      await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow('data.train is empty');
      await device.dispose();
    } finally {
      process.off('unhandledRejection', unheard);
    }
  });

  it('writes the state of a run when its page is hidden or left', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    const left = new EventTarget();
    vi.stubGlobal('document', page);
    vi.stubGlobal('addEventListener', left.addEventListener.bind(left));
    vi.stubGlobal('removeEventListener', left.removeEventListener.bind(left));
    const outer = distillm;
    distillm = await connect();
    try {
      const there = await prepared();
      const checkpoint = await distillm.memoryStore();
      const options = { ...participants(there), ...settings, ...method, checkpoint, saveEvery: 1000 } as const;
      const saved: number[] = [];
      for await (const event of distillm.distill({ ...options, validation: { every: 1000 } })) {
        if (event.type === 'checkpoint' && event.kind === 'last') saved.push(event.step);
        if (event.type !== 'step') continue;
        if (event.step === 1) page.dispatchEvent(new Event('visibilitychange'));
        if (event.step === 2) page.visibilityState = 'hidden';
        if (event.step === 2) page.dispatchEvent(new Event('visibilitychange'));
        if (event.step === 4) left.dispatchEvent(new Event('pagehide'));
      }
      expect(saved).toEqual([2, 4, 6]);
    } finally {
      await distillm.terminate();
      distillm = outer;
    }
  });

  it('is refused once it was terminated, as is what was waited for', async () => {
    const other = await connect();
    const device = await other.openDevice(onOneThread);
    const waiting = other.openDevice(onOneThread);
    await other.terminate();
    await expect(waiting).rejects.toBeInstanceOf(direct.DisposedError);
    await expect(device.finish()).rejects.toThrow('Start another by startWorker.');
  });

  it('is refused where the script is of another version', async () => {
    const { port1, port2 } = new MessageChannel();
    const { expose } = await import('comlink');
    expose({ version: () => '0.0.1' }, port1);
    const opening = openWorker(port2, { terminate: async () => port1.close(), onFailure: () => {} });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_COMPATIBILITY', found: '0.0.1' });
    port1.close();
  });
});
