/** Runs of students with adapters: what is trained, stored and planned, and how they go on. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { recoverable } from '../../src/backend/recovery.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { skewKL, skewReverseKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill, type TrainingEvent } from '../../src/distill/trainer/index.js';
import { openDevice } from '../../src/index.js';
import { type FileStore, memoryStore, openSafetensors } from '../../src/io/index.js';
import { type LanguageModel, type LoraOptions, loadModel, saveModel } from '../../src/models/index.js';
import { type WeightFormat, weightFormats } from '../../src/tensor/index.js';
import { type Losable, openLosable } from '../harness/losable.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, validationsOf } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3), text: succession(4) };
const shape = { embd_pdrop: 0.1, resid_pdrop: 0.1, attn_pdrop: 0.1, n_layer: 2 };
const lora: LoraOptions = { rank: 2, alpha: 8, dropout: 0.2 };

/** A saved model to stand beside. */
async function baseOf(seed = 1, fields: object = {}): Promise<FileStore> {
  const store = memoryStore();
  using model = await tinyModel(openReference({ precision: 'f32' }), { ...shape, seed, ...fields });
  await saveModel(model, store);
  return store;
}
const ownOf = async ({ parameters, adapter }: LanguageModel) =>
  (await Promise.all(adapter!.parameters.map(async (name) => [...(await parameters.get(name)!.read())]))).flat();

describe('a run of a student with an adapter', () => {
  let device: Device;
  let teacher: LanguageModel;
  let base: FileStore;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
    teacher = await tinyModel(device, { seed: 2, trainable: false });
    base = await baseOf();
  });
  afterAll(() => device.dispose());

  const options = (extra: Partial<DistillOptions>) => ({
    ...{ data, tokenizer, teacher, loss: skewKL(), optimizer: { lr: 1e-2 }, batchSize: 3, maxNewTokens: 4, steps: 12 },
    sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 9, lossEps: 0 }),
    validation: { every: 3 },
    ...extra,
  });
  const studentOf = (made: LoraOptions = lora, source = base, dtype: WeightFormat = 'f32') =>
    loadModel(source, { device, dtype, lora: made });
  const facts = (events: readonly TrainingEvent[], after: number) => [
    ...stepsOf(events)
      .filter(({ step }) => step > after)
      .map(({ step, source, loss, gradNorm, phi }) => [step, source, loss, gradNorm, phi]),
    ...validationsOf(events)
      .filter(({ step }) => step > after)
      .map(({ step, loss, best }) => [step, loss, best]),
  ];
  async function runUntil(checkpoint: FileStore | undefined, last: number, dtype: WeightFormat) {
    using student = await studentOf(lora, base, dtype);
    const events: TrainingEvent[] = [];
    for await (const event of distill({ ...options({ ...(checkpoint && { checkpoint }) }), student })) {
      events.push(event);
      if (event.type === 'step' && event.step === last) break;
    }
    return { events, weights: await ownOf(student) };
  }

  it.each(weightFormats)(
    'that was killed goes on bit for bit, beside a base in %s',
    async (dtype) => {
      const store = memoryStore();
      const straight = await runUntil(undefined, 12, dtype);
      await runUntil(store, 8, dtype);
      // Another adapter: that of the state must take its place.
      using student = await studentOf({ ...lora, seed: 99 }, base, dtype);
      const events = await collect(distill({ ...options({ checkpoint: store, resume: true }), student }));
      const began = facts(straight.events, 6).filter(([step]) => (step as number) > 6);
      const goesOn = facts(events, 6);
      expect(goesOn.filter((fact) => typeof fact[1] === 'string')).toEqual(
        began.filter((fact) => typeof fact[1] === 'string'),
      );
      expect(await ownOf(student)).toEqual(straight.weights);
    },
    60_000,
  );

  it('writes folders of PEFT, which hold the adapter alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'distillm-lora-run-'));
    const at = (name: string) => join(folder, name);
    using made = await tinyModel(device, shape);
    await saveModel(made, at('base'));
    using student = await loadModel(at('base'), { device, lora });
    const events = await collect(distill({ ...options({ checkpoint: at('run') }), student }));
    expect(events[0]).toMatchObject({
      type: 'start',
      trainedParameters: student.adapter!.parameters.reduce((sum, name) => sum + student.parameters.get(name)!.size, 0),
    });
    for (const name of ['best', 'last']) {
      const files = await readdir(at(`run/${name}`));
      expect(files).toContain('adapter_config.json');
      expect(files).not.toContain('model.safetensors');
      expect(files).not.toContain('config.json');
    }
    using last = await loadModel(at('run/last'), { device, trainable: true });
    expect(await ownOf(last)).toEqual(await ownOf(student));
    const state = (await readdir(at('run'))).find((name) => name.startsWith('state-0000'))!;
    const { openFolder } = await import('../../src/platform/openFolder.js');
    const moments = await openSafetensors(openFolder(at(`run/${state}`)), 'trainer-state.safetensors');
    const names = [...moments.entries.keys()].filter((name) => name !== 'replay');
    expect(names.every((name) => name.includes('lora_'))).toBe(true);
    await rm(folder, { recursive: true });
  }, 60_000);

  it('goes on bit for bit where its GPU is lost: the base comes back from the host', async () => {
    const outcome = async (...at: readonly number[]) => {
      const opened: Losable[] = [];
      const next = async () => {
        const made = await openLosable(at[opened.length]);
        opened.push(made);
        return made;
      };
      const wasm = () => openWasm({ threads: 1, arithmetic: 'plain' });
      const lossy = recoverable(await next(), { webgpu: next, wasm });
      const student = await loadModel(base, { device: lossy, dtype: 'int8', lora });
      const ofRun = {
        ...options({ steps: 6 }),
        student,
        teacher: await tinyModel(lossy, { seed: 2, trainable: false }),
      };
      const events = await collect(distill(ofRun));
      const weights = await ownOf(student);
      await lossy.dispose();
      return { weights, losses: events.filter(({ type }) => type === 'device').length, calls: opened[0]!.calls };
    };
    const alone = await outcome();
    expect(alone.losses).toBe(0);
    expect(await outcome(Math.floor(0.7 * alone.calls))).toMatchObject({ weights: alone.weights, losses: 1 });
  }, 60_000);

  it('is refused beside another base, with another alpha, and another dtype', async () => {
    const store = memoryStore();
    await runUntil(store, 4, 'f32');
    const refusal = async (student: LanguageModel) => {
      using _ = student;
      return await collect(distill({ ...options({ checkpoint: store, resume: true }), student })).then(
        () => expect.unreachable(),
        (error: Error) => error.message,
      );
    };
    expect(await refusal(await studentOf(lora, await baseOf(7)))).toContain(
      'the digest of the weights beside the adapter was',
    );
    expect(await refusal(await studentOf({ ...lora, alpha: 9 }))).toContain('adapter.lora_alpha was 8 and is 9');
    expect(await refusal(await studentOf({ ...lora, dropout: 0 }))).toContain('adapter.lora_dropout was 0.2 and is 0');
    expect(await refusal(await studentOf(lora, base, 'f16'))).toContain('studentFormat was f32 and is f16');
    expect(await refusal(await studentOf({ ...lora, targetModules: ['c_fc'] }))).toContain('trained was');
  }, 60_000);
});

