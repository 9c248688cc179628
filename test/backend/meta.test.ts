/** A meta device beside the device that it is of: the same calls leave the same counts, and nothing is held or computed. */
import { expect, it } from 'vitest';
import type { Device, MemoryUse } from '../../src/backend/backend.js';
import { attention, f32Weight, linear, settleWeight, Tape, Tensor, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';

/** Some of each: products, attention with its working memory, a gradient, a read. */
async function work(device: Device): Promise<MemoryUse> {
  const values = Tensor.from(device, new Float32Array(64 * 96), [64, 96], 'weight');
  values.requiresGrad = true;
  const weight = f32Weight(values, 'inOut');
  settleWeight(weight);
  const x = Tensor.zeros(device, [2, 9, 64]);
  tidy(() => {
    const tape = new Tape();
    const y = tape.record(() => {
      const qkv = linear(x, weight);
      return attention(
        { qkv },
        { numHeads: 4, causal: true, keyRange: Tensor.from(device, Int32Array.of(0, 9, 0, 9), [2, 2]) },
      );
    });
    tape.backward(y, Tensor.zeros(device, y.shape));
  });
  device.submit();
  await values.grad!.read();
  const used = device.memory();
  for (const tensor of [x, values]) tensor.dispose();
  return used;
}

forEachBackend((backend) => {
  it('counts what the device would hold, and holds nothing', async () => {
    // Both begin with nothing.
    const [real, meta] = [backend(), backend().meta()];
    const before = real.memory();
    expect([meta.isMeta, meta.info]).toEqual([true, real.info]);
    const counted = await work(meta);
    expect(real.memory()).toEqual(before);
    const { liveBytes, liveStorages } = await work(real);
    expect(counted.liveBytes).toBe(liveBytes - before.liveBytes);
    expect(counted.liveStorages).toBe(liveStorages - before.liveStorages);
    expect(counted.peakBytes).toBe(real.memory().peakBytes);
    expect(counted.reachedBytes).toBeGreaterThanOrEqual(counted.peakBytes);
    // The self-check of WASM was before this, in a block of 256 KiB.
    expect(Math.abs(real.memory().reachedBytes - counted.reachedBytes)).toBeLessThan(2 ** 19);
    expect(meta.memory()).toMatchObject({ liveBytes: 0, liveStorages: 0 });
  });

  it('reads zeros, and is of a device of its own', async () => {
    const meta = backend().meta();
    const tensor = Tensor.from(meta, Float32Array.of(1, 2, 3), [3]);
    expect(await tensor.read()).toEqual(new Float32Array(3));
    expect(backend().meta().memory().liveBytes).toBe(0);
    expect(meta.meta().memory().liveBytes).toBe(0);
    tensor.dispose();
    expect(() => tensor.storage).toThrow();
  });
});
