/**
 * Runs whose GPU is lost on purpose: at every kind of call of a stand-in, and on a real adapter in the middle of a step,
 * of answers, of a validation and of a state that is being written. A run that goes on has the bits of one that was left
 * alone.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openGPU } from '#platform';
import type { Device, KernelCall } from '../../src/backend/backend.js';
import type { KernelName } from '../../src/backend/kernels/index.js';
import { recoverable, recoveryOf } from '../../src/backend/recovery.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { openWebGPU } from '../../src/backend/webgpu/index.js';
import { skewKL } from '../../src/distill/losses/index.js';
import { methods } from '../../src/distill/methods/index.js';
import { adaptiveOffPolicy, dataOnly } from '../../src/distill/sgo/index.js';
import {
  type DeviceEvent,
  type DistillOptions,
  distill,
  type TrainingEvent,
  type TrainingRun,
} from '../../src/distill/trainer/index.js';
import { DeviceError } from '../../src/errors.js';
import { type MemoryStore, memoryStore } from '../../src/io/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import { Tensor } from '../../src/tensor/index.js';
import { describeWebGPU } from '../backend/webgpu/adapter.js';
import { type Losable, openLosable } from '../harness/losable.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, validationsOf, weightsOf } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };
const steps = 8;

/** A run with batches of every kind, and answers in its validations. */
const run = (
  { student, teacher }: { student: LanguageModel; teacher: LanguageModel },
  extra: Partial<DistillOptions> = {},
): TrainingRun =>
  distill({
    ...{ data, tokenizer, teacher, student, loss: skewKL(), batchSize: 5, maxNewTokens: 4, steps },
    sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 9, lossEps: 0 }),
    optimizer: { lr: 1e-2 },
    validation: { every: 3, rougeL: { samples: 2 } },
    ...extra,
  });

const modelsOn = async (device: Device) => ({
  student: await tinyModel(device, { embd_pdrop: 0.1 }),
  teacher: await tinyModel(device, { seed: 2, trainable: false }),
});

const lossesIn = (events: readonly TrainingEvent[]) =>
  events.filter((event): event is DeviceEvent => event.type === 'device');
/** What a log that is cut back says of the steps and validations: of one that came twice the later. */
const told = (events: readonly TrainingEvent[]) => [
  ...new Map(stepsOf(events).map(({ step, loss, source, gradNorm }) => [step, { loss, source, gradNorm }])),
  ...new Map(validationsOf(events).map(({ step, loss, rougeL, phi, best }) => [step, { loss, rougeL, phi, best }])),
];

interface Outcome {
  readonly events: readonly TrainingEvent[];
  readonly told: unknown;
  readonly weights: readonly number[];
  readonly calls: readonly number[];
}

const open: Device[] = [];
afterEach(async () => {
  for (const device of open.splice(0)) await device.dispose();
});

/** A device whose stand-ins are lost at these calls, one after the other; the one after them stays. */
async function losingAt(...at: readonly number[]): Promise<{ device: Device; opened: Losable[] }> {
  const opened: Losable[] = [];
  const next = async () => {
    const device = await openLosable(at[opened.length]);
    opened.push(device);
    return device;
  };
  const wasm = () => openWasm({ threads: 1, arithmetic: 'plain' });
  const device = recoverable(await next(), { webgpu: next, wasm });
  open.push(device);
  return { device, opened };
}

async function outcome(at: readonly number[], extra: Partial<DistillOptions> = {}): Promise<Outcome> {
  const { device, opened } = await losingAt(...at);
  const models = await modelsOn(device);
  const events = await collect(run(models, extra));
  const weights = await weightsOf(models.student);
  for (const model of Object.values(models)) model.dispose();
  expect(device.memory().liveStorages).toBe(0);
  return { events, told: told(events), weights, calls: opened.map(({ calls }) => calls) };
}

