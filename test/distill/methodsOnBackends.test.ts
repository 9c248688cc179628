/** Each method on each backend, a software GPU among them: the run is that of the float64 reference. */
import { expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import type { Divergence } from '../../src/distill/losses/index.js';
import { type MethodName, type MethodSettings, methods } from '../../src/distill/methods/index.js';
import { distill } from '../../src/distill/trainer/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, numbersOf, succession, tinyModel, tinyTokenizer } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2), validation: succession(3), text: succession(4) };
const distilling = (Object.keys(methods) as MethodName[]).filter((name) => methods[name].hasTeacher);

/** Each second sample has the second teacher, where there are two. */
const routed = { ...data, train: data.train.map((sample, i) => ({ ...sample, teacher: i % 2 === 0 ? 'a' : 'b' })) };

async function numbers(device: Device, name: MethodName, teachers: 1 | 2 = 1) {
  using teacher = await tinyModel(device, { seed: 2, trainable: false });
  using other = await tinyModel(device, { seed: 3, trainable: false });
  using student = await tinyModel(device);
  const common = { tokenizer, optimizer: { lr: 1e-2 }, batchSize: 4, maxNewTokens: 4, steps: 3 };
  const taught = teachers === 1 ? { data, teacher } : { data: routed, teachers: { a: teacher, b: other } };
  return numbersOf(
    await collect(
      distill({ ...(methods[name]() as MethodSettings & { loss: Divergence }), ...common, ...taught, student }),
    ),
  );
}

function expectClose(found: ReturnType<typeof numbersOf>, expected: ReturnType<typeof numbersOf>) {
  expect(found.sources).toEqual(expected.sources);
  const worst = (a: number[], b: number[]) =>
    Math.max(...a.map((value, i) => Math.abs(value - b[i]!) / Math.max(1e-2, Math.abs(b[i]!))));
  expect(worst(found.losses, expected.losses)).toBeLessThan(1e-3);
  expect(worst(found.norms, expected.norms)).toBeLessThan(2e-3);
}

forEachBackend((backend) => {
  it.each(distilling)(
    '%s',
    async (name) => {
      expectClose(await numbers(backend(), name), await numbers(openReference(), name));
    },
    120_000,
  ); // a software GPU compiles every shader here

  it.each(['kd', 'distillm2', 'minillm'] as const)(
    '%s with two teachers',
    async (name) => {
      expectClose(await numbers(backend(), name, 2), await numbers(openReference(), name, 2));
    },
    120_000,
  );
});
