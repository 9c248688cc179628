/** That decoding and training ask a model what only the model knows: see fakeEncoderDecoder.ts. */
import { expect, it } from 'vitest';
import { skewReverseKL } from '../../src/distill/losses/index.js';
import { distill } from '../../src/distill/trainer/index.js';
import { generate } from '../../src/generation/index.js';
import { createModel, exampleConfig } from '../../src/models/index.js';
import { collect, stepsOf } from '../distill/fixtures.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { fakeEncoderDecoder, maxAnswer } from './fakeEncoderDecoder.js';
import { withoutCaches } from './withoutCaches.js';

const prompts = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2], [11, 10]].map((ids) => Int32Array.from(ids));

it('learns of an answer what the mask of its sample counts', async () => {
  const sizes = { vocab_size: 12, d_model: 4, d_kv: 2, d_ff: 4, num_layers: 1, num_heads: 1 };
  using model = await createModel({ ...(await exampleConfig('t5')), ...sizes }, { device: openReference() });
  const ids = Int32Array.of(3, 1, 4, 5, 6, 7);
  const lossMask = Uint8Array.of(0, 1, 0, 1, 0, 1);
  expect([...model.collate([{ ids, promptLength: 3, lossMask }]).labels.slice(0, 3)]).toEqual([5, -100, 7]);
});

forEachBackend((backend) => {
  it('decodes prompts of any length side by side as one by one without caches', async () => {
    using model = await fakeEncoderDecoder(backend(), { seed: 5 });
    const before = backend().memory().liveBytes;
    const eos = 2;
    const answers = await generate(model, prompts, { maxNewTokens: maxAnswer, temperature: 0, eosTokenId: eos });
    for (const [row, prompt] of prompts.entries()) {
      expect([...answers[row]!], `prompt ${row}`).toEqual(
        await withoutCaches(model, prompt, { eos, maxNewTokens: maxAnswer }),
      );
    }
    // All of them differ, and sequences leave at different steps.
    expect(answers.map(({ length }) => length)).toEqual([8, 8, 2, 1]);
    expect(new Set(answers.map((answer) => answer.join())).size).toBe(4);
    expect(backend().memory().liveBytes).toBe(before);
  });

  it('has room for an answer whatever the prompt, and not for a longer one', async () => {
    using model = await fakeEncoderDecoder(backend());
    expect(model.room(1000)).toBe(maxAnswer);
    const tooMany = generate(model, prompts, { maxNewTokens: maxAnswer + 1 });
    await expect(tooMany).rejects.toThrow(/prompt 0 has 5 tokens and leaves 8 for the answer, with maxNewTokens 9/);
  });

  it('is distilled: losses fall, and encoder and decoder learn', async () => {
    const device = backend();
    using teacher = await fakeEncoderDecoder(device, { seed: 1 });
    using student = await fakeEncoderDecoder(device, { seed: 2, trainable: true });
    const before = new Map<string, number[]>();
    for (const [name, tensor] of student.parameters) before.set(name, [...(await tensor.read())]);
    const train = prompts.map((prompt, row) => ({
      ids: Int32Array.of(...prompt, row, 7, 2, row + 4, 1),
      promptLength: prompt.length,
    }));
    const run = distill({
      ...{ teacher, student, data: { train }, loss: skewReverseKL(), optimizer: { lr: 3e-3 } },
      ...{ schedule: 'constant', batchSize: 2, steps: 30 },
    });
    const losses = stepsOf(await collect(run)).map(({ loss }) => loss);
    expect(losses).toHaveLength(30);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-4))).toBeLessThan(0.7 * mean(losses.slice(0, 4)));
    for (const [name, tensor] of student.parameters)
      expect([...(await tensor.read())], name).not.toEqual(before.get(name));
  });
});