describe('a run whose device is lost', () => {
  let alone: Outcome;
  /** Calls that loading the models takes. */
  let loading: number;
  beforeAll(async () => {
    alone = await outcome([]);
    expect(new Set(stepsOf(alone.events).map(({ source }) => source))).toEqual(new Set(['data', 'generate', 'replay']));
    const { device, opened } = await losingAt();
    const models = await modelsOn(device);
    const start = run(models);
    await start.next();
    loading = opened[0]!.calls;
    await start.return();
  });

  /** Places over the whole run, from the copies that it begins with to its last call. */
  const places = Array.from({ length: 24 }, (_, i) => (i + 0.5) / 24);

  it.each([
    ['with a folder', () => memoryStore({}, { name: 'runs/a' })],
    ['without one', () => undefined],
  ])('%s, has the bits of one that was left alone, wherever that happens', async (_, store) => {
    const seen = new Set<string>();
    const [total = 0] = alone.calls;
    for (const place of places) {
      const checkpoint = store();
      // Less the copies for a loss: those fail for good, as a model does that cannot be loaded.
      const at = Math.floor(loading + 60 + place * (total - loading - 120));
      const found = await outcome([at], { saveEvery: 2, ...(checkpoint && { checkpoint }) });
      const [loss, ...more] = lossesIn(found.events);
      expect([at, more.length, loss?.lost]).toEqual([at, 0, 'webgpu: the device was lost (unknown): a test']);
      expect([at, found.told, found.weights]).toEqual([at, alone.told, alone.weights]);
      seen.add(`${loss!.from.replace(/\d+$/, '')} ${loss!.step}`);
    }
    const from = store() ? 'runs/a/state-' : 'memory';
    expect([...seen].sort()).toEqual(expect.arrayContaining([`memory 0`, `${from} 2`, `${from} 6`]));
  });

  it.each([
    ['with a folder', () => memoryStore({}, { name: 'runs/a' })],
    ['without one', () => undefined],
  ])('%s, goes on while the teacher answers, and asks for no answer twice that it had', async (_, store) => {
    // 80 prompts are two parts of answers.
    const train = Array.from({ length: 8 }, () => succession(2)).flat();
    const seqkd = { ...methods.seqkd(), sgo: dataOnly(), data: { train, validation: data.validation } };
    const of = (extra: Partial<DistillOptions> = {}) => ({ ...seqkd, steps: 2, ...extra }) as Partial<DistillOptions>;
    const whole = await outcome([], of());
    const answersIn = (events: readonly TrainingEvent[]) => events.filter(({ type }) => type === 'answers');
    const { device, opened } = await losingAt();
    const models = await modelsOn(device);
    const places: number[] = [];
    for await (const event of run(models, of())) if (event.type === 'answers') places.push(opened[0]!.calls);
    const found = new Set<number>();
    for (const at of [places[0]! + 20, places[8]! + 20, places.at(-2)! + 20]) {
      const checkpoint = store();
      const lost = await outcome([at], of(checkpoint && { checkpoint }));
      expect(lossesIn(lost.events)).toMatchObject([{ step: 0, from: 'memory' }]);
      expect([lost.told, lost.weights]).toEqual([whole.told, whole.weights]);
      const again = lost.events.slice(lost.events.findIndex(({ type }) => type === 'device'));
      found.add(answersIn(again).filter((event) => event.type === 'answers' && event.kept).length);
    }
    // The first part was there in the last two of them.
    expect([...found]).toEqual([0, 1]);
  });

  it('ends while the teacher answers where that is asked for', async () => {
    const { device, opened } = await losingAt();
    const models = await modelsOn(device);
    const going = async () => {
      for await (const event of run(models, { ...methods.seqkd(), sgo: dataOnly(), onDeviceLoss: 'stop' })) {
        if (event.type === 'answers') opened[0]!.lose();
      }
    };
    await expect(going()).rejects.toThrow(
      /the device was lost .*, at step 0\. The run has no checkpoint to go back to/,
    );
  });

  it('goes on where that happens while somebody looks at the first event', async () => {
    for (const checkpoint of [undefined, memoryStore({}, { name: 'runs/a' })]) {
      const { device, opened } = await losingAt();
      const models = await modelsOn(device);
      const events: TrainingEvent[] = [];
      for await (const event of run(models, checkpoint && { checkpoint })) {
        events.push(event);
        if (event.type === 'start') opened[0]!.lose();
      }
      expect(lossesIn(events)).toMatchObject([{ step: 0, from: 'memory' }]);
      expect([told(events), await weightsOf(models.student)]).toEqual([alone.told, alone.weights]);
    }
  });

  it('goes on where the next device is lost too, before the state is in it', async () => {
    const [total = 0] = alone.calls;
    const found = await outcome([total >> 1, 3, 40], { checkpoint: memoryStore() });
    expect(lossesIn(found.events)).toHaveLength(1);
    expect([found.told, found.weights]).toEqual([alone.told, alone.weights]);
  });

  it('goes on in WebAssembly where that is asked for, and says so', async () => {
    const [total = 0] = alone.calls;
    const found = await outcome([total >> 1], { onDeviceLoss: 'wasm' });
    expect(lossesIn(found.events)).toEqual([
      {
        ...{
          type: 'device',
          step: 3,
          lost: 'webgpu: the device was lost (unknown): a test',
          from: 'memory',
          remarks: [],
        },
        device: 'WASM SIMD, 1 thread, 256-bit, plain arithmetic',
      },
    ]);
    expect([found.told, found.weights]).toEqual([alone.told, alone.weights]);
  });

  it('ends where that is asked for, and can be resumed', async () => {
    const checkpoint = memoryStore({}, { name: 'runs/a' });
    const [total = 0] = alone.calls;
    const ended = outcome([total >> 1], { onDeviceLoss: 'stop', checkpoint });
    await expect(ended).rejects.toThrow(DeviceError);
    await expect(ended).rejects.toThrow(
      /^webgpu: the device was lost \(unknown\): a test, at step \d\. Resume the run from its last state\.$/,
    );
    const { device } = await losingAt();
    const models = await modelsOn(device);
    await collect(run(models, { checkpoint, resume: true }));
    expect(await weightsOf(models.student)).toEqual(alone.weights);
  });

  it('ends where devices are lost again and again', async () => {
    const at = Array.from({ length: 9 }, (_, i) => (i === 0 ? alone.calls[0]! >> 1 : 60));
    await expect(outcome(at)).rejects.toThrow(
      /lost \(unknown\): a test, 6 times since the last state, at step \d\. The run has no checkpoint to go back to\.$/,
    );
  });

  it('ends where no device can be had any more, after some attempts', async () => {
    const first = await openLosable(alone.calls[0]! >> 1);
    let attempts = 0;
    const device = recoverable(first, {
      webgpu: async () => {
        attempts++;
        throw new DeviceError('webgpu: found no adapter.');
      },
      wasm: () => openWasm({ threads: 1 }),
    });
    open.push(device);
    const ended = collect(run(await modelsOn(device))).then(
      () => undefined,
      (error: unknown) => error,
    );
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let error: unknown;
    void ended.then((found) => {
      error = found;
    });
    while (error === undefined) await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    expect(attempts).toBe(4);
    expect(String(error)).toMatch(
      /could not be opened again: webgpu: found no adapter\. Resume it later, or with onDeviceLoss 'wasm'\.$/,
    );
  });

  it('costs nothing on a device that is never lost', async () => {
    const device = await openWasm({ threads: 1 });
    open.push(device);
    const read = vi.spyOn(device, 'read');
    const models = await modelsOn(device);
    const training = run(models);
    await training.next();
    await training.next();
    // The validation: its loss, and a read a token.
    expect(read.mock.calls.length).toBeLessThanOrEqual(1 + 4);
    await training.return();
  });
});

