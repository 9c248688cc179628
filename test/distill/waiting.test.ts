/** Runs whose folder is full, or gone, for a while: stores that refuse on purpose, under a clock of the test's own. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { type FineTuneOptions, fineTune, type TrainingEvent } from '../../src/distill/trainer/index.js';
import { passingReason } from '../../src/distill/trainer/waiting.js';
import { CheckpointError, OptionError } from '../../src/errors.js';
import { NothingThere } from '../../src/io/fileStore.js';
import { type FileStore, type MemoryStore, memoryStore } from '../../src/io/index.js';
import { loadModel } from '../../src/models/index.js';
import { succession, tinyModel, weightsOf } from './fixtures.js';

let device: Device;
beforeAll(async () => {
  device = await openWasm({ threads: 1 });
});
afterAll(() => device.dispose());
// Time goes on by itself, for the turns that training gives the event loop, and faster where the test says so.
beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], shouldAdvanceTime: true }),
);
afterEach(() => void vi.useRealTimers());

const fault = (code: string) =>
  new CheckpointError(`runs/a/state: cannot be written: (${code}).`, {
    cause: Object.assign(new Error(code), { code }),
  });

/** A store that takes so many bytes in all, as a disk of that size does, and asks `listed` before it lists. */
function disk(size: () => number, listed: () => void = () => {}): { store: FileStore; inside: MemoryStore } {
  const inside = memoryStore({}, { name: 'runs/a' });
  const limited = (store: FileStore): FileStore => ({
    ...store,
    async list() {
      listed();
      return store.list();
    },
    async write(path, chunks) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk.slice());
      const used = [...inside.files.values()].reduce((total, file) => total + file.byteLength, 0);
      const wanted = parts.reduce((total, part) => total + part.byteLength, 0);
      if (used + wanted > size()) throw fault('ENOSPC');
      await store.write(path, parts);
    },
    addFolder: (path, fill) => store.addFolder(path, (aside) => fill(limited(aside))),
    folder: (path) => limited(store.folder(path)),
  });
  return { store: limited(inside), inside };
}

const data = { train: succession(4), validation: succession(3) };
const options = { data, steps: 4, batchSize: 5, validation: { every: 2 } };

interface Watched {
  readonly events: TrainingEvent[];
  readonly error?: unknown;
}

/** Iterates a run; time passes when it waits. `at` is called with each event, before the run goes on. */
async function watch(
  given: FineTuneOptions,
  at: (event: TrainingEvent, events: readonly TrainingEvent[]) => void = () => {},
): Promise<Watched> {
  const events: TrainingEvent[] = [];
  const run = fineTune(given);
  try {
    for (;;) {
      const next = run.next();
      // It is rejected while time is still being advanced.
      next.catch(() => {});
      if (events.at(-1)?.type === 'waiting') await vi.advanceTimersByTimeAsync(60_000);
      const { value, done } = await next;
      if (done) return { events };
      events.push(value);
      at(value, events);
    }
  } catch (error) {
    return { events, error };
  }
}
const typesOf = (events: readonly TrainingEvent[]) => events.map(({ type }) => type);
const waitsOf = (events: readonly TrainingEvent[]) => events.filter((event) => event.type === 'waiting');

