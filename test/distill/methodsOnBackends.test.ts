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

async function numbers(device: Device, name: MethodName) {
  using teacher = await tinyModel(device, { seed: 2, trainable: false });
  using student = await tinyModel(device);
  const common = { data, tokenizer, optimizer: { lr: 1e-2 }, batchSize: 4, maxNewTokens: 4, steps: 3 };
  return numbersOf(
    await collect(
      distill({ ...(methods[name]() as MethodSettings & { loss: Divergence }), ...common, teacher, student }),
    ),
  );
}

forEachBackend((backend) => {
  it.each(distilling)(
    '%s',
    async (name) => {
      const [found, expected] = [await numbers(backend(), name), await numbers(openReference(), name)];
      expect(found.sources).toEqual(expected.sources);
      const worst = (a: number[], b: number[]) =>
        Math.max(...a.map((value, i) => Math.abs(value - b[i]!) / Math.max(1e-2, Math.abs(b[i]!))));
      expect(worst(found.losses, expected.losses)).toBeLessThan(1e-3);
      expect(worst(found.norms, expected.norms)).toBeLessThan(2e-3);
    },
    120_000,
  ); // a software GPU compiles every shader here
});
