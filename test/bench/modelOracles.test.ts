/** What part (b) of the GPU archive does with models, on WASM: the oracles of all of them, by the archive's own code. */
import { type Device, openDevice } from 'distillm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compareLogits, modelOracles } from '../../bench/pack/modelOracles.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ kind: 'wasm' });
});
afterAll(async () => {
  expect(device.memory().liveStorages).toBe(0);
  await device.dispose();
});

it('finds decoders and encoder-decoders', () => {
  const folders = modelOracles();
  for (const folder of ['gemma3/pattern', 'gpt2', 'gpt2/untied', 'opt/after', 'qwen3', 't5/flan', 't5/mt5', 't5/v1'])
    expect(folders).toContain(folder);
});

it.each(modelOracles())("%s: within 1e-4 of transformers' logits", async (folder) => {
  const { distance, sequences } = await compareLogits(device, folder);
  expect(distance).toBeGreaterThan(0); // something was compared
  expect(distance).toBeLessThan(1e-4);
  expect(sequences).toBeGreaterThan(1);
});