describe('the plan of memory', () => {
  it.each(weightFormats)(
    'of an adapter beside a base in %s has gradients and moments of the adapter alone, and is right to the byte',
    async (dtype) => {
      const device = await openDevice({ kind: 'wasm', wasm: { threads: 2 } });
      const store = await baseOf(1, { n_embd: 64, n_positions: 64, n_head: 4 });
      const student = await loadModel(store, { device, dtype, lora: { ...lora, rank: 4 } });
      const teacher = await tinyModel(device, { seed: 2, trainable: false, n_embd: 64, n_positions: 64, n_head: 4 });
      const train = Array.from({ length: 10 }, (_, x) => [40, 20, 8].map((length) => succession(length)[x]!)).flat();
      const run = distill({
        ...{ teacher, student, data: { train }, tokenizer, steps: 4, batchSize: 8, loss: skewReverseKL() },
      });
      const plan = await run.memory();
      await collect(run);
      const { peakBytes, reachedBytes } = device.memory();
      const own = student.adapter!.parameters.reduce((sum, name) => sum + student.parameters.get(name)!.size, 0);
      expect(plan.gradients).toBe(4 * own);
      expect(plan.moments).toBe(8 * own);
      const { student: held, gradients, moments, activations, logits } = plan;
      expect(plan.teacher + held + gradients + moments + activations + logits).toBe(peakBytes);
      expect(plan.total / reachedBytes).toBeGreaterThan(0.95);
      expect(plan.total / reachedBytes).toBeLessThan(1.1);
      await device.dispose();
    },
    60_000,
  );
});
