/** The states of a run: which are written and stay, and from which a run goes on when they are damaged on purpose. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { skewKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import {
  type DistillOptions,
  distill,
  type EndEvent,
  fineTune,
  type StartEvent,
  type TrainingEvent,
} from '../../src/distill/trainer/index.js';
import { CheckpointError } from '../../src/errors.js';
import { type FileStore, type MemoryStore, memoryStore } from '../../src/io/index.js';
import { type LanguageModel, loadModel } from '../../src/models/index.js';
import {
  collect,
  stepsOf,
  succession,
  tinyModel,
  tinyTokenizer,
  validationsOf,
  vocabSize,
  weightsOf,
} from './fixtures.js';
import { forge, forgeState } from './forged.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };
const newest = 'state-000008';

let device: Device;
let teacher: LanguageModel;
beforeAll(async () => {
  device = await openWasm({ threads: 1 });
  teacher = await tinyModel(device, { seed: 2, trainable: false });
});
afterAll(() => device.dispose());

const run = (student: LanguageModel, checkpoint: string | FileStore, extra: Partial<DistillOptions> = {}) =>
  distill({
    ...{ data, tokenizer, teacher, student, checkpoint, loss: skewKL(), batchSize: 5, maxNewTokens: 4, steps: 12 },
    sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 9, lossEps: 0 }),
    optimizer: { lr: 1e-2 },
    validation: { every: 4 },
    ...extra,
  });

/** A run with states of steps 4 and 8. */
async function stored(): Promise<MemoryStore> {
  const store = memoryStore({}, { name: 'runs/a' });
  const student = await tinyModel(device);
  for await (const event of run(student, store)) if (event.type === 'step' && event.step === 9) break;
  student.dispose();
  return store;
}
const copyOf = (store: MemoryStore) => memoryStore(Object.fromEntries(store.files), { name: store.name });

/** How a resume begins. */
async function resumed(checkpoint: string | FileStore): Promise<StartEvent> {
  const student = await tinyModel(device, { seed: 9 });
  try {
    for await (const event of run(student, checkpoint, { resume: true })) if (event.type === 'start') return event;
    return expect.unreachable();
  } finally {
    student.dispose();
  }
}

const states = async (store: FileStore): Promise<string[]> =>
  (await store.list()).folders.filter((name) => name.startsWith('state-')).sort();

