/** `startWorker` in Node: a worker thread with the built package. */
import { expect, it } from 'vitest';
import { DeviceError, DisposedError, OptionError } from '../../src/errors.js';
import { startWorker } from '../../src/worker/startWorker.js';

const script = new URL('../../dist/platform/nodeWorker.js', import.meta.url);

it('runs the API in a worker thread, until it is terminated', async () => {
  const distillm = await startWorker({ script });
  const device = await distillm.openDevice({ kind: 'wasm', wasm: { threads: 2 } });
  expect(await device.info).toMatchObject({ kind: 'wasm', threads: 2 });
  const tokenizer = await distillm.trainTokenizer(['a b', 'b c'], { vocabSize: 260 });
  const config = { model_type: 'gpt2', vocab_size: 260, n_positions: 32, n_head: 2, n_embd: 8, n_layer: 1 };
  const model = await distillm.createModel(config, { device });
  const ids: number[] = [];
  const prompt = await tokenizer.encode('a');
  for await (const id of distillm.streamTokens(model, prompt, { maxNewTokens: 5, temperature: 0 })) ids.push(id);
  expect(await distillm.generate(model, [prompt], { maxNewTokens: 5, temperature: 0 })).toEqual([Int32Array.from(ids)]);
  await expect(distillm.loadModel('/no/such/folder', { device })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  const waiting = expect(distillm.openDevice()).rejects.toBeInstanceOf(DisposedError);
  await distillm.terminate();
  await waiting;
}, 60_000);

it.each([
  ['ends', new URL('data:text/javascript,process.exit(3)'), /exit code 3/],
  ['fails', new URL('data:text/javascript,throw new Error("broken")'), /broken/],
  ['is not there', '/no/such/script.js', /Cannot find module/],
])('says why, where the script %s', async (_, script, why) => {
  const error = await startWorker({ script }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DeviceError);
  expect((error as Error).message).toMatch(why);
});

it('refuses other options', async () => {
  for (const options of [{ scripts: 'a' }, { script: 3 }, { script: '' }, 3, null]) {
    await expect(startWorker(options as never)).rejects.toBeInstanceOf(OptionError);
  }
});