describe('a run whose disk is full', () => {
  it('waits, says so with each try, and goes on when there is room, with the weights that it would have', async () => {
    const whole = memoryStore();
    const expected = await tinyModel(device);
    await watch({ ...options, model: expected, checkpoint: whole });

    let size = 1000;
    const { store, inside } = disk(() => size);
    const model = await tinyModel(device);
    const { events, error } = await watch({ ...options, model, checkpoint: store }, (event, before) => {
      if (event.type === 'waiting' && waitsOf(before).length === 3) size = 10 ** 7;
    });
    expect(error).toBeUndefined();
    const first = typesOf(events).indexOf('waiting');
    expect(typesOf(events).slice(first, first + 6)).toEqual([
      ...['waiting', 'waiting', 'waiting', 'waited', 'checkpoint', 'checkpoint'],
    ]);
    const [once, , third] = waitsOf(events);
    expect(once).toMatchObject({
      ...{ type: 'waiting', step: 2, reason: 'full', path: 'runs/a', retryMs: 10_000 },
      message: expect.stringContaining('ENOSPC'),
    });
    expect(once).not.toHaveProperty('limitMs');
    expect(once!.waitedMs).toBeLessThan(10_000);
    expect(third!.waitedMs).toBeGreaterThanOrEqual(20_000);
    // The weights and two moments of each, which are nearly all of a state.
    const state = [...inside.files].filter(([path]) => path.startsWith('state-000002/'));
    const bytes = state.reduce((total, [, file]) => total + file.byteLength, 0);
    expect(once!.neededBytes).toBe(3 * 4 * (await weightsOf(model)).length);
    expect(once!.neededBytes! / bytes).toBeGreaterThan(0.5);
    expect(once!.neededBytes).toBeLessThan(bytes);
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 4 });
    expect(await weightsOf(model)).toEqual(await weightsOf(expected));
    expect((await inside.list()).folders.filter((name) => name.startsWith('state')).sort()).toEqual([
      ...['state-000002', 'state-000004'],
    ]);
    for (const each of [model, expected]) each.dispose();
  });

  it('gives up after the time that it is given, and says what is lost', async () => {
    let size = 10 ** 7;
    const { store } = disk(() => size);
    using model = await tinyModel(device);
    const given = { ...options, model, checkpoint: store, waitForRoom: '2min' };
    const { events, error } = await watch(given, (event) => {
      if (event.type === 'step' && event.step === 3) size = 1000;
    });
    const waits = waitsOf(events);
    expect(waits.length).toBeGreaterThan(1);
    for (const { limitMs } of waits) expect(limitMs).toBe(120_000);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(
      /^step 4 of 4: the state cannot be written, after 1\d\d s of waiting: .*ENOSPC.* The steps after 2 are lost\. Make room, and give fallbackOut, a folder on another disk\.$/,
    );
    expect(typesOf(events)).not.toContain('end');
  });

  it('with no time to wait fails at once, with a second folder that has the state', async () => {
    const { store } = disk(() => 1000);
    const fallbackOut = memoryStore({}, { name: 'other/b' });
    using model = await tinyModel(device);
    const { events, error } = await watch({ ...options, model, checkpoint: store, fallbackOut, waitForRoom: '0min' });
    expect(waitsOf(events)).toEqual([]);
    expect((error as Error).message).toMatch(/It is in fallbackOut, other\/b\/state-000002: resume from there\.$/);
    expect(events.filter(({ type }) => type === 'checkpoint')).toMatchObject([
      { kind: 'best', step: 2, path: 'other/b/best', fallback: 'other/b' },
      { kind: 'last', step: 2, path: 'other/b/last', fallback: 'other/b' },
    ]);
  });

  it('hears the signal while it waits, writes to the second folder, from which a run goes on as from the first', async () => {
    const expected = await tinyModel(device);
    await watch({ ...options, model: expected, checkpoint: memoryStore() });

    const { store, inside } = disk(() => 1000);
    const fallbackOut = memoryStore({}, { name: 'other/b' });
    const stop = new AbortController();
    const model = await tinyModel(device);
    const given = { ...options, checkpoint: store, fallbackOut, signal: stop.signal };
    const { events, error } = await watch({ ...given, model }, (event, before) => {
      if (event.type === 'waiting' && waitsOf(before).length === 2) stop.abort();
    });
    expect(error).toBeUndefined();
    expect(waitsOf(events)).toHaveLength(2);
    expect(typesOf(events).slice(-3)).toEqual(['checkpoint', 'checkpoint', 'end']);
    expect(events.at(-1)).toMatchObject({ reason: 'aborted', step: 2 });
    expect([...inside.files.keys()].some((path) => path.startsWith('state'))).toBe(false);
    expect(await weightsOf(await loadModel(fallbackOut.folder('last'), { device }))).toEqual(await weightsOf(model));

    // It is not replaced.
    const again = await watch({ ...options, model, checkpoint: memoryStore(), fallbackOut });
    expect((again.error as Error).message).toMatch(/^fallbackOut other\/b holds a state of a run, of step 2: /);
    const resumed = await tinyModel(device, { seed: 9 });
    const rest = await watch({ ...options, model: resumed, checkpoint: fallbackOut, resume: true });
    expect(rest.events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 4 });
    expect(await weightsOf(resumed)).toEqual(await weightsOf(expected));
    for (const each of [model, expected, resumed]) each.dispose();
  });

  it('after the signal tries for a minute more where there is no second folder: room may come', async () => {
    for (const roomComes of [true, false]) {
      let size = 1000;
      const { store } = disk(() => size);
      const stop = new AbortController();
      using model = await tinyModel(device);
      const { events, error } = await watch({ ...options, model, checkpoint: store, signal: stop.signal }, (event) => {
        // Heard before the state is written, as by Ctrl-C in a step.
        if (event.type === 'step' && event.step === 1) stop.abort();
        if (event.type === 'waiting' && roomComes) size = 10 ** 7;
      });
      const [first] = waitsOf(events);
      expect(first).toMatchObject({ step: 1, limitMs: 60_000 });
      if (roomComes) expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'aborted' });
      else expect((error as Error).message).toContain('All 1 steps are lost.');
    }
  });

  it('whose second folder is full as well says so of both', async () => {
    const { store } = disk(() => 1000);
    const { store: fallbackOut } = disk(() => 1000);
    using model = await tinyModel(device);
    const { error } = await watch({ ...options, model, checkpoint: store, fallbackOut, waitForRoom: '0min' });
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(/ENOSPC.* Nor can it be in fallbackOut: .*ENOSPC.* All 2 steps are lost/);
  });
});

