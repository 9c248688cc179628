import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { skewKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { distill, fineTune } from '../../src/distill/trainer/index.js';
import { openDevice } from '../../src/index.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, validationsOf, weightsOf } from './fixtures.js';

/** A run with all that takes memory and time: a teacher, answers to train on, answers that are scored. */
async function everything(device: Device, options: { steps?: number; checkpoint?: string; resume?: boolean } = {}) {
  const shape = { width: 16, n_layer: 2, n_positions: 24 };
  const teacher = await tinyModel(device, { ...shape, seed: 2, trainable: false });
  const student = await tinyModel(device, { ...shape, embd_pdrop: 0.1 });
  const run = distill({
    ...{ teacher, student, tokenizer: tinyTokenizer(), steps: 7, batchSize: 4, maxNewTokens: 12, ...options },
    data: { train: succession(8), validation: succession(6) },
    loss: skewKL(),
    sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 20 }),
    validation: { every: 3, rougeL: { samples: 5 } },
    optimizer: { lr: 1e-3 },
  });
  return { teacher, student, run };
}

const oneThread = () => openDevice({ kind: 'wasm', wasm: { threads: 1 } });
const bytesOf = (values: readonly number[]) => 4 * values.length;

describe('estimate', () => {
  it('says what a run will take, leaves the student as it is, and lets the run begin afterwards', async () => {
    const device = await oneThread();
    const { teacher, student, run } = await everything(device);
    const before = await weightsOf(student);
    const live = device.memory();
    const estimate = await run.estimate();
    expect(await weightsOf(student)).toEqual(before);
    expect(device.memory()).toMatchObject({ liveBytes: live.liveBytes, liveStorages: live.liveStorages });
    expect([...student.parameters.values()].some(({ grad }) => grad)).toBe(false);

    const { memory, time } = estimate;
    expect(estimate).toMatchObject({ steps: 7, totalSteps: 7, stepsPerEpoch: 2, validations: 4 });
    expect(memory).toMatchObject({
      ...{ student: bytesOf(before), teacher: bytesOf(await weightsOf(teacher)) },
      ...{ gradients: bytesOf(before), moments: 2 * bytesOf(before), fits: true },
    });
    // Keys and values of 4 answers in 2 layers of width 16: the prompt of 2 and 11 of 12 new tokens.
    expect(memory.caches).toBe(4 * 2 * 2 * 16 * (2 + 11) * 4);
    const { teacher: teaching, student: held, gradients, moments, activations, logits, caches, total } = memory;
    const most = Math.max(activations + logits, caches + memory.answering);
    // The teacher and the student are all that the device has.
    expect(memory.other).toBe(0);
    expect(total).toBe(teaching + held + gradients + moments + most + memory.rest);
    // 20 answers of 2 and 12 ids, two bytes each, and 8 bytes beside them.
    expect(memory.replay).toBe(20 * (8 + 2 * 14));
    expect(Math.min(activations, logits)).toBeGreaterThan(0);
    expect(memory.limit).toBe(device.info.kind === 'wasm' ? device.info.maxStorageBytes : undefined);
    expect(time!.total).toBeCloseTo(time!.updates + time!.answers + time!.validations, 9);
    expect(Math.min(time!.updates, time!.answers, time!.validations, time!.stepMs, time!.answersMs)).toBeGreaterThan(0);
    expect(time!.measuredSteps).toBeGreaterThan(0);

    const events = await collect(run);
    expect(validationsOf(events)).toHaveLength(estimate.validations);
    const sources = stepsOf(events).map(({ source }) => source);
    expect(sources.filter((source) => source === 'generate')).toHaveLength(estimate.generatingSteps);
    await device.dispose();
  });
  it('knows the peak of memory of a run to a twentieth', async () => {
    const device = await oneThread();
    const shape = { width: 64, n_layer: 3, n_positions: 64 };
    const student = await tinyModel(device, shape);
    const data = {
      train: Array.from({ length: 8 }, () => succession(40))
        .flat()
        .slice(0, 64),
    };
    const options = { model: student, data, tokenizer: tinyTokenizer(), steps: 2, batchSize: 16 } as const;
    const { memory } = await fineTune(options).estimate();
    await collect(fineTune(options));
    const { peakBytes, reachedBytes } = device.memory();
    expect(memory.total - memory.rest).toBe(peakBytes);
    expect(memory.total / reachedBytes).toBeGreaterThan(0.95);
    expect(memory.total / reachedBytes).toBeLessThan(1.05);
    await device.dispose();
  });

  it('counts the steps of a policy as a run takes them', async () => {
    const device = await oneThread();
    const { run } = await everything(device, { steps: 60 });
    const { generatingSteps, tokens } = await run.estimate();
    const steps = stepsOf(await collect(run));
    const phis = new Set(steps.map(({ phi }) => phi));
    // As long as phi stays what it was, which it does here, the count is exact.
    expect(phis.size).toBe(1);
    expect(steps.filter(({ source }) => source === 'generate')).toHaveLength(generatingSteps);
    expect(generatingSteps).toBeGreaterThan(5);
    const trained = steps.reduce((total, each) => total + each.tokens, 0);
    // Answers that end early are shorter.
    expect(tokens).toBeGreaterThanOrEqual(trained);
    expect(tokens).toBeLessThan(2.5 * trained);
    await device.dispose();
  });

  it('counts the steps of a run of any length in a moment, by shares', async () => {
    const device = await oneThread();
    const teacher = await tinyModel(device, { seed: 2, trainable: false });
    const estimateOf = async (steps: number) => {
      const run = distill({
        ...{ teacher, student: await tinyModel(device), tokenizer: tinyTokenizer(), steps, maxNewTokens: 2 },
        data: { train: succession(2), validation: succession(2) },
        loss: skewKL(),
        sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 20 }),
      });
      return run.estimate();
    };
    const most = Number.MAX_SAFE_INTEGER;
    const started = performance.now();
    const { steps, generatingSteps, validations } = await estimateOf(most);
    expect(performance.now() - started).toBeLessThan(30_000);
    expect([steps, validations]).toEqual([most, most + 1]);
    // phi (1 - t/T), over the run half of phi.
    expect(generatingSteps / most).toBeCloseTo(0.3, 2);
    const { generatingSteps: fewer } = await estimateOf(300_000);
    expect(fewer / 300_000).toBeCloseTo(0.3, 2);
    await device.dispose();
  }, 60_000);

  it('writes nothing, goes on from what is stored, and is refused once the run has begun', async () => {
    const device = await oneThread();
    const folder = mkdtempSync(join(tmpdir(), 'distillm-estimate-'));
    const checkpoint = join(folder, 'run');
    const first = await everything(device, { checkpoint });
    await first.run.estimate();
    expect(readdirSync(folder)).toEqual([]);
    for await (const event of first.run) if (event.type === 'checkpoint' && event.kind === 'last') break;
    await expect(first.run.estimate()).rejects.toThrow('distill: the run has begun, and estimate would disturb it.');
    expect(existsSync(checkpoint)).toBe(true);
    const fresh = await everything(device, { checkpoint });
    await expect(fresh.run.estimate()).rejects.toThrow('holds a run already');
    rmSync(folder, { recursive: true });
    await device.dispose();
  });

  it('says what is left of a run that goes on', async () => {
    const device = await oneThread();
    const folder = mkdtempSync(join(tmpdir(), 'distillm-estimate-'));
    const stop = new AbortController();
    const student = await tinyModel(device);
    const options = {
      model: student,
      data: { train: succession(4), validation: succession(3) },
      steps: 9,
      batchSize: 5,
    };
    const validation = { every: 2 };
    for await (const event of fineTune({ ...options, validation, checkpoint: folder, signal: stop.signal })) {
      if (event.type === 'step' && event.step === 5) stop.abort();
    }
    const again = await fineTune({ ...options, validation, checkpoint: folder, resume: true }).estimate();
    // After steps 6, 8 and 9.
    expect(again).toMatchObject({ steps: 4, totalSteps: 9, generatingSteps: 0, validations: 3 });
    rmSync(folder, { recursive: true });
    await device.dispose();
  });

  it('measures nothing where the run would not fit, and refuses what has no room for its weights', async () => {
    const device = await oneThread();
    const student = await tinyModel(device, { width: 32 });
    const train = Array.from({ length: 100 }, () => succession(13)).flat();
    const options = { model: student, data: { train }, steps: 2 } as const;
    const bytes = 4 * (await weightsOf(student)).length;
    const limited = (limit: number, batchSize: number) => {
      // The same memory, which says that it is smaller.
      Object.assign(device.info, { maxStorageBytes: limit });
      return fineTune({ ...options, batchSize }).estimate();
    };
    const estimate = await limited(100 * bytes, 1000);
    expect([estimate.memory.fits, estimate.time]).toEqual([false, undefined]);
    expect(estimate.memory.total).toBeGreaterThan(100 * bytes);
    expect(estimate.memory.fitting.map(({ options }) => Object.keys(options)[0])).toContain('batchSize');
    const few = await limited(100 * bytes, 1);
    expect(few.memory.fits).toBe(true);
    await expect(limited(3 * bytes, 1)).rejects.toThrow(
      /^memory: .* are needed, the device has .*\.\n {2}student's weights .*\n {2}gradients .*\n {2}AdamW's moments /,
    );
    await device.dispose();
  });
});
