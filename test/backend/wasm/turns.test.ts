/**
 * Long work on WebAssembly leaves the event loop its turns: between two of them there is little work, however large the
 * model. What is measured is processor time, so that other programs do not count.
 */
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/openDevice.js';
import { openWasm } from '../../../src/backend/wasm/index.js';
import { fineTune } from '../../../src/distill/trainer/index.js';
import { generate } from '../../../src/generation/index.js';
import { createModel } from '../../../src/models/index.js';
import { headLogits, tidy } from '../../../src/tensor/index.js';
import { collect, weightsOf } from '../../distill/fixtures.js';

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Processor time of all of it, and of the longest time between two turns. */
async function turnsOf(work: () => Promise<unknown>): Promise<{ total: number; longest: number; turns: number }> {
  const began = cpuMs();
  let [last, longest, turns, isOver] = [began, 0, 0, false];
  const look = () => {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    turns++;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  await work();
  isOver = true;
  look();
  return { total: last - began, longest, turns };
}

const config = { model_type: 'gpt2', vocab_size: 8192, n_positions: 256, n_embd: 256, n_layer: 4, n_head: 4 };
const ids = (length: number, seed: number) => Int32Array.from({ length }, (_, i) => (i * 7919 + seed) % 8192);
const samples = Array.from({ length: 8 }, (_, i) => ({ ids: ids(256, i), promptLength: 4 }));

it('a long run of reads lets the event loop turn, so that an abort is noticed', async () => {
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

describe('long work', () => {
  it.each(['a step', 'a validation', 'a long prompt'])(
    '%s takes many turns',
    async (what) => {
      const device = await openWasm({ threads: 1 });
      const model = await createModel(config, { device });
      const data = { train: samples, validation: samples };
      const work = {
        'a step': () => collect(fineTune({ model, data: { train: samples }, steps: 1, batchSize: 8 })),
        'a validation': () => collect(fineTune({ model, data, steps: 1, batchSize: 8 })),
        'a long prompt': () =>
          generate(
            model,
            samples.map((sample) => sample.ids.subarray(0, 250)),
            { maxNewTokens: 2, batchSize: 8 },
          ),
      }[what] as () => Promise<unknown>;
      // Engines compile what is new.
      await work();
      const { total, longest, turns } = await turnsOf(work);
      expect(total).toBeGreaterThan(150);
      expect(turns).toBeGreaterThan(total / 200);
      // A turn has 50 ms of work, and a part of a kernel.
      expect(longest).toBeLessThan(Math.min(100, 0.7 * total));
      await device.dispose();
    },
    60_000,
  );
});

describe.each([1, 2])('on %i threads, work that waits for its turn', (threads) => {
  /** Fills the turn, so that all that follows waits. */
  const fill = () => {
    const until = performance.now() + 60;
    while (performance.now() < until);
  };
  const opened = async (isFull: boolean) => {
    const device = await openWasm({ threads, arithmetic: 'plain' });
    const model = await createModel({ ...config, vocab_size: 300, n_embd: 64, n_layer: 2 }, { device });
    await device.finish();
    if (isFull) {
      // The turn begins with the first kernel.
      device.run('add', callOf(device));
      fill();
    }
    return { device, model };
  };
  const callOf = (device: Device) => {
    const [a, b, y] = [0, 1, 2].map(() => device.allocate(16, 'x')) as [never, never, never];
    return { dims: { size: 4 }, operands: { a, b, y }, params: {} } as never;
  };
  const batchOf = (length: number) => ({
    ...{ batch: 2, seq: length },
    ids: Int32Array.from({ length: 2 * length }, (_, i) => (i * 31) % 300),
    keyRange: Int32Array.of(0, length, 0, length),
  });

  it('gives the same bits, in the same memory, as work that is done at once', async () => {
    const found = [];
    for (const isFull of [false, true]) {
      const { device, model } = await opened(isFull);
      const logits = tidy(() => headLogits(model.forward(batchOf(40)), model.head));
      const host = Float32Array.of(1, 2, 3, 4);
      const storage = device.allocate(16, 'host');
      device.write(storage, host);
      host.fill(9);
      const copied = device.allocate(16, 'copy');
      device.copy(storage, 0, copied, 0, 16);
      device.clear(storage);
      const read = await Promise.all([logits.read(), device.read(storage, 'f32'), device.read(copied, 'f32')]);
      expect([...(read[2] as Float32Array)]).toEqual([1, 2, 3, 4]);
      expect([...(read[1] as Float32Array)]).toEqual([0, 0, 0, 0]);
      found.push([[...(read[0] as Float32Array)], await weightsOf(model)]);
      logits.dispose();
      await device.dispose();
    }
    expect(found[1]).toEqual(found[0]);
  });

  it('is given up with the device', async () => {
    const { device, model } = await opened(true);
    const logits = tidy(() => headLogits(model.forward(batchOf(200)), model.head));
    const reading = expect(logits.read()).rejects.toThrow(/disposed of while it was at work/);
    await device.dispose();
    await reading;
  });

  it('may be ahead of a loop that reads nothing, until it drains', async () => {
    const { device, model } = await opened(true);
    let heard = 0;
    const timer = setInterval(() => heard++, 1);
    for (let i = 0; i < 20; i++) {
      tidy(() => void headLogits(model.forward(batchOf(100)), model.head));
      await device.drain();
    }
    clearInterval(timer);
    expect(heard).toBeGreaterThan(0);
    expect(device.memory().liveStorages).toBeGreaterThan(0);
    await device.dispose();
  });
});