describe('a run that is resumed on a full disk', () => {
  /** A run of four steps that was left after its state of step 2, whose last/ was not shared. */
  async function left(refuse: () => boolean) {
    const inside = memoryStore({}, { name: 'runs/a' });
    const model = await tinyModel(device);
    let isKilled = false;
    const dying: FileStore = {
      ...inside,
      async share(from, to, names) {
        if (isKilled || to === 'last') {
          isKilled = true;
          throw new Error('killed');
        }
        await inside.share(from, to, names);
      },
    };
    await watch({ ...options, model, checkpoint: dying });
    model.dispose();
    const full: FileStore = {
      ...inside,
      share: (...given) => (refuse() ? Promise.reject(fault('ENOSPC')) : inside.share(...given)),
      lock: () => (refuse() ? Promise.reject(fault('ENOSPC')) : inside.lock()),
    };
    return { inside, full };
  }

  it('waits before its first event, for its lock and for last/, and ends with the weights of one that was left alone', async () => {
    const expected = await tinyModel(device);
    await watch({ ...options, model: expected, checkpoint: memoryStore() });
    let refusals = 0;
    // Room comes twice, and goes in between.
    const refuse = [true, true, false, true, true, false];
    const { full } = await left(() => refuse[refusals++] ?? false);
    const model = await tinyModel(device, { seed: 9 });
    const { events, error } = await watch({ ...options, model, checkpoint: full, resume: true });
    expect(error).toBeUndefined();
    expect(typesOf(events).slice(0, 7)).toEqual([
      ...['waiting', 'waiting', 'waited', 'waiting', 'waiting', 'waited', 'start'],
    ]);
    expect(waitsOf(events)).toMatchObject([
      ...Array(2).fill({ step: 0, what: 'folder', reason: 'full', path: 'runs/a' }),
      ...Array(2).fill({ step: 2, what: 'shared', reason: 'full', message: expect.stringContaining('ENOSPC') }),
    ]);
    for (const event of waitsOf(events)) expect(event).not.toHaveProperty('neededBytes');
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 4 });
    expect(await weightsOf(model)).toEqual(await weightsOf(expected));
    for (const each of [model, expected]) each.dispose();
  });

  it('gives up after its time, and has lost nothing', async () => {
    const { full, inside } = await left(() => true);
    const files = [...inside.files.keys()];
    using model = await tinyModel(device, { seed: 9 });
    const given = { ...options, model, checkpoint: full, resume: true, waitForRoom: '1min' };
    const { events, error } = await watch(given);
    expect(new Set(typesOf(events))).toEqual(new Set(['waiting']));
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(
      /^checkpoint runs\/a: the run cannot go on in its folder, after \d+ s of waiting: .*ENOSPC.* Nothing is lost, its states are as they were\.$/,
    );
    expect([...inside.files.keys()]).toEqual(files);
    // What does not pass ends it at once, in the words of the store.
    const broken = { ...inside, lock: () => Promise.reject(fault('EIO')) };
    const ended = await watch({ ...options, model, checkpoint: broken, resume: true });
    expect([waitsOf(ended.events), `${ended.error}`]).toEqual([[], expect.stringContaining('EIO')]);
  });

  it('ends as it was when the signal comes', async () => {
    const { full, inside } = await left(() => true);
    const files = [...inside.files.keys()];
    const stop = new AbortController();
    using model = await tinyModel(device, { seed: 9 });
    const { events, error } = await watch(
      { ...options, model, checkpoint: full, resume: true, signal: stop.signal },
      (_, before) => {
        if (waitsOf(before).length === 2) stop.abort();
      },
    );
    expect(error).toBeUndefined();
    expect(typesOf(events)).toEqual(['waiting', 'waiting', 'start', 'end']);
    expect(events.at(-1)).toMatchObject({ reason: 'aborted', step: 2 });
    expect([...inside.files.keys()]).toEqual(files);
  });

  it('a run that begins there is refused: it has nothing to lose', async () => {
    const full: FileStore = { ...memoryStore(), lock: () => Promise.reject(fault('ENOSPC')) };
    using model = await tinyModel(device);
    const { events, error } = await watch({ ...options, model, checkpoint: full });
    expect([events, `${error}`]).toEqual([[], expect.stringContaining('ENOSPC')]);
  });
});

