import { expect, it } from 'vitest';
import { openDevice } from '../../../src/backend/openDevice.js';

it('lets the event loop turn in a long run of reads, so that an abort is noticed', async () => {
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const storage = device.allocate(16, 'x');
  let aborted = false;
  setTimeout(() => {
    aborted = true;
  }, 10);
  const started = performance.now();
  while (!aborted && performance.now() - started < 2000) await device.read(storage, 'f32');
  expect(aborted).toBe(true);
  await device.dispose();
});
