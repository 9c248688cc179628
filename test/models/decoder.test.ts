import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, exampleConfig, type LanguageModel } from '../../src/models/index.js';
import { openReference } from '../harness/referenceBackend.js';

const sample = (promptLength: number, ...ids: number[]) => ({ promptLength, ids: Int32Array.from(ids) });

describe('a decoder-only model', () => {
  const device = openReference({ precision: 'f32' });
  const config = { vocab_size: 11, n_positions: 20, n_embd: 4, n_layer: 1, n_head: 1 };
  let model: LanguageModel;
  beforeAll(async () => {
    model = await createModel({ ...(await exampleConfig('gpt2')), ...config }, { device });
  });
  afterAll(() => model.dispose());

  it('pads on the right and shifts the labels of the response, EOS included', () => {
    const { batch, seq, ids, labels, keyRange } = model.collate([sample(2, 5, 6, 7, 8, 9), sample(1, 3, 4)]);
    expect([batch, seq]).toEqual([2, 8]);
    expect([...ids]).toEqual([5, 6, 7, 8, 9, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0]);
    expect([...labels]).toEqual([-100, 7, 8, 9, -100, -100, -100, -100, 4, ...Array(7).fill(-100)]);
    expect([...keyRange]).toEqual([0, 5, 0, 2]);
  });

  it('has nothing to predict where the prompt fills the sequence', () => {
    expect([...model.collate([sample(3, 1, 2, 3)]).labels].every((label) => label === -100)).toBe(true);
  });

  it('refuses samples that have no tokens', () => {
    expect(() => model.collate([sample(1, 1), sample(1)])).toThrow(/sample 1 has no tokens/);
    expect(() => model.collate([])).toThrow(/no samples/);
  });

  it('has the positions that a prompt leaves', () => {
    expect([0, 13, 20, 23].map((length) => model.room(length))).toEqual([20, 7, 0, -3]);
  });
});