describe('a storage whose contents were lost', () => {
  it('is an error to read, until it is written, cleared, or made by a kernel', async () => {
    const { device, opened } = await losingAt();
    const [kept, gone] = ['kept', 'gone'].map((label) => Tensor.from(device, Float32Array.of(1, 2), [2], label));
    const recovery = recoveryOf(device)!;
    const contents = await recovery.keep(new Set([gone!.storage]));
    opened[0]!.lose();
    await expect(kept!.read()).rejects.toThrow(/was lost/);
    await recovery.reopen('webgpu', contents);
    expect(await kept!.read()).toEqual(Float32Array.of(1, 2));
    const add = (operands: KernelCall<'add'>['operands']) =>
      device.run('add', { dims: { size: 2 }, operands, params: {} });
    const y = Tensor.empty(device, [2]);
    await expect(gone!.read()).rejects.toThrow(/^gone: its contents went with the device that was lost/);
    expect(() => device.copy(gone!.storage, 0, y.storage, 0, 8)).toThrow(DeviceError);
    expect(() => add({ a: kept!.storage, b: gone!.storage, y: y.storage })).toThrow(DeviceError);
    add({ a: kept!.storage, b: kept!.storage, y: gone!.storage });
    expect(await gone!.read()).toEqual(Float32Array.of(2, 4));
    for (const tensor of [kept!, gone!, y]) tensor.dispose();
  });
});