describe('a state that is written, and cannot be shared as last/', () => {
  const shelf = (code: string, isFull: () => boolean = () => true) => {
    const inside = memoryStore({}, { name: 'runs/a' });
    let states = 0;
    const store: FileStore = {
      ...inside,
      addFolder(path, fill) {
        states++;
        return inside.addFolder(path, fill);
      },
      share: (...given) => (given[1] === 'last' && isFull() ? Promise.reject(fault(code)) : inside.share(...given)),
    };
    return { inside, store, states: () => states };
  };

  it('is not written again while the run waits', async () => {
    let isFull = true;
    const { inside, store, states } = shelf('ENOSPC', () => isFull);
    using model = await tinyModel(device);
    const { events, error } = await watch({ ...options, model, checkpoint: store }, (event, before) => {
      if (event.type !== 'waiting') return;
      expect(event).toMatchObject({ step: 2, what: 'shared' });
      expect(inside.files.has('state-000002/distillm-state.json')).toBe(true);
      if (waitsOf(before).length === 2) isFull = false;
    });
    expect(error).toBeUndefined();
    expect(waitsOf(events)).toHaveLength(2);
    expect(states()).toBe(2);
    expect(events.filter(({ type }) => type === 'checkpoint')).toMatchObject([
      ...(['best', 'last'] as const).map((kind) => ({ kind, step: 2 })),
      ...(['best', 'last'] as const).map((kind) => ({ kind, step: 4 })),
    ]);
  });

  it.each([
    ['EACCES', 'forever'],
    ['ENOSPC', '0min'],
  ] as const)('with %s the run ends, and says that nothing is lost', async (code, waitForRoom) => {
    const { inside, store } = shelf(code);
    const fallbackOut = memoryStore({}, { name: 'other/b' });
    using model = await tinyModel(device);
    const { error } = await watch({ ...options, model, checkpoint: store, fallbackOut, waitForRoom });
    expect((error as Error).message).toMatch(
      new RegExp(
        `^step 2 of 4: the state is written, as runs/a/state-000002; what comes after that is not.*: .*${code}.* Nothing is lost: a run that is resumed goes on from it`,
      ),
    );
    expect((error as Error).message).not.toMatch(/are lost/);
    expect(fallbackOut.files.size).toBe(0);
    using resumed = await tinyModel(device, { seed: 9 });
    const rest = await watch({ ...options, model: resumed, checkpoint: inside, resume: true });
    expect(rest.events[0]).toMatchObject({ type: 'start', step: 2 });
    expect(rest.events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 4 });
  });

  it('nor is one in the second folder told as lost', async () => {
    const { store: fallbackOut, inside } = shelf('EACCES');
    const { store } = disk(() => 1000);
    using model = await tinyModel(device);
    const { error } = await watch({ ...options, model, checkpoint: store, fallbackOut, waitForRoom: '0min' });
    expect((error as Error).message).toMatch(
      /It is in fallbackOut, runs\/a\/state-000002: resume from there\..*EACCES/,
    );
    expect(inside.files.has('state-000002/distillm-state.json')).toBe(true);
  });

  it('and is gone with its folder, is told as lost', async () => {
    const inside = memoryStore({}, { name: 'runs/a' });
    const store: FileStore = {
      ...inside,
      async share() {
        for (const path of inside.files.keys()) (inside.files as Map<string, Uint8Array>).delete(path);
        throw fault('EIO');
      },
    };
    using model = await tinyModel(device);
    const { error } = await watch({ ...options, model, checkpoint: store });
    expect((error as Error).message).toMatch(/the state cannot be written: .*EIO.* All 2 steps are lost/);
  });
});

