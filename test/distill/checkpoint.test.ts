import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { savedTemplate } from '../../src/data/index.js';
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
import { type FileStore, memoryStore, openSafetensors } from '../../src/io/index.js';
import { type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { openFolder } from '../../src/platform/openFolder.js';
import { loadTokenizer } from '../../src/text/index.js';
import {
  collect,
  letters,
  stepsOf,
  succession,
  tinyModel,
  tinyTokenizer,
  validationsOf,
  weightsOf,
} from './fixtures.js';
import { forge, forgeState } from './forged.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3), text: succession(4) };
const shape = { embd_pdrop: 0.1, resid_pdrop: 0.1, attn_pdrop: 0.1, n_layer: 2 };

describe('checkpoints on WASM', () => {
  let device: Device;
  let teacher: LanguageModel;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
    teacher = await tinyModel(device, { seed: 2, trainable: false });
  });
  afterAll(() => device.dispose());

  const options = (extra: Partial<DistillOptions>) => ({
    data,
    tokenizer,
    loss: skewKL(),
    sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 9, lossEps: 0 }),
    optimizer: { lr: 1e-2 },
    batchSize: 3,
    maxNewTokens: 4,
    steps: 20,
    validation: { every: 4 },
    teacher,
    ...extra,
  });

  /** Runs until an event that `stop` wants, in a student that is then gone. */
  async function runUntil(checkpoint: FileStore, stop: (event: TrainingEvent) => boolean, signal?: AbortSignal) {
    const student = await tinyModel(device, shape);
    const events: TrainingEvent[] = [];
    for await (const event of distill({ ...options({ checkpoint }), student, ...(signal && { signal }) })) {
      events.push(event);
      if (stop(event)) break;
    }
    student.dispose();
    return events;
  }
  async function resume(checkpoint: FileStore, extra: Partial<DistillOptions> = {}) {
    // Other weights: those of the checkpoint must take their place.
    const student = await tinyModel(device, { ...shape, seed: 99 });
    const events = await collect(distill({ ...options({ checkpoint, resume: true, ...extra }), student }));
    const weights = await weightsOf(student);
    student.dispose();
    return { events, weights };
  }
  const facts = (events: readonly TrainingEvent[], after: number) => [
    ...stepsOf(events)
      .filter(({ step }) => step > after)
      .map(({ step, source, loss, gradNorm, phi, bufferSize, lr }) => [
        step,
        source,
        loss,
        gradNorm,
        phi,
        bufferSize,
        lr,
      ]),
    ...validationsOf(events)
      .filter(({ step }) => step > after)
      .map(({ step, loss, phi, best }) => [step, loss, phi, best]),
  ];

  it('a run that was killed after a checkpoint goes on bit for bit', async () => {
    const store = memoryStore();
    // Killed three steps after the checkpoint of step 8: those are done again.
    await runUntil(store, (event) => event.type === 'step' && event.step === 11);
    const { events, weights } = await resume(store);
    expect(events[0]).toMatchObject({ type: 'start', step: 8 });
    const uninterrupted = memoryStore();
    const reference = await runUntil(uninterrupted, () => false);
    expect(facts(events, 8)).toEqual(facts(reference, 8));
    // The validation before the first step is remembered, by which the end is judged.
    const judged = ({ initial, improved }: EndEvent) => ({ initial, improved });
    expect(judged(events.at(-1) as EndEvent)).toEqual(judged(reference.at(-1) as EndEvent));
    expect((events.at(-1) as EndEvent).initial?.step).toBe(0);
    const final = await loadModel(uninterrupted.folder('last'), { device });
    expect(weights).toEqual(await weightsOf(final));
    final.dispose();
    expect(new Set(stepsOf(reference).map(({ source }) => source)).size).toBe(3);
  });

  it('a run that a signal stopped in the middle of an epoch goes on bit for bit', async () => {
    const abort = new AbortController();
    const store = memoryStore();
    await runUntil(
      store,
      (event) => {
        if (event.type === 'step' && event.step === 6) abort.abort();
        return false;
      },
      abort.signal,
    );
    const { events } = await resume(store);
    expect(events[0]).toMatchObject({ type: 'start', step: 6 });
    expect(facts(events, 6)).toEqual(facts(await runUntil(memoryStore(), () => false), 6));
  });

  it.each(['model.safetensors', 'trainer-state.safetensors'])(
    'a run that died while it wrote %s goes on from the state before, bit for bit',
    async (dies) => {
      const store = memoryStore();
      const dying: FileStore = {
        ...store,
        addFolder: (path, fill) =>
          store.addFolder(path, async (aside) => {
            const write: FileStore['write'] = async (file, chunks) => {
              if (path === 'state-000008' && file === dies) throw new Error('the disk is full');
              await aside.write(file, chunks);
            };
            await fill({ ...aside, write });
          }),
      };
      await expect(runUntil(dying, () => false)).rejects.toThrow('the disk is full');
      const { events } = await resume(store);
      expect(events[0]).toMatchObject({ type: 'start', step: 4 });
      expect(facts(events, 4)).toEqual(facts(await runUntil(memoryStore(), () => false), 4));
    },
  );

  it('a state holds each weight once, and the replay buffer as bytes', async () => {
    const store = memoryStore();
    await runUntil(store, (event) => event.type === 'step' && event.step === 9);
    const { entries } = await openSafetensors(store, 'state-000008/trainer-state.safetensors');
    const weights = await openSafetensors(store, 'state-000008/model.safetensors');
    const moments = [...weights.entries.keys()].flatMap((name) => [`m.${name}`, `v.${name}`]);
    expect([...entries.keys()].sort()).toEqual([...moments, 'replay'].sort());
    expect(entries.get('replay')?.dtype).toBe('U8');
    // What last and best share with states is there once.
    expect(store.files.get('last/model.safetensors')).toBe(store.files.get('state-000008/model.safetensors'));
  });

  it('last and best are Hugging Face folders that load', async () => {
    const path = await mkdtemp(join(tmpdir(), 'distillm-'));
    const student = await tinyModel(device);
    const optimizer = { lr: 2e-2 };
    const named = { ...data, template: 'compact' };
    const events = await collect(
      fineTune({
        model: student,
        data: named,
        tokenizer,
        steps: 12,
        validation: { every: 4 },
        optimizer,
        checkpoint: path,
      }),
    );
    expect((await readdir(join(path, 'best'))).sort()).toEqual([
      'config.json',
      'distillm.json',
      'model.safetensors',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(await readdir(join(path, 'last'))).toContain('trainer-state.safetensors');
    expect(await savedTemplate(join(path, 'best'))).toBe('compact');
    const last = await loadModel(join(path, 'last'), { device });
    expect(await weightsOf(last)).toEqual(await weightsOf(student));
    const losses = validationsOf(events).slice(1);
    const best = losses.reduce((a, b) => (b.loss! < a.loss! ? b : a));
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      reason: 'finished',
      best: { step: best.step, loss: best.loss },
    });
    last.dispose();
    student.dispose();
    await rm(path, { recursive: true });
  });

  it('a trained model keeps the small files of the folder that it was loaded from, byte for byte', async () => {
    const files = { 'generation_config.json': '{"eos_token_id":[11, 3]}', 'chat_template.jinja': '{{ messages }}\r\n' };
    const [start, run] = [memoryStore(), memoryStore()];
    await saveModel(await tinyModel(device), start, { files: { ...tokenizer.save(), ...files } });
    const model = await loadModel(start, { device, trainable: true });
    const settings = { tokenizer, steps: 1, checkpoint: run, validation: { every: 1 } };
    await collect(fineTune({ model, data, ...settings }));
    for (const [name, content] of Object.entries(files)) {
      for (const folder of ['best', 'last']) {
        expect(new TextDecoder().decode(run.files.get(`${folder}/${name}`))).toBe(content);
      }
    }
    expect((await loadTokenizer(run.folder('best'))).eosTokenIds).toEqual([11, 3]);
    model.dispose();
  });

  it('a folder best or last that no run wrote is not replaced; the best model of a killed run is', async () => {
    const run = async (store: FileStore) => {
      const model = await tinyModel(device);
      const named = { ...data, template: 'compact' };
      const settings = { data: named, tokenizer, steps: 1, checkpoint: store, validation: { every: 1 } };
      await collect(fineTune({ model, ...settings })).finally(() => model.dispose());
    };
    for (const kept of ['best/thesis.tex', 'last/inner/thesis.tex']) {
      const store = memoryStore({ [kept]: 'mine' }, { name: 'runs/a' });
      const [folder, first] = kept.split('/');
      await expect(run(store)).rejects.toThrow(`runs/a/${folder} holds ${first}, and no run wrote it`);
      expect([...store.files.keys()]).toEqual([kept]);
    }
    const store = memoryStore();
    await run(store);
    for (const gone of ['last', 'state-000001']) await store.remove(gone);
    await run(store);
    expect(await store.exists('last/trainer-state.safetensors')).toBe(true);
  });

  it('a state that holds a NaN is refused, with its place', async () => {
    for (const spoilt of ['model.safetensors', 'trainer-state.safetensors']) {
      const store = memoryStore();
      await runUntil(store, (event) => event.type === 'step' && event.step === 5);
      const state = store.folder('state-000004');
      const { entries } = await openSafetensors(state, spoilt);
      const name = [...entries.keys()].find((each) => each.endsWith('ln_f.bias')) as string;
      await forge(state, spoilt, { tensors: { [name]: (values) => values.fill(Number.NaN, 3, 4) } });
      const student = await tinyModel(device, shape);
      const error = await collect(distill({ ...options({ checkpoint: store }), student, resume: true })).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(CheckpointError);
      expect((error as Error).message).toMatch(
        new RegExp(`${spoilt}: '${name}' holds a value .*element 3 \\(\\[3\\] of`),
      );
      student.dispose();
    }
  });

  it('resume where no run is, is refused, and leaves nothing behind', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    const failure = resume(store, { steps: 1 });
    await expect(failure).rejects.toThrow(CheckpointError);
    await expect(failure).rejects.toThrow('checkpoint runs/a holds no state of a run, from which to resume');
    const path = join(tmpdir(), `distillm-none-${process.pid}`);
    await expect(resume(openFolder(path))).rejects.toThrow('holds no state of a run');
    expect(existsSync(path)).toBe(false);
  });

  it('a run that is there already is not replaced: the refusal names its step, and writes nothing', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    await runUntil(store, (event) => event.type === 'checkpoint' && event.kind === 'last');
    const before = [...store.files].map(([name, bytes]) => [name, bytes.slice()]);
    for (const train of ['distill', 'fineTune']) {
      const student = await tinyModel(device, shape);
      const run =
        train === 'distill'
          ? distill({ ...options({ checkpoint: store }), student })
          : fineTune({ model: student, data, steps: 1, checkpoint: store });
      const error = await collect(run).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error).toMatchObject({
        message:
          'checkpoint runs/a holds a run already, at step 4: it would be replaced. Go on with it by resume: true, or ' +
          'give another folder.',
        found: 4,
      });
      expect([...store.files].map(([name, bytes]) => [name, bytes])).toEqual(before);
      student.dispose();
    }
  });

  it('a resume is told what follows from what changed, by no name that was not given', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    const short = { model: await tinyModel(device), data: { train: data.train, validation: data.validation } };
    const perEpoch = Math.floor(data.train.length / 3);
    const first = fineTune({ ...short, batchSize: 3, epochs: 2, checkpoint: store });
    for await (const event of first) if (event.type === 'checkpoint' && event.kind === 'last') break;
    const again = (extra: object) =>
      collect(fineTune({ ...short, batchSize: 3, epochs: 2, checkpoint: store, resume: true, ...extra }));
    await expect(again({ epochs: 3 })).rejects.toThrow(
      `checkpoint runs/a: the run began with other settings: epochs (in steps) was ${2 * perEpoch} and is ${3 * perEpoch}. ` +
        'Resume with the same, or start anew in another folder. The schedule goes by the length of a run: it can be made ' +
        `longer when it is finished, and this one is at step ${perEpoch} of ${2 * perEpoch}.`,
    );
    const larger = await again({ batchSize: 4 }).catch((thrown: Error) => thrown);
    expect((larger as Error).message).toContain('settings: batchSize was 3 and is 4. Resume with');
    expect((larger as Error).message).not.toMatch(/validat|steps/);
    short.model.dispose();
  });

  it('a finished run resumes to its end', async () => {
    const store = memoryStore();
    await runUntil(store, () => false);
    const { events } = await resume(store);
    expect(events.map(({ type }) => type)).toEqual(['start', 'end']);
  });

  it('a finished run can be made longer, and says where its schedule ends now', async () => {
    const store = memoryStore({}, { name: 'runs/a' });
    await runUntil(store, () => false);
    await expect(resume(store, { steps: 16 })).rejects.toThrow(/steps was 20 and is 16/);
    await expect(resume(store, { steps: 24, seed: 11 })).rejects.toThrow(/settings: seed was 10 and is 11\. /);
    const { events } = await resume(store, { steps: 24 });
    const [start] = events;
    expect(start).toMatchObject({ type: 'start', step: 20, totalSteps: 24 });
    const { lr } = stepsOf(events)[0]!;
    expect((start as StartEvent).remarks[0]).toMatch(
      /^The run was finished after 20 steps and is made longer: its cosine schedule ended with a learning rate of \S+ and now ends at step 24; step 21 takes \S+\.$/,
    );
    expect((start as StartEvent).remarks[0]).toContain(`step 21 takes ${Number(lr.toPrecision(3))}.`);
    expect(stepsOf(events).map(({ step }) => step)).toEqual([21, 22, 23, 24]);
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 24 });
    // It is the longer run from now on.
    await expect(resume(store)).rejects.toThrow(/steps was 24 and is 20/);
    expect((await resume(store, { steps: 24 })).events.map(({ type }) => type)).toEqual(['start', 'end']);
  });

  it('refuses a run with other options, another model, a spoilt file', async () => {
    const store = memoryStore();
    await runUntil(store, (event) => event.type === 'checkpoint' && event.kind === 'last');
    await expect(resume(store, { seed: 11, batchSize: 4 })).rejects.toThrow(
      /batchSize was 3 and is 4; seed was 10 and is 11/,
    );
    const other = await tinyModel(device, { ...shape, width: 4 });
    const run = distill({ ...options({ checkpoint: store, resume: true }), student: other });
    await expect(collect(run)).rejects.toThrow(CheckpointError);
    other.dispose();
    const path = 'state-000004/trainer-state.safetensors';
    const spoilt = memoryStore({
      ...Object.fromEntries(store.files),
      [path]: store.files.get(path)!.subarray(0, 5000),
    });
    await expect(resume(spoilt)).rejects.toThrow(CheckpointError);
  });

  describe('a resume', () => {
    let store: FileStore & { readonly files: ReadonlyMap<string, Uint8Array> };
    beforeAll(async () => {
      store = memoryStore();
      await runUntil(store, (event) => event.type === 'checkpoint' && event.kind === 'last');
    });
    async function resumeOf(student: LanguageModel, extra: Partial<DistillOptions> = {}) {
      const checkpoint = memoryStore(Object.fromEntries(store.files));
      const run = distill({ ...options({ checkpoint, resume: true, ...extra }), student });
      return collect(run).finally(() => student.dispose());
    }

    it.each([
      [{ n_layer: 1 }, /student.n_layer was 2 and is 1/],
      [{ n_head: 4 }, /student.n_head was 2 and is 4/],
      [{ resid_pdrop: 0.2 }, /student.resid_pdrop was 0.1 and is 0.2/],
      [{ layer_norm_epsilon: 1e-3 }, /student.layer_norm_epsilon was 0.00001 and is 0.001/],
    ])('is refused with a student of %j', async (config, message) => {
      await expect(resumeOf(await tinyModel(device, { ...shape, ...config }))).rejects.toThrow(message);
    });

    it('is refused when other parameters are trained', async () => {
      const student = await tinyModel(device, shape);
      student.parameters.get('transformer.wpe.weight')!.requiresGrad = false;
      await expect(resumeOf(student)).rejects.toThrow(/trained was 28 parameters \(\w+\) and is 27 parameters \(\w+\)/);
    });

    it('is refused with another teacher or template', async () => {
      const student = () => tinyModel(device, shape);
      const deeper = await tinyModel(device, { seed: 2, trainable: false, n_layer: 3 });
      await expect(resumeOf(await student(), { teacher: deeper })).rejects.toThrow(/teacher.n_layer was 1 and is 3/);
      deeper.dispose();
      const template = { ...data, template: 'compact' };
      await expect(resumeOf(await student(), { data: template })).rejects.toThrow(/template was absent and is compact/);
    });

    it('is refused with a teacher of the same config and other weights', async () => {
      const other = await tinyModel(device, { seed: 3, trainable: false });
      await expect(resumeOf(await tinyModel(device, shape), { teacher: other })).rejects.toThrow(
        /settings: the digest of the teacher's weights was [0-9a-f]{64} and is [0-9a-f]{64}\. Resume with the same/,
      );
      other.dispose();
      // One matrix alone, as a merged adapter changes it.
      const merged = await tinyModel(device, { seed: 2, trainable: false });
      const matrix = merged.parameters.get('transformer.h.0.attn.c_attn.weight')!;
      matrix.set((await matrix.read()).map((value) => value + 1e-3) as Float32Array);
      await expect(resumeOf(await tinyModel(device, shape), { teacher: merged })).rejects.toThrow(
        /teacher's weights was/,
      );
      merged.dispose();
      const same = await tinyModel(device, { seed: 2, trainable: false });
      expect((await resumeOf(await tinyModel(device, shape), { teacher: same }))[0]).toMatchObject({ step: 4 });
      same.dispose();
    });

    it('is refused with another tokenizer of the same size', async () => {
      const other = tinyTokenizer([...letters.slice(0, -2), 'y', 'z']);
      await expect(resumeOf(await tinyModel(device, shape), { tokenizer: other })).rejects.toThrow(
        /settings: the digest of the tokenizer's files was [0-9a-f]{64} and is [0-9a-f]{64}\./,
      );
    });

    it('puts back frozen weights too', async () => {
      const frozen = memoryStore();
      const students = [await tinyModel(device, shape), await tinyModel(device, { ...shape, seed: 99 })];
      for (const [i, student] of students.entries()) {
        student.parameters.get('transformer.wpe.weight')!.requiresGrad = false;
        const run = distill({ ...options({ checkpoint: frozen, resume: i === 1 }), student });
        for await (const event of run)
          if (event.type === 'checkpoint' && event.kind === 'last' && event.step === 4 * (i + 1)) break;
      }
      const [first, second] = await Promise.all(
        students.map(async (student) => [...(await student.parameters.get('transformer.wpe.weight')!.read())]),
      );
      expect(second).toEqual(first);
      for (const student of students) student.dispose();
    });

    it.each([
      ['null', /has no object: null/],
      ['{}', /has progress: missing/],
      [{ progress: { step: 'x' } }, /has progress.step: "x"/],
      [{ progress: { step: 99 } }, /has progress.step: 99/],
      [{ progress: { sgo: undefined } }, /has progress.sgo: missing/],
      [{ settings: undefined }, /has settings: missing/],
      [{ steps: { 'transformer.wpe.weight': -1 } }, /has steps.transformer.wpe.weight: -1/],
      [{ steps: { 'transformer.wpe.weight': 5 } }, /has steps.transformer.wpe.weight: 5/],
    ])('is refused by a state of %j', async (change, message) => {
      const spoilt = memoryStore(Object.fromEntries(store.files));
      const state = spoilt.folder('state-000004');
      if (typeof change === 'string') await forge(state, 'trainer-state.safetensors', { state: () => change });
      else await forgeState(state, change);
      const failure = resume(spoilt);
      await expect(failure).rejects.toThrow(CheckpointError);
      await expect(failure).rejects.toThrow(message);
    });
  });
});
