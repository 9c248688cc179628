import { describe, expect, it } from 'vitest';
import { collate } from '../../src/data/index.js';

const sample = (promptLength: number, ...ids: number[]) => ({ promptLength, ids: Int32Array.from(ids) });

describe('collate', () => {
  it('pads on the right and shifts the labels of the response, EOS included', () => {
    const { batch, seq, ids, labels, keyRange } = collate([sample(2, 5, 6, 7, 8, 9), sample(1, 3, 4)]);
    expect([batch, seq]).toEqual([2, 8]);
    expect([...ids]).toEqual([5, 6, 7, 8, 9, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0]);
    expect([...labels]).toEqual([-100, 7, 8, 9, -100, -100, -100, -100, 4, ...Array(7).fill(-100)]);
    expect([...keyRange]).toEqual([0, 5, 0, 2]);
  });

  it('has nothing to predict where the prompt fills the sequence', () => {
    expect([...collate([sample(3, 1, 2, 3)]).labels].every((label) => label === -100)).toBe(true);
  });

  it('refuses what has no tokens', () => {
    expect(() => collate([sample(1, 1), sample(1)])).toThrow(/sample 1 has no tokens/);
    expect(() => collate([])).toThrow(/no samples/);
  });
});