describe('two runs with one second folder', () => {
  const lost = (fallbackOut: FileStore) => ({
    ...options,
    ...{ checkpoint: disk(() => 1000).store, fallbackOut, waitForRoom: '0min' },
  });

  it('both have their states in it, each where its error says', async () => {
    const fallbackOut = memoryStore({}, { name: 'other/b' });
    const models = [await tinyModel(device), await tinyModel(device, { seed: 9 })] as const;
    const ended = await Promise.all(models.map((model) => watch({ ...lost(fallbackOut), model })));
    const places = ended.map(({ error }) => /It is in fallbackOut, (.*)\/state-000002: /.exec(`${error}`)?.[1]);
    expect([...places].sort()).toEqual(['other/b', 'other/b/run-2']);
    for (const [i, { events, error }] of ended.entries()) {
      const place = places[i]!;
      const folder = place === 'other/b' ? fallbackOut : fallbackOut.folder('run-2');
      expect(`${error}`.includes("other/b itself has another run's state by now.")).toBe(place !== 'other/b');
      expect(events.findLast(({ type }) => type === 'checkpoint')).toMatchObject({
        ...{ path: `${place}/last`, fallback: place },
      });
      const model = models[i]!;
      expect(await weightsOf(await loadModel(folder.folder('last'), { device }))).toEqual(await weightsOf(model));
      const rest = await watch({ ...options, model, checkpoint: folder, resume: true });
      expect(rest.events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 4 });
    }
    for (const model of models) model.dispose();
  });

  it('nor does a run write into one in which another is at work', async () => {
    const fallbackOut = memoryStore({}, { name: 'other/b' });
    const giveBack = await fallbackOut.lock();
    using model = await tinyModel(device);
    const { error } = await watch({ ...lost(fallbackOut), model });
    expect((error as Error).message).toContain('It is in fallbackOut, other/b/run-2/state-000002: resume from there.');
    expect((await fallbackOut.list()).folders).toEqual(['run-2']);
    await giveBack();
  });

  it('whose second folder cannot be listed says what is lost', async () => {
    const fallbackOut = memoryStore({}, { name: 'other/b' });
    let isBroken = false;
    const list = () => (isBroken ? Promise.reject(fault('EIO')) : fallbackOut.list());
    using model = await tinyModel(device);
    const { error } = await watch({ ...lost({ ...fallbackOut, list }), model }, () => {
      isBroken = true;
    });
    expect((error as Error).message).toMatch(/ENOSPC.* Nor can it be in fallbackOut: .*EIO.* All 2 steps are lost/);
    await (await fallbackOut.lock())();
  });
});

