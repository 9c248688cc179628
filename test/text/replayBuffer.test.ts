import { describe, expect, it } from 'vitest';
import { CheckpointError, DisposedError, OptionError } from '../../src/errors.js';
import { createReplayBuffer, createRng, type ReplayBuffer, restoreReplayBuffer } from '../../src/text/index.js';
import { chiSquareDeviate } from './chiSquare.js';

const sample = (label: number, length = 3) => ({
  promptLength: 1,
  ids: Int32Array.from({ length }, (_, i) => label + i),
});
const filled = (capacity: number, count: number, seed = 1) => {
  const buffer = createReplayBuffer({ capacity, seed });
  for (let i = 0; i < count; i++) buffer.push(sample(i));
  return buffer;
};
const labels = (buffer: ReplayBuffer, count: number) => buffer.draw(count).map(({ ids }) => ids[0] as number);

describe('ReplayBuffer', () => {
  it('is first in, first out, and says how full it is', () => {
    const buffer = filled(3, 2);
    expect([buffer.capacity, buffer.size, buffer.full]).toEqual([3, 2, false]);
    for (const label of [2, 3, 4]) buffer.push(sample(label));
    expect([buffer.size, buffer.full]).toEqual([3, true]);
    expect(labels(buffer, 3).sort()).toEqual([2, 3, 4]);
  });

  it('gives back samples of any length and any id', () => {
    const buffer = createReplayBuffer({ capacity: 5, seed: 2 });
    const samples = [
      { promptLength: 0, ids: Int32Array.of() },
      { promptLength: 1, ids: Int32Array.of(65535) },
      { promptLength: 2, ids: Int32Array.of(7, 65536, 9) },
      { promptLength: 3, ids: Int32Array.of(1, 2, 2 ** 31 - 1) },
      { promptLength: 100, ids: Int32Array.from({ length: 513 }, (_, i) => i * 97) },
    ];
    for (const each of samples) buffer.push(each);
    const byLength = (a: { promptLength: number }, b: { promptLength: number }) => a.promptLength - b.promptLength;
    expect(buffer.draw(5).sort(byLength)).toEqual(samples);
    expect(restoreReplayBuffer(buffer.serialize()).draw(5).sort(byLength)).toEqual(samples);
  });

  it('keeps the label of a sample with it, also of those that follow one that was dropped', () => {
    const buffer = createReplayBuffer({ capacity: 4, seed: 1 });
    for (let i = 0; i < 9; i++) buffer.push({ ...sample(i === 7 ? 70_000 : i), ...(i !== 6 && { label: 10 * i }) });
    const kept = (from: ReplayBuffer) => from.draw(4).sort((x, y) => x.ids[0]! - y.ids[0]!);
    const expected = [
      { ...sample(5), label: 50 },
      sample(6),
      { ...sample(8), label: 80 },
      { ...sample(70_000), label: 70 },
    ];
    expect(kept(buffer)).toEqual(expected);
    const bytes = buffer.serialize();
    expect(kept(restoreReplayBuffer(bytes))).toEqual(expected);
    expect(() => restoreReplayBuffer(bytes, undefined, 80)).toThrow('the label 80, expected one below 80');
    expect(restoreReplayBuffer(bytes, undefined, 81).serialize()).toEqual(bytes);
  });

  it('draws without replacement, and each sample and each order as often as any other', () => {
    const buffer = filled(6, 8, 4); // holds 2 to 7
    const singles = new Array(6).fill(0);
    const pairs = new Map<string, number>();
    const rounds = 30_000;
    for (let round = 0; round < rounds; round++) {
      const drawn = labels(buffer, 2);
      expect(new Set(drawn).size).toBe(2);
      for (const label of drawn) singles[label - 2]++;
      pairs.set(drawn.join(), (pairs.get(drawn.join()) ?? 0) + 1);
    }
    expect(pairs.size).toBe(30);
    expect(chiSquareDeviate(singles, new Array(6).fill(rounds / 3))).toBeLessThan(4);
    expect(chiSquareDeviate([...pairs.values()], new Array(30).fill(rounds / 30))).toBeLessThan(4);
  });

  it('goes on exactly where a saved one stopped', () => {
    const a = filled(7, 11, 3);
    labels(a, 4);
    const b = restoreReplayBuffer(a.serialize());
    const continued = (buffer: ReplayBuffer) =>
      [20, 30, 40].flatMap((label) => {
        buffer.push(sample(label, 2));
        return labels(buffer, 5);
      });
    expect([b.capacity, b.size]).toEqual([7, 7]);
    const draws = continued(a);
    expect(continued(b)).toEqual(draws);
    expect(b.serialize()).toEqual(a.serialize());
    expect(continued(filled(7, 11, 3))).not.toEqual(draws);
  });

  it('refuses what it cannot do', () => {
    const buffer = filled(4, 2);
    expect(() => buffer.draw(3)).toThrow(OptionError);
    expect(() => buffer.draw(3)).toThrow('3 samples were asked for, the buffer holds 2');
    expect(buffer.draw(0)).toEqual([]);
    for (const ids of [[-1], [0.5], [2 ** 31]])
      expect(() => buffer.push({ promptLength: 0, ids })).toThrow(OptionError);
    expect(() => buffer.push({ promptLength: 2, ids: [1] })).toThrow(OptionError);
    for (const capacity of [0, -1, 1.5, 2 ** 30]) {
      expect(() => createReplayBuffer({ capacity, seed: 1 })).toThrow(OptionError);
    }
    buffer.dispose();
    buffer.dispose();
    expect(() => buffer.draw(1)).toThrow(DisposedError);
  });

  it('refuses bytes that are no buffer, wherever they are cut or changed', () => {
    const bytes = filled(4, 3).serialize();
    for (let length = 0; length < bytes.length; length++) {
      expect(() => restoreReplayBuffer(bytes.slice(0, length))).toThrow(CheckpointError);
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    expect(() => restoreReplayBuffer(longer)).toThrow(CheckpointError);
    const rng = createRng(6);
    for (let round = 0; round < 500; round++) {
      const changed = bytes.slice();
      changed[rng.int(bytes.length)] = rng.int(256);
      try {
        restoreReplayBuffer(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    }
  });
});