/** Dawn aborts the process when its entry object is collected while a device of it lives: these outlive the tests. */
const entries: GPU[] = [];
afterAll(() => entries.splice(0));

describeWebGPU('a run on a GPU that is destroyed', () => {
  async function openOwn(own: GPUDevice[]) {
    const gpu = await openGPU();
    if ('missing' in gpu) throw new Error(gpu.missing);
    entries.push(gpu);
    const adapter = await gpu.requestAdapter();
    const device = (await adapter?.requestDevice()) as GPUDevice;
    own.push(device);
    return openWebGPU({ device });
  }

  it('in a step, in answers, in a validation and while it saves: it ends as one that was left alone', async () => {
    const own: GPUDevice[] = [];
    const next = () => openOwn(own);
    const device = recoverable(await next(), { webgpu: next, wasm: () => openWasm({ threads: 1 }) });
    const lose = () => own.at(-1)!.destroy();
    /** The device is lost at the first call of the kernel after the event. The student answers in step 7. */
    const moments: { after: (event: TrainingEvent) => boolean; kernel: KernelName }[] = [
      { after: ({ type }) => type === 'start', kernel: 'divergence' },
      { after: ({ type, step }) => type === 'step' && step === 6, kernel: 'crossEntropy' },
      { after: ({ type, step }) => type === 'checkpoint' && step === 6, kernel: 'sample' },
    ];
    let armed: KernelName | undefined;
    const { run: runKernel } = device;
    Object.assign(device, {
      run<K extends KernelName>(kernel: K, call: KernelCall<K>) {
        if (kernel === armed) {
          armed = undefined;
          lose();
        }
        runKernel(kernel, call);
      },
    });
    const whole = memoryStore({}, { name: 'runs/gpu' });
    let isSaved = false;
    const checkpoint: MemoryStore = {
      ...whole,
      addFolder: (path, fill) =>
        whole.addFolder(path, async (aside) => {
          if (path === 'state-000003' && !isSaved) {
            isSaved = true;
            lose();
          }
          await fill(aside);
        }),
    };
    const models = await modelsOn(device);
    const events: TrainingEvent[] = [];
    for await (const event of run(models, { checkpoint, saveEvery: 1 })) {
      events.push(event);
      const due = moments.findIndex(({ after }) => after(event));
      if (due >= 0) armed = moments.splice(due, 1)[0]!.kernel;
    }
    expect(lossesIn(events).map(({ step, from }) => [step, from])).toEqual([
      [0, 'memory'],
      [2, 'runs/gpu/state-000002'],
      [5, 'runs/gpu/state-000005'],
      [6, 'runs/gpu/state-000006'],
    ]);
    expect(lossesIn(events)[0]!.lost).toMatch(/^webgpu: the device was lost \(destroyed\)/);
    const found = { weights: await weightsOf(models.student), losses: lossesOf(events) };
    for (const model of Object.values(models)) model.dispose();
    expect(device.memory().liveStorages).toBe(0);
    await device.dispose();

    const alone = await outcome([]);
    const worst = (one: readonly number[], other: readonly number[]) =>
      Math.max(...one.map((value, i) => Math.abs(value - other[i]!)));
    expect(worst(found.losses, lossesOf(alone.events))).toBeLessThan(1e-4);
    // AdamW makes whole steps of gradients that are all rounding.
    expect(worst(found.weights, alone.weights)).toBeLessThan(1e-2);
  }, 600_000); // a software GPU compiles every shader anew, on five devices: half a minute of two idle cores
});

/** Of each step once. */
const lossesOf = (events: readonly TrainingEvent[]) => [
  ...new Map(stepsOf(events).map(({ step, loss }) => [step, loss])).values(),
];