describe('a damaged state', () => {
  let whole: MemoryStore;
  beforeAll(async () => {
    whole = await stored();
  });

  it('is not there when nothing was damaged', async () => {
    expect(await states(whole)).toEqual(['state-000004', newest]);
    expect(await resumed(copyOf(whole))).toMatchObject({ step: 8, remarks: [] });
  });

  const overwrite = async (state: FileStore, file: string, change: (bytes: Uint8Array) => Uint8Array) =>
    state.write(file, [change(await state.read(file))]);
  const kinds: [string, (state: FileStore) => Promise<void>, RegExp][] = [
    [
      'cut off at its end',
      (state) => overwrite(state, 'trainer-state.safetensors', (bytes) => bytes.subarray(0, -100)),
      /trainer-state\.safetensors: the file has \d+ bytes, \d+ were written/,
    ],
    ['empty', (state) => state.write('model.safetensors', []), /model\.safetensors: the file has 0 bytes/],
    ['without a file', (state) => state.remove('config.json'), /config\.json: the file is missing/],
    [
      'without its manifest',
      (state) => state.remove('distillm-state.json'),
      /distillm-state\.json: the file is missing/,
    ],
    ['of the step "2"', (state) => forgeState(state, { progress: { step: '2' } }), /has progress\.step: "2"/],
    ['of the step 2.5', (state) => forgeState(state, { progress: { step: 2.5 } }), /has progress\.step: 2\.5/],
    ['of the step 65536', (state) => forgeState(state, { progress: { step: 65536 } }), /has progress\.step: 65536/],
    ['of the step -3', (state) => forgeState(state, { progress: { step: -3 } }), /has progress\.step: -3/],
    ['without progress', (state) => forgeState(state, { progress: undefined }), /has progress: missing/],
    ['without settings', (state) => forgeState(state, { settings: undefined }), /has settings: missing/],
    [
      'with a policy that was raised half a time',
      (state) => forgeState(state, { progress: { sgo: { raises: 0.5, acceptedLoss: 1, coolingFor: 0 } } }),
      /"raises":0\.5/,
    ],
    [
      'with an id outside the vocabulary in the replay buffer',
      (state) =>
        forge(state, 'trainer-state.safetensors', {
          tensors: {
            replay(bytes) {
              // The first id of the first sample, after the header, a length and a prompt's length.
              new DataView(bytes.buffer, bytes.byteOffset).setUint16(44 + 8, vocabSize, true);
              return bytes;
            },
          },
        }),
      new RegExp(`replay buffer: sample 0 has the id ${vocabSize}, expected ids from 0 to ${vocabSize - 1}`),
    ],
  ];
  it.each(kinds)('%s is named, and the one before it is used', async (_, damage, message) => {
    const store = copyOf(whole);
    await damage(store.folder(newest));
    const { step, remarks } = await resumed(store);
    expect(step).toBe(4);
    expect(remarks[0]).toMatch(
      /^The run goes on from runs\/a\/state-000004, not from the newest state\. .*state-000008/,
    );
    expect(remarks[0]).toMatch(message);
  });

  it('is found out by one bit, in whatever file, at whatever place', async () => {
    const { files } = whole.folder(newest);
    expect(files.size).toBeGreaterThanOrEqual(6);
    for (const [file, { length }] of files) {
      for (const at of [0, length >> 1, length - 2]) {
        const store = copyOf(whole);
        await overwrite(store.folder(newest), file, (bytes) => bytes.with(at, bytes[at]! ^ 1));
        expect([file, at, (await resumed(store)).step]).toEqual([file, at, 4]);
      }
    }
  });

  it('is given up when the run has come past it', async () => {
    const store = copyOf(whole);
    await store.write(`${newest}/model.safetensors`, []);
    const student = await tinyModel(device, { seed: 9 });
    const events = await collect(run(student, store, { resume: true, keep: 9 }));
    expect(stepsOf(events).map(({ step }) => step)).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
    expect(await states(store)).toEqual(['state-000004', newest, 'state-000012']);
    const uninterrupted = await tinyModel(device);
    await collect(run(uninterrupted, memoryStore()));
    expect(await weightsOf(student)).toEqual(await weightsOf(uninterrupted));
    expect(await resumed(store)).toMatchObject({ step: 12, remarks: [] });
    student.dispose();
    uninterrupted.dispose();
  });

  it('that is the only one ends the resume, with what is wrong', async () => {
    const store = copyOf(whole);
    for (const state of await states(store)) await store.remove(`${state}/config.json`);
    await expect(resumed(store)).rejects.toThrow(CheckpointError);
    await expect(resumed(store)).rejects.toThrow(
      /checkpoint runs\/a: no state of the run is whole\. .*state-000008\/config\.json: .*state-000004\/config\.json: .*Start anew/,
    );
  });

  it('is named where a finished run cannot be made longer from the one before it', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    const student = await tinyModel(device);
    await collect(run(student, store));
    await store.write('state-000012/model.safetensors', []);
    const longer = run(student, store, { resume: true, steps: 16 });
    await expect(collect(longer)).rejects.toThrow(
      /it can be made longer when it is finished, and this one is at step 8 of 12\. That is state-000008, and not the newest state\. runs\/a\/state-000012\/model\.safetensors: the file has 0 bytes/,
    );
    student.dispose();
  });

  it('is another thing than one that the system does not let be read', async () => {
    const cause = Object.assign(new Error('EACCES: permission denied, open'), { code: 'EACCES' });
    const refused = async () => {
      throw new CheckpointError('runs/a/state-000008: cannot be read: this user has no right to (EACCES).', { cause });
    };
    for (const method of ['list', 'size', 'read', 'readInto'] as const) {
      const store = copyOf(whole);
      const locked: FileStore = {
        ...store,
        folder: (path) => (path === newest ? { ...store.folder(path), [method]: refused } : store.folder(path)),
      };
      await expect(resumed(locked), method).rejects.toThrow(/no right to \(EACCES\)/);
    }
    await expect(resumed({ ...copyOf(whole), list: refused })).rejects.toThrow(/no right to \(EACCES\)/);
  });
});

