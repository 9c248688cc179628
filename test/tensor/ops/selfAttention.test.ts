import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../src/backend/backend.js';
import { LimitError, ShapeError } from '../../../src/errors.js';
import { selfAttention, Tensor, tidy } from '../../../src/tensor/index.js';
import { forEachBackend } from '../../harness/backends.js';
import { type GradientCase, gradientTests } from '../../harness/gradients.js';
import { createRandom } from '../../harness/random.js';
import { openReference } from '../../harness/referenceBackend.js';

const rangeTensor = (device: Backend, ranges: readonly (readonly [number, number])[]) =>
  Tensor.from(device, Int32Array.from(ranges.flat()), [ranges.length, 2], 'keyRange');

interface Shape {
  readonly name: string;
  readonly ranges: readonly (readonly [number, number])[];
  readonly seq: number;
  readonly headDim: number;
  readonly numHeads: number;
  readonly numKvHeads?: number;
}
const shapes: readonly Shape[] = [
  { name: 'one position', ranges: [[0, 1]], seq: 1, headDim: 1, numHeads: 1 },
  { name: 'odd sizes', ranges: [[0, 5]], seq: 5, headDim: 3, numHeads: 2 },
  {
    name: 'left padding',
    ranges: [
      [2, 7],
      [0, 7],
    ],
    seq: 7,
    headDim: 4,
    numHeads: 2,
  },
  {
    name: 'right padding',
    ranges: [
      [0, 3],
      [0, 5],
    ],
    seq: 5,
    headDim: 8,
    numHeads: 1,
  },
  {
    name: 'a row of padding only',
    ranges: [
      [0, 0],
      [0, 3],
    ],
    seq: 3,
    headDim: 5,
    numHeads: 1,
  },
  { name: 'grouped key heads', ranges: [[0, 3]], seq: 3, headDim: 2, numHeads: 4, numKvHeads: 2 },
  { name: 'longer than a tile', ranges: [[0, 19]], seq: 19, headDim: 2, numHeads: 1 },
];

gradientTests(
  shapes.map(
    ({ name, ranges, seq, headDim, numHeads, numKvHeads = numHeads }): GradientCase => ({
      name: `selfAttention, ${name}`,
      inputs: { qkv: [ranges.length, seq, (numHeads + 2 * numKvHeads) * headDim] },
      forward: ({ qkv }, device) =>
        selfAttention(qkv!, { numHeads, numKvHeads, keyRange: rangeTensor(device, ranges) }),
    }),
  ),
);

/** Left-padded rows through the cache, a prefix at once and then token by token, against all at once. */
async function decode(device: Backend) {
  const [batch, seq, numHeads, headDim, capacity, prefix] = [2, 9, 2, 5, 11, 4];
  const width = 3 * numHeads * headDim;
  const random = createRandom(5);
  const tokens = Float32Array.from({ length: batch * seq * width }, () => random.normal());
  const slice = (from: number, to: number) => {
    const part = new Float32Array(batch * (to - from) * width);
    for (let b = 0; b < batch; b++) {
      part.set(tokens.subarray((b * seq + from) * width, (b * seq + to) * width), b * (to - from) * width);
    }
    return Tensor.from(device, part, [batch, to - from, width]);
  };
  const ranges = (end: number) =>
    rangeTensor(device, [
      [2, end],
      [0, end],
    ]);
  const outputs = tidy(() => {
    const cacheOf = () => Tensor.empty(device, [batch, numHeads, capacity, headDim], 'f32', 'cache');
    const cache = { keys: cacheOf(), values: cacheOf() };
    const at = (from: number, to: number) =>
      selfAttention(slice(from, to), { numHeads, keyRange: ranges(to), cache, past: from });
    const steps = [at(0, prefix)];
    for (let position = prefix; position < seq; position++) steps.push(at(position, position + 1));
    return [selfAttention(slice(0, seq), { numHeads, keyRange: ranges(seq) }), ...steps];
  });
  const [whole, ...steps] = await Promise.all(outputs.map(async (output) => Array.from(await output.read())));
  for (const output of outputs) output.dispose();
  /** Outputs of one batch row, position by position. */
  const row = (values: number[], b: number) =>
    values.slice((b * values.length) / batch, ((b + 1) * values.length) / batch);
  const rows = [0, 1];
  return { whole: rows.map((b) => row(whole!, b)), steps: rows.map((b) => steps.flatMap((step) => row(step, b))) };
}

forEachBackend((backend) => {
  it('decodes through the cache what it gives for the whole sequence', async () => {
    const { whole, steps } = await decode(backend());
    for (const b of [0, 1]) {
      const worst = Math.max(...whole[b]!.map((value, i) => Math.abs(value - steps[b]![i]!)));
      expect(worst).toBeLessThan(1e-5);
    }
  });
});

describe('selfAttention', () => {
  it('refuses a width that the heads do not divide, and positions past the cache', () => {
    const device = openReference();
    const keyRange = rangeTensor(device, [[0, 2]]);
    expect(() => selfAttention(Tensor.zeros(device, [1, 2, 10]), { numHeads: 2, keyRange })).toThrow(ShapeError);
    const cacheOf = () => Tensor.zeros(device, [1, 2, 3, 2]);
    const cache = { keys: cacheOf(), values: cacheOf() };
    const late = () => selfAttention(Tensor.zeros(device, [1, 2, 12]), { numHeads: 2, keyRange, cache, past: 2 });
    expect(late).toThrow(LimitError);
    expect(late).toThrow('2 + 2 positions exceed the cache of 3');
  });
});
