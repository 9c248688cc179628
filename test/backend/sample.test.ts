import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import type { AnyCase } from '../../src/testing/case.js';
import { cases } from '../../src/testing/cases/index.js';
import { prepare } from '../../src/testing/compare.js';
import { createRandom, seedOf } from '../../src/testing/random.js';
import { survivors, threefry } from '../../src/testing/reference/rows/sample.js';
import { createSampler } from '../../src/text/index.js';
import { forEachBackend } from '../harness/backends.js';
import { chiSquareDeviate } from '../text/chiSquare.js';

/** Draws of each: some seconds for a GPU in software. */
const ROWS = 2000;

interface Drawing {
  readonly name: string;
  readonly vocab: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly logit?: (id: number) => number;
}
const drawings: readonly Drawing[] = [
  { name: 'plain', vocab: 41 },
  { name: 'cold', vocab: 41, temperature: 0.5 },
  { name: 'warm, a large vocabulary', vocab: 1031, temperature: 2 },
  { name: 'top-k', vocab: 131, topK: 7 },
  { name: 'top-p', vocab: 131, topP: 0.8 },
  { name: 'all of them', vocab: 257, temperature: 1.3, topK: 50, topP: 0.9 },
  { name: 'all equal', vocab: 19, logit: () => 0.5 },
  { name: 'ties at both thresholds', vocab: 37, topK: 9, topP: 0.7, logit: (id) => -(id % 5) },
  { name: 'one far ahead', vocab: 23, logit: (id) => (id === 11 ? 6 : 0) },
];

const fill = ({ name, vocab, logit }: Drawing): Float32Array => {
  const random = createRandom(seedOf(name));
  return Float32Array.from({ length: vocab }, (_, id) => logit?.(id) ?? 2 * random.normal());
};

/** One draw a seed from the same logits: how often each token came. */
async function countDraws(backend: Device, drawing: Drawing, logits: Float32Array): Promise<Float64Array> {
  const { vocab, temperature = 1, topK = 0, topP = 1 } = drawing;
  const all = new Float32Array(ROWS * vocab);
  for (let row = 0; row < ROWS; row++) all.set(logits, row * vocab);
  const seeds = Uint32Array.from({ length: 2 * ROWS }, (_, i) => (i % 2 ? 0 : i / 2));
  const operands = {
    logits: backend.allocate(all.byteLength, 'test.logits'),
    seeds: backend.allocate(seeds.byteLength, 'test.seeds'),
    ids: backend.allocate(4 * ROWS, 'test.ids'),
  };
  backend.write(operands.logits, all);
  backend.write(operands.seeds, seeds);
  backend.run('sample', {
    dims: { rows: ROWS, vocab },
    operands,
    params: { temperature, topK, topP, step: 0, drawable: vocab },
  });
  const counts = new Float64Array(vocab);
  for (const id of await backend.read(operands.ids, 'i32')) counts[id]!++;
  for (const storage of Object.values(operands)) backend.free(storage);
  return counts;
}

/** The same from the AssemblyScript sampler. */
function countSampler({ vocab, temperature = 1, topK = 0, topP = 1 }: Drawing, logits: Float32Array): Float64Array {
  using sampler = createSampler({ temperature, topK, topP });
  const counts = new Float64Array(vocab);
  for (let seed = 0; seed < ROWS; seed++) {
    const state = sampler.start({ seed });
    for (const id of sampler.sample(logits, [state])) counts[id]!++;
    state.dispose();
  }
  return counts;
}

/** Puts tokens of which fewer than 8 are expected into one cell; those that must not come stay apart. */
function cells(expected: Float64Array, ...counts: Float64Array[]): Float64Array[] {
  const common = expected.map((wanted) => (wanted > 0 && wanted < 8 ? 1 : 0));
  const sum = (values: Float64Array) => values.reduce((total, value, id) => total + value * common[id]!, 0);
  return [expected, ...counts].map((values) =>
    Float64Array.from([...values.filter((_, id) => !common[id]), sum(values)]),
  );
}