describe('states on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'distillm-states-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('that are links to nothing, or folders where files were, are errors, and nothing is begun anew', async () => {
    const student = await tinyModel(device);
    for await (const event of run(student, folder)) if (event.type === 'step' && event.step === 9) break;
    student.dispose();
    const weights = join(folder, newest, 'model.safetensors');
    await rename(weights, join(folder, 'elsewhere'));
    await symlink(join(folder, 'gone'), weights);
    await expect(resumed(folder)).rejects.toThrow(
      /model\.safetensors: cannot be read: it is a link that leads nowhere/,
    );
    await rm(weights);
    await mkdir(weights);
    await expect(resumed(folder)).rejects.toThrow(/model\.safetensors is a folder, expected a file/);
    await symlink(join(folder, 'gone'), join(folder, 'run'));
    const other = await tinyModel(device);
    await expect(collect(run(other, join(folder, 'run')))).rejects.toThrow(/run.*: cannot be read: it is a link that/);
    other.dispose();
  });

  it('share their large files with best and last, and leave nothing else behind', async () => {
    const student = await tinyModel(device);
    const events = await collect(run(student, folder));
    const best = events.findLast((event) => event.type === 'checkpoint' && event.kind === 'best');
    const names = new Set(['state-000008', 'state-000012', `state-${String(best?.step).padStart(6, '0')}`]);
    expect((await readdir(folder)).sort()).toEqual(['best', 'last', ...[...names].sort()]);
    student.dispose();
  });

  it('are read one at a time beside a run that saves', async () => {
    const student = await tinyModel(device, { n_embd: 16 });
    const saved = new Set<string>();
    let running = true;
    const training = (async () => {
      const settings = { batchSize: 3, steps: 25, optimizer: { lr: 3e-2 }, validation: { every: 1 } };
      for await (const event of fineTune({ model: student, data, checkpoint: folder, ...settings })) {
        if (event.type === 'checkpoint') saved.add((await weightsOf(student)).join());
      }
      running = false;
    })();
    const loaded: string[] = [];
    let failed = 0;
    while (running) {
      await new Promise(setImmediate);
      if (!existsSync(join(folder, 'last'))) continue;
      try {
        const model = await loadModel(join(folder, 'last'), { device });
        loaded.push((await weightsOf(model)).join());
        model.dispose();
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
        expect((error as Error).message).toMatch(/was replaced while it was read/);
        failed++;
      }
    }
    await training;
    student.dispose();
    expect(saved.size).toBe(25);
    expect(loaded.filter((weights) => !saved.has(weights))).toEqual([]);
    expect(loaded.length + failed).toBeGreaterThan(2);
  });
});

