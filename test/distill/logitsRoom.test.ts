/** Fewer logits at once where a GPU has no memory for them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWasm } from '../../src/backend/wasm/index.js';
import { fineTune } from '../../src/distill/trainer/index.js';
import { withLogitsRoom } from '../../src/distill/trainer/logitsRoom.js';
import { LimitError } from '../../src/errors.js';
import { type Losable, openLosable } from '../harness/losable.js';
import { collect, stepsOf, succession, tinyModel, validationsOf, weightsOf } from './fixtures.js';

let device: Losable;
/** A chunk in a device's own size. */
let whole: number;
beforeEach(async () => {
  device = await openLosable();
  whole = device.info.preferredLogitsBytes;
});
afterEach(() => device.dispose());

/** Work that needs no more than `most` bytes, and what it was tried with. */
function needing(most: number) {
  const tried: number[] = [];
  const work = async (bytes: number) => {
    tried.push(bytes / whole);
    if (bytes > most) throw new LimitError(`no room for ${bytes}`);
    return 'done';
  };
  return { tried, work };
}

describe('withLogitsRoom', () => {
  it('halves the chunk until there is room, and begins there next time', async () => {
    const { tried, work } = needing(whole / 3);
    expect(await withLogitsRoom(device, work)).toBe('done');
    expect(await withLogitsRoom(device, work)).toBe('done');
    expect(tried).toEqual([1, 1 / 2, 1 / 4, 1 / 4]);
  });

  it('gives the first error where smaller chunks do not help, and begins anew next time', async () => {
    const { tried, work } = needing(0);
    await expect(withLogitsRoom(device, work)).rejects.toThrow(`no room for ${whole}`);
    await expect(withLogitsRoom(device, work)).rejects.toThrow(`no room for ${whole}`);
    const once = Array.from({ length: Math.floor(Math.log2(whole / 2 ** 20)) + 1 }, (_, i) => 1 / 2 ** i);
    expect(tried).toEqual([...once, ...once]);
  });

  it('leaves other errors and WebAssembly alone', async () => {
    const failing = withLogitsRoom(device, () => Promise.reject(new TypeError('other')));
    await expect(failing).rejects.toThrow(TypeError);
    const wasm = await openWasm({ threads: 1 });
    const { tried, work } = needing(0);
    await expect(withLogitsRoom(wasm, work)).rejects.toThrow(LimitError);
    expect(tried).toEqual([1]);
    await wasm.dispose();
  });
});

it('a step and a validation that ran out of memory are done again, with the same result', async () => {
  const data = { train: succession(2), validation: succession(3) };
  /** @param failing which allocations of logits fail */
  const trained = async (failing: readonly number[]) => {
    const own = await openLosable();
    let logits = 0;
    const { allocate } = own;
    const scarce: Losable['allocate'] = (byteLength, label) => {
      if (label === 'logits' && failing.includes(++logits)) throw new LimitError('webgpu: out of device memory');
      return allocate(byteLength, label);
    };
    const model = await tinyModel(Object.assign(own, { allocate: scarce }), { embd_pdrop: 0.1 });
    const run = fineTune({ model, data, steps: 3, batchSize: 2, gradAccumulationSteps: 2, validation: { every: 2 } });
    const events = await collect(run);
    const losses = [...stepsOf(events), ...validationsOf(events)].map(({ loss }) => loss);
    const weights = await weightsOf(model);
    model.dispose();
    expect(own.memory().liveStorages).toBe(0);
    await own.dispose();
    return { losses, weights, logits };
  };
  const plenty = await trained([]);
  // In the validation before the first step, and in the second micro-batch of the first step.
  const scarce = await trained([2, 9]);
  expect(scarce.logits).toBeGreaterThan(plenty.logits);
  expect([scarce.losses, scarce.weights]).toEqual([plenty.losses, plenty.weights]);
});
