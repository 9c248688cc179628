import { beforeAll, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { createModel, loadModel, saveModel } from '../../src/models/index.js';
import { forEachBackend } from '../harness/backends.js';
import { decoderTests, expectSeededDropout } from './decoderTests.js';
import { openOracle } from './oracle.js';

const { path } = openOracle('gpt2');

forEachBackend((backend) => {
  let device: Device;
  beforeAll(() => {
    device = backend();
  });

  for (const folder of ['gpt2', 'gpt2/inverse', 'gpt2/unscaled', 'gpt2/untied']) decoderTests(folder, backend);

  it.each([
    { resid_pdrop: 0.5, embd_pdrop: 0.25, attn_pdrop: 0 },
    { resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0.5 },
  ])('drops in training only, by a seeded mask: %o', async (rates) => {
    const config = { model_type: 'gpt2', vocab_size: 11, n_positions: 8, n_embd: 6, n_layer: 1, n_head: 2 };
    using model = await createModel({ ...config, ...rates }, { device, seed: 3 });
    await expectSeededDropout(model);
  });

  it('reads float16 and sharded bfloat16 exactly', async () => {
    using full = await loadModel(path('model'), { device });
    for (const [folder, mantissaBits, smallest] of [
      ['f16', 10, 2 ** -24],
      ['bf16', 7, 2 ** -133],
    ] as const) {
      using model = await loadModel(path(folder), { device });
      for (const [name, tensor] of full.parameters) {
        const exact = (await tensor.read()) as Float32Array;
        const got = (await model.parameters.get(name)!.read()) as Float32Array;
        const nearest = exact.map((value) => {
          const unit = Math.max(smallest, 2 ** (Math.floor(Math.log2(Math.abs(value))) - mantissaBits));
          const ratio = value / unit;
          const below = Math.floor(ratio);
          const up = ratio - below > 0.5 || (ratio - below === 0.5 && below % 2 !== 0);
          return value === 0 ? 0 : (below + (up ? 1 : 0)) * unit;
        });
        expect(got, `${folder} ${name}`).toEqual(nearest);
      }
    }
  });

  it('saves what it loads again bit by bit, with its config and files', async () => {
    const config = { model_type: 'gpt2', vocab_size: 13, n_positions: 5, n_embd: 6, n_layer: 2, n_head: 3 };
    using model = await createModel(config, { device, seed: 5 });
    const store = memoryStore();
    await saveModel(model, store, { files: { 'tokenizer.json': '{}' } });
    expect([...store.files.keys()].sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect((await openSafetensors(store, 'model.safetensors')).metadata).toEqual({ format: 'pt' });
    using loaded = await loadModel(store, { device, trainable: true });
    expect(loaded.config).toMatchObject({ ...config, architectures: ['GPT2LMHeadModel'], torch_dtype: 'float32' });
    expect([...loaded.parameters.keys()]).toEqual([...model.parameters.keys()]);
    for (const [name, tensor] of model.parameters) {
      const again = loaded.parameters.get(name)!;
      expect(await again.read(), name).toEqual(await tensor.read());
      expect(again.requiresGrad).toBe(true);
    }
  });
});