describe('states', () => {
  /** Steps whose states are there after a whole run, and the step of its best validation. */
  async function kept(extra: Partial<DistillOptions>) {
    const store = memoryStore();
    const student = await tinyModel(device);
    const events = await collect(run(student, store, { steps: 20, validation: { every: 2 }, ...extra }));
    student.dispose();
    const steps = (await states(store)).map((name) => Number(name.slice(6)));
    const best = validationsOf(events).findLast((event) => event.best)!.step;
    return { steps, best, events, store };
  }
  const sorted = (...steps: number[]) => [...new Set(steps)].sort((a, b) => a - b);

  it.each([
    [{}, [18, 20]],
    [{ keep: 1 }, [20]],
    [{ keep: 4 }, [14, 16, 18, 20]],
  ])('of %j are the newest, and that of the best', async (extra, newest) => {
    const { steps, best, store } = await kept({ ...extra, optimizer: { lr: 5e-2 } });
    expect(steps).toEqual(sorted(best, ...newest));
    const weights = (name: string) => store.files.get(`${name}/model.safetensors`);
    expect(weights('best')).toBe(weights(`state-${String(best).padStart(6, '0')}`));
    expect(weights('last')).toBe(weights('state-000020'));
  });

  const lasts = (events: Awaited<ReturnType<typeof kept>>['events']) =>
    events.flatMap((event) => (event.type === 'checkpoint' && event.kind === 'last' ? [event.step] : []));
  const bests = (events: Awaited<ReturnType<typeof kept>>['events']) =>
    validationsOf(events).flatMap((event) => (event.best ? [event.step] : []));

  it('are written with each validation, or after so many steps or minutes, and with the best and the last', async () => {
    const validation = { every: 4 };
    expect(lasts((await kept({ validation })).events)).toEqual([4, 8, 12, 16, 20]);
    const bySteps = await kept({ validation, saveEvery: 3 });
    expect(lasts(bySteps.events)).toEqual(sorted(...bests(bySteps.events), 3, 6, 9, 12, 15, 18, 20));
    const byTime = await kept({ validation, saveEvery: '0.000001min' });
    expect(lasts(byTime.events)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const rarely = await kept({ validation, saveEvery: '600min' });
    expect(lasts(rarely.events)).toEqual(sorted(...bests(rarely.events), 20));
  });

  it('are written after the step in progress when the caller asks for one, once each time', async () => {
    const student = await tinyModel(device);
    const options = { saveEvery: 100, validation: { every: 100 }, steps: 6 };
    const asked = run(student, memoryStore(), options);
    const events: TrainingEvent[] = [];
    for await (const event of asked) {
      events.push(event);
      if (event.type === 'step' && [2, 3].includes(event.step)) asked.requestSave();
    }
    expect(lasts(events)).toEqual([2, 3, 6]);
    const without = fineTune({ model: student, data, tokenizer, steps: 2, batchSize: 5 });
    without.requestSave();
    expect(lasts(await collect(without))).toEqual([]);
    student.dispose();
  });

  it('between two validations give the same bits when a run goes on from them', async () => {
    const store = memoryStore();
    const student = await tinyModel(device);
    for await (const event of run(student, store, { saveEvery: 3 }))
      if (event.type === 'step' && event.step === 7) break;
    const again = await tinyModel(device, { seed: 9 });
    // How often a state is written, and how many stay, may change.
    const events = await collect(run(again, store, { resume: true, saveEvery: 100, keep: 1 }));
    expect(events[0]).toMatchObject({ type: 'start', step: 6 });
    const uninterrupted = await tinyModel(device);
    await collect(run(uninterrupted, memoryStore()));
    expect(await weightsOf(again)).toEqual(await weightsOf(uninterrupted));
    for (const model of [student, again, uninterrupted]) model.dispose();
  });

  it.each([0, 1.5, 'epoch', '0min', '5 min', 'min', '-1min', '5m'])('saveEvery %j is refused', async (saveEvery) => {
    const student = await tinyModel(device);
    expect(() => run(student, memoryStore(), { saveEvery: saveEvery as never })).toThrow(
      `saveEvery is ${saveEvery}, expected 'validation', an integer`,
    );
    student.dispose();
  });
});

describe('best and last', () => {
  const same = { train: succession(2), validation: succession(2) };
  /** A run of which the second validation is better than the first. */
  const tune = (model: LanguageModel, checkpoint: FileStore, resume = false) =>
    fineTune({
      model,
      data: same,
      checkpoint,
      resume,
      batchSize: 5,
      steps: 8,
      optimizer: { lr: 1e-2 },
      validation: { every: 4 },
    });
  const best = 'state-000008';
  const weights = (store: MemoryStore, name: string) => store.files.get(`${name}/model.safetensors`);

  /** A finished run that was killed before it shared the state of step 8 as `killed`. */
  async function left(killed: 'best' | 'last') {
    const store = memoryStore({}, { name: 'runs/a' });
    const dying: FileStore = {
      ...store,
      async share(from, to, names) {
        if (to === killed && from === best) throw new Error('killed');
        await store.share(from, to, names);
      },
    };
    const student = await tinyModel(device);
    await expect(collect(tune(student, dying))).rejects.toThrow('killed');
    student.dispose();
    return store;
  }
  async function finished(store: FileStore) {
    const student = await tinyModel(device, { seed: 9 });
    const events = await collect(tune(student, store, true));
    student.dispose();
    return { events, start: events[0] as StartEvent, end: events.at(-1) as EndEvent };
  }

  it('that a run did not come to share are shared when it goes on, also when it was finished', async () => {
    for (const killed of ['best', 'last'] as const) {
      const store = await left(killed);
      expect(weights(store, killed)).not.toBe(weights(store, best));
      const { events, start, end } = await finished(store);
      expect(events.map(({ type }) => type)).toEqual(['start', 'end']);
      expect(end.best?.step).toBe(8);
      expect(start.remarks[0]).toMatch(/^runs\/a\/last was not state-000008, from which the run goes on: it is now\.$/);
      if (killed === 'best') {
        expect(start.remarks[1]).toBe(
          'runs/a/best was not the model of the best validation, of state-000008: it is now.',
        );
      }
      for (const name of ['best', 'last']) expect(weights(store, name)).toBe(weights(store, best));
      expect(store.files.get('last/trainer-state.safetensors')).toBe(
        store.files.get(`${best}/trainer-state.safetensors`),
      );
      expect((await finished(store)).start.remarks).toEqual([]);
    }
  });

  it('that are missing are shared again, and texts that people edited stay', async () => {
    const whole = memoryStore({}, { name: 'runs/a' });
    const student = await tinyModel(device);
    await collect(tune(student, whole));
    student.dispose();
    await whole.write('best/config.json', [new TextEncoder().encode('{"edited": true}')]);
    // A copy of the same bytes is no other model.
    await whole.write('best/model.safetensors', [await whole.read(`${best}/model.safetensors`)]);
    await whole.remove('last');
    const { start } = await finished(whole);
    expect(start.remarks).toEqual(['runs/a/last was not state-000008, from which the run goes on: it is now.']);
    expect(new TextDecoder().decode(whole.files.get('best/config.json'))).toBe('{"edited": true}');
    await whole.remove('best');
    await finished(whole);
    expect(weights(whole, 'best')).toBe(weights(whole, best));
  });

  it('say so where the state of the best is gone or damaged, and the best that is nowhere is none', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    const student = await tinyModel(device);
    await collect(tune(student, store));
    student.dispose();
    // As if the validation of step 4 had been the best.
    await forgeState(store.folder(best), { progress: { best: { step: 4, loss: 1e-3 } } });
    await store.share(best, 'last', ['trainer-state.safetensors']);
    const damaged = copyOf(store);
    await damaged.write('state-000004/model.safetensors', []);
    const before = weights(damaged, 'best');
    const kept = await finished(damaged);
    expect(kept.start.remarks).toEqual([
      expect.stringMatching(
        /^The state of the best validation, runs\/a\/state-000004, is damaged: .*has 0 bytes.* runs\/a\/best stays as it is/,
      ),
    ]);
    expect(kept.end.best?.step).toBe(4);
    expect(weights(damaged, 'best')).toBe(before);

    const gone = copyOf(store);
    for (const name of ['state-000004', 'best']) await gone.remove(name);
    const { start, end } = await finished(gone);
    expect(start.remarks).toEqual([
      'The state of the best validation, runs/a/state-000004, is gone. The best is chosen anew from the next validation on.',
    ]);
    expect(end.best).toBeUndefined();
  });
});