describe('the generator of the reference', () => {
  it('gives the known answers of threefry2x32 with 13 rounds', () => {
    const ones = 0xffffffff;
    expect(threefry([0, 0], [0, 0])).toEqual([0x9d1c5ec6, 0x8bd50731]);
    expect(threefry([ones, ones], [ones, ones])).toEqual([0xfd36d048, 0x2d17272c]);
    expect(threefry([0x243f6a88, 0x85a308d3], [0x13198a2e, 0x03707344])).toEqual([0xba3e4725, 0xf27d669e]);
  });
});

describe('the cases of the kernel', () => {
  it('leave next to no draw to roundings', () => {
    const scales = (cases.sample as readonly unknown[] as readonly AnyCase[]).flatMap((testCase) => [
      ...prepare('sample', testCase).want.ids!.scale,
    ]);
    expect(scales.length).toBeGreaterThan(700);
    expect(scales.filter((scale) => scale > 0).length).toBeLessThanOrEqual(3);
  });
});

forEachBackend((backend) => {
  describe.each(drawings)('$name', (drawing) => {
    it('is drawn with the exact probabilities, as by the AssemblyScript sampler', async () => {
      const { vocab, temperature = 1, topK = 0, topP = 1 } = drawing;
      const logits = fill(drawing);
      const { weights } = survivors(Float64Array.from(logits), { temperature, topK, topP });
      const total = weights.reduce((a, b) => a + b, 0);
      const exact = weights.map((weight) => (ROWS * weight) / total);
      const drawn = await countDraws(backend(), drawing, logits);
      const sampled = countSampler(drawing, logits);
      expect(drawn.length).toBe(vocab);
      const [wanted, ours, theirs] = cells(exact, drawn, sampled) as [Float64Array, Float64Array, Float64Array];
      expect(chiSquareDeviate(ours, wanted)).toBeLessThan(4);
      expect(chiSquareDeviate(theirs, wanted)).toBeLessThan(4);
      // Two samples of one size: the sum over the cells of (a - b)^2 / (a + b).
      const both = ours.map((count, i) => count + theirs[i]!);
      expect(
        chiSquareDeviate(
          ours.map((count) => 2 * count),
          both,
        ),
      ).toBeLessThan(4);
    });
  });

  it('draws step after step independently of the step before and of the next seed', async () => {
    const [seeds, steps, vocab] = [64, 96, 4];
    const device = backend();
    const logits = device.allocate(4 * seeds * vocab, 'test.logits');
    const words = device.allocate(8 * seeds, 'test.seeds');
    const ids = Array.from({ length: steps }, () => device.allocate(4 * seeds, 'test.ids'));
    device.clear(logits);
    device.write(
      words,
      Uint32Array.from({ length: 2 * seeds }, (_, i) => (i % 2 ? 3 : i / 2)),
    );
    ids.forEach((drawn, step) => {
      device.run('sample', {
        dims: { rows: seeds, vocab },
        operands: { logits, seeds: words, ids: drawn },
        params: { temperature: 1, topK: 0, topP: 1, step, drawable: vocab },
      });
    });
    const table = await Promise.all(ids.map((drawn) => device.read(drawn, 'i32')));
    for (const storage of [logits, words, ...ids]) device.free(storage);
    for (const [later, beside] of [
      [1, 0],
      [0, 1],
    ] as const) {
      const pairs = new Float64Array(vocab * vocab);
      for (let step = 0; step + later < steps; step++) {
        for (let row = 0; row + beside < seeds; row++) {
          pairs[vocab * table[step]![row]! + table[step + later]![row + beside]!]!++;
        }
      }
      const count = pairs.reduce((a, b) => a + b, 0);
      expect(chiSquareDeviate(pairs, new Float64Array(pairs.length).fill(count / pairs.length))).toBeLessThan(4);
    }
  });
});
