/**
 * What is saved of a model is what transformers saves of it: the same fields of config.json, tensors of the same names and
 * shapes. Whether transformers loads it and computes the same, scripts/check-saved-models.mjs finds out.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { loadModel, saveModel } from '../../src/models/index.js';
import { openReference } from '../harness/referenceBackend.js';
import oracle from '../oracles/saved.json' with { type: 'json' };

interface Saved {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

const device = openReference({ precision: 'f32' });
afterAll(() => expect(device.memory().liveStorages).toBe(0));

/** Says nothing of what a model computes. */
const saysNothing = new Set(['use_cache']);
/**
 * Fields that transformers 5 writes otherwise. Files in the style of version 4 keep that style, and a head that is not tied is
 * said to be one; transformers finds it in the file whatever config.json says.
 */
const otherwise: Readonly<Record<string, readonly string[]>> = {
  'gemma3/pattern': ['_sliding_window_pattern', 'layer_types', 'rope_parameters'],
  'llama/linear': ['rope_parameters'],
  't5/flan': ['scale_decoder_outputs', 'tie_word_embeddings'],
  't5/mt5': ['tie_word_embeddings'],
};

describe.each(Object.entries(oracle.models as unknown as Record<string, Saved>))('%s', (name, wanted) => {
  it('is saved with the fields and the tensors that transformers saves', async () => {
    const folder = fileURLToPath(new URL(`../oracles/${name}/model`, import.meta.url));
    using model = await loadModel(folder, { device });
    const store = memoryStore();
    await saveModel(model, store);
    const { entries } = await openSafetensors(store, 'model.safetensors');
    const tensors = [...entries].map(([tensor, { dtype, shape }]) => [tensor, dtype, shape]).sort();
    expect(tensors).toEqual(Object.entries(wanted.tensors).map(([tensor, shape]) => [tensor, 'F32', shape]));

    const { torch_dtype: dtype, ...fields } = JSON.parse(new TextDecoder().decode(store.files.get('config.json')));
    const config: Record<string, unknown> = { ...fields, dtype };
    const differ = Object.entries(wanted.config).filter(
      ([field, value]) => !saysNothing.has(field) && JSON.stringify(config[field]) !== JSON.stringify(value),
    );
    expect(differ.map(([field]) => field)).toEqual(otherwise[name] ?? []);
    // What else there is, is of the file that was loaded.
    const read = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'));
    const others = Object.keys(config).filter((field) => !(field in wanted.config));
    expect(others.filter((field) => config[field] !== read[field] && typeof read[field] !== 'object')).toEqual([]);
  });
});