describe('one run at a time', () => {
  it('has a folder: a second one is refused, and the first goes on', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    const students = [await tinyModel(device), await tinyModel(device, { seed: 9 })] as const;
    const refused = /runs\/a: another run writes to it/;
    const first = run(students[0], store);
    const seen: string[] = [];
    for await (const event of first) {
      seen.push(event.type);
      // Before there is a state, and when there is one.
      if (event.type === 'step' && event.step === 2)
        await expect(collect(run(students[1], store))).rejects.toThrow(refused);
      if (event.type !== 'step' || event.step !== 6) continue;
      await expect(collect(run(students[1], store, { resume: true }))).rejects.toThrow(refused);
      await expect(collect(run(students[1], store))).rejects.toThrow(/holds a run already, at step 4/);
    }
    expect(seen.at(-1)).toBe('end');
    expect(await resumed(store)).toMatchObject({ step: 12 });
    for (const student of students) student.dispose();
  });

  it('has a folder no longer when it was left or has failed', async () => {
    const store = memoryStore();
    const student = await tinyModel(device);
    for await (const event of run(student, store)) if (event.type === 'checkpoint' && event.kind === 'last') break;
    await expect(collect(run(student, store, { resume: true, seed: 11 }))).rejects.toThrow(/seed was 10 and is 11/);
    expect(await resumed(store)).toMatchObject({ step: 4 });
    student.dispose();
  });

  it('has a student: a second run of it is refused, and the first has the weights that it has alone', async () => {
    const student = await tinyModel(device);
    const alone = await tinyModel(device);
    const again = () => collect(run(student, memoryStore()));
    for await (const event of run(student, memoryStore())) {
      if (event.type !== 'step' || event.step !== 5) continue;
      const error = await again().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'ERR_OPTION', option: 'student' });
      expect((error as Error).message).toMatch(/^training: the student is being trained by another run\. Wait until/);
    }
    await collect(run(alone, memoryStore()));
    expect(await weightsOf(student)).toEqual(await weightsOf(alone));
    expect((await again()).at(-1)).toMatchObject({ type: 'end', step: 12 });
    for (const model of [student, alone]) model.dispose();
  });
});
