import { expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { skewReverseKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { distill, fineTune } from '../../src/distill/trainer/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, numbersOf, succession, tinyModel, tinyTokenizer } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3) };

async function losses(device: Device) {
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const student = await tinyModel(device, { embd_pdrop: 0.1, attn_pdrop: 0.1 });
  const events = await collect(
    distill({
      teacher,
      student,
      tokenizer,
      data: { ...data, text: succession(4) },
      loss: skewReverseKL(),
      kdRatio: 0.75,
      sgo: adaptiveOffPolicy({ initThreshold: 0.7, capacity: 6 }),
      optimizer: { lr: 1e-2 },
      batchSize: 3,
      gradAccumulationSteps: 2,
      maxNewTokens: 4,
      steps: 6,
      validation: { every: 3 },
    }),
  );
  teacher.dispose();
  student.dispose();
  return numbersOf(events);
}
let pending: ReturnType<typeof losses> | undefined;
/** The same run in float64, which draws the same tokens. */
function reference(): ReturnType<typeof losses> {
  pending ??= losses(openReference());
  return pending;
}

forEachBackend((backend) => {
  it('a run of every kind of batch follows the same run in float64', async () => {
    const [found, expected] = [await losses(backend()), await reference()];
    expect(found.sources).toEqual(expected.sources);
    expect(new Set(found.sources.map((source) => source.split(' ')[0])).size).toBe(3);
    const worst = (a: number[], b: number[]) => Math.max(...a.map((value, i) => Math.abs(value / b[i]! - 1)));
    expect(worst(found.losses, expected.losses)).toBeLessThan(1e-4);
    expect(worst(found.norms, expected.norms)).toBeLessThan(1e-3);
  });

  it('sums up the memory of a run, and says the limit where the device has one', async () => {
    const device = backend();
    const student = await tinyModel(device);
    const { liveBytes, liveStorages } = device.memory();
    const { memory, time } = await fineTune({ model: student, data: { train: succession(3) }, steps: 2 }).estimate();
    expect(device.memory()).toMatchObject({ liveBytes, liveStorages });
    const { teacher, student: held, gradients, moments, activations, logits, caches, total, limit, fits } = memory;
    expect([teacher, caches, fits, time!.measuredSteps > 0]).toEqual([0, 0, true, true]);
    expect(total).toBe(held + gradients + moments + activations + logits + memory.rest + memory.other);
    expect(Math.min(activations, logits)).toBeGreaterThan(0);
    expect(limit).toBe(device.info.kind === 'wasm' ? device.info.maxStorageBytes : undefined);
    student.dispose();
  });
});