describe('a run whose folder is gone', () => {
  /** A store that can go, and whose lock can be lost with it. */
  function drive() {
    const state = { isGone: false, isLocked: true, locks: 0 };
    const { store, inside } = disk(
      () => 10 ** 7,
      () => {
        if (state.isGone) throw new NothingThere('runs/a: there is no such folder.');
      },
    );
    const counted: FileStore = {
      ...store,
      async lock() {
        state.locks++;
        state.isLocked = true;
        const lock = await store.lock();
        return Object.assign(async () => lock(), { isHeld: async () => state.isLocked });
      },
    };
    return { state, store: counted, inside };
  }

  it('waits until it is back', async () => {
    const { state, store, inside } = drive();
    using model = await tinyModel(device);
    const { events, error } = await watch({ ...options, model, checkpoint: store }, (event) => {
      if (event.type === 'step' && event.step === 3) state.isGone = true;
      if (event.type === 'waiting') state.isGone = false;
    });
    expect(error).toBeUndefined();
    expect(waitsOf(events)).toMatchObject([
      {
        ...{ reason: 'gone', step: 4 },
        message: expect.stringMatching(/^runs\/a: the folder of the run is gone\. Mount its disk/),
      },
    ]);
    expect(events.find(({ type }) => type === 'waited')).toMatchObject({ remarks: [] });
    expect([state.locks, inside.files.has('state-000002/model.safetensors')]).toEqual([1, true]);
  });

  it('takes the folder that was made anew, and says what is no longer there', async () => {
    const { state, store, inside } = drive();
    using model = await tinyModel(device);
    const given = { ...options, model, checkpoint: store, optimizer: { lr: 0 } };
    const { events, error } = await watch(given, (event) => {
      if (event.type === 'step' && event.step === 3) Object.assign(state, { isGone: true, isLocked: false });
      if (event.type !== 'waiting') return;
      state.isGone = false;
      for (const path of inside.files.keys()) (inside.files as Map<string, Uint8Array>).delete(path);
    });
    expect(error).toBeUndefined();
    expect(state.locks).toBe(2);
    // The best was the state of step 2: nothing got better at learning rate 0.
    expect(events.find(({ type }) => type === 'waited')).toMatchObject({
      remarks: [expect.stringContaining('The state of the best validation, runs/a/state-000002, is gone.')],
    });
    expect(inside.files.has('state-000004/model.safetensors')).toBe(true);
    expect(inside.files.has('last/model.safetensors')).toBe(true);
  });

  it('does not take the folder on which a lost disk was mounted for its own', async () => {
    const { state, store, inside } = drive();
    using model = await tinyModel(device);
    let files: [string, Uint8Array][] = [];
    const { events, error } = await watch({ ...options, model, checkpoint: store }, (event, before) => {
      if (event.type === 'step' && event.step === 3) {
        state.isLocked = false;
        files = [...inside.files];
      }
      if (event.type !== 'waiting') return;
      expect([...inside.files]).toEqual(files);
      if (waitsOf(before).length === 2) state.isLocked = true;
    });
    expect(error).toBeUndefined();
    expect(waitsOf(events)).toHaveLength(2);
    expect(waitsOf(events)[0]!.message).toMatch(/^runs\/a: another folder is in the place of the run's\./);
    expect(state.locks).toBe(1);
  });

  it('that goes while the state is written is not said to be written', async () => {
    const { state, store, inside } = drive();
    using model = await tinyModel(device);
    const going: FileStore = {
      ...store,
      async share(...given) {
        await store.share(...given);
        if (given[1] === 'last' && given[0] === 'state-000004' && waits === 0) state.isLocked = false;
      },
    };
    let waits = 0;
    const { events, error } = await watch({ ...options, model, checkpoint: going }, (event) => {
      if (event.type !== 'waiting') return;
      waits++;
      state.isLocked = true;
    });
    expect(error).toBeUndefined();
    expect(waitsOf(events)).toMatchObject([{ step: 4, reason: 'gone' }]);
    expect(inside.files.has('state-000004/model.safetensors')).toBe(true);
  });
});

describe('what passes, and what does not', () => {
  it.each([
    ['ENOSPC', 'full'],
    ['EDQUOT', 'full'],
    ['ENOENT', 'gone'],
    ['ESTALE', 'gone'],
    ['EACCES', undefined],
    ['EROFS', undefined],
    ['EIO', undefined],
  ])('%s is %s', (code, expected) => expect(passingReason(fault(code))).toBe(expected));

  it("a browser's storage that is full is, and an error of ours is not", () => {
    expect(passingReason(new CheckpointError('x', { cause: new DOMException('full', 'QuotaExceededError') }))).toBe(
      'full',
    );
    expect(passingReason(new CheckpointError('the weights are NaN'))).toBeUndefined();
  });

  it('what does not ends the run at once', async () => {
    const broken: FileStore = { ...memoryStore(), addFolder: () => Promise.reject(fault('EIO')) };
    using model = await tinyModel(device);
    const { events, error } = await watch({ ...options, model, checkpoint: broken });
    expect([waitsOf(events), error]).toEqual([[], expect.objectContaining({ code: 'ERR_CHECKPOINT' })]);
    expect((error as Error).message).toMatch(
      /^step 2 of 4: the state cannot be written: .*EIO.* All 2 steps are lost\. Give fallbackOut, a folder on another disk\.$/,
    );
  });

  it.each([
    ...['EIO', 'EROFS', 'EMFILE', 'EFBIG', 'EACCES'].map((code) => [code, fault(code)] as const),
    ['what a store of its own kind throws', new DOMException('no', 'NotAllowedError')] as const,
    ['what a store that is read only throws', new OptionError('runs/a is read only.', {})] as const,
  ])('%s leaves the state to the second folder', async (_, refusal) => {
    const broken: FileStore = { ...memoryStore(), addFolder: () => Promise.reject(refusal) };
    const fallbackOut = memoryStore({}, { name: 'other/b' });
    using model = await tinyModel(device);
    const { events, error } = await watch({ ...options, model, checkpoint: broken, fallbackOut });
    expect(waitsOf(events)).toEqual([]);
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', cause: refusal });
    expect((error as Error).message).toMatch(
      /^step 2 of 4: the state cannot be written: .* It is in fallbackOut, other\/b\/state-000002: resume from there\.$/,
    );
    using resumed = await tinyModel(device, { seed: 9 });
    const rest = await watch({ ...options, model: resumed, checkpoint: fallbackOut, resume: true });
    expect(rest.events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 4 });
  });

  it('is what the run ends with, also where the folder cannot be given back', async () => {
    const inside = memoryStore();
    const broken: FileStore = {
      ...inside,
      addFolder: () => Promise.reject(fault('EROFS')),
      lock: async () => Object.assign(() => Promise.reject(new Error('unlink')), { isHeld: async () => true }),
    };
    using model = await tinyModel(device);
    const { error } = await watch({ ...options, model, checkpoint: broken });
    expect((error as Error).message).toMatch(/^step 2 of 4: the state cannot be written: .*EROFS/);
  });
});

it('a second folder needs a first, and is another', async () => {
  using model = await tinyModel(device);
  const store = memoryStore();
  expect(() => fineTune({ ...options, model, fallbackOut: store })).toThrow(OptionError);
  expect(() => fineTune({ ...options, model, checkpoint: store, fallbackOut: store })).toThrow(/is checkpoint itself/);
});

it.each(['never', 30, '-1min', '5 min', ''])('waitForRoom %j is refused', async (waitForRoom) => {
  using model = await tinyModel(device);
  expect(() => fineTune({ ...options, model, waitForRoom } as FineTuneOptions)).toThrow(
    "expected 'forever', or minutes as in '30min'",
  );
});
