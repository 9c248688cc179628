import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/backend/backend.js';
import { LimitError, OptionError, ShapeError } from '../../../src/errors.js';
import { type AttentionOptions, attention, Tape, Tensor, tidy } from '../../../src/tensor/index.js';
import { createRandom } from '../../../src/testing/random.js';
import { forEachBackend } from '../../harness/backends.js';
import { type GradientCase, gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

const rangeTensor = (device: Device, ranges: readonly (readonly [number, number])[]) =>
  Tensor.from(device, Int32Array.from(ranges.flat()), [ranges.length, 2], 'keyRange');

interface Shape {
  readonly name: string;
  readonly ranges: readonly (readonly [number, number])[];
  readonly seq: number;
  readonly headDim: number;
  readonly numHeads: number;
  readonly numKvHeads?: number;
  readonly window?: number;
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
  { name: 'a window', ranges: [[1, 7]], seq: 7, headDim: 2, numHeads: 2, numKvHeads: 1, window: 3 },
];

interface Apart {
  readonly name: string;
  readonly queries: number;
  readonly keys: number;
  readonly numHeads: number;
  readonly numKvHeads?: number;
  readonly headDim: number;
  readonly ranges: readonly (readonly [number, number])[];
  readonly options: Partial<AttentionOptions>;
  /** Rows before and after position 0 in the bias's table. */
  readonly bias?: readonly [before: number, after: number];
}
const bothWays = { causal: false } as const;
const apart: readonly Apart[] = [
  {
    name: 'cross-attention',
    queries: 3,
    keys: 7,
    numHeads: 2,
    headDim: 3,
    ranges: [
      [0, 7],
      [2, 5],
    ],
    options: bothWays,
  },
  {
    name: 'grouped cross-attention',
    queries: 7,
    keys: 2,
    numHeads: 4,
    numKvHeads: 2,
    headDim: 2,
    ranges: [[0, 2]],
    options: bothWays,
  },
  {
    name: 'a bias both ways',
    queries: 5,
    keys: 5,
    numHeads: 2,
    headDim: 3,
    ranges: [
      [0, 5],
      [0, 3],
    ],
    options: { ...bothWays, scale: 1 },
    bias: [4, 4],
  },
  {
    name: 'a causal bias, in a longer table',
    queries: 7,
    keys: 7,
    numHeads: 3,
    headDim: 1,
    ranges: [[2, 7]],
    options: {},
    bias: [9, 2],
  },
  {
    name: 'a bias across lengths',
    queries: 3,
    keys: 9,
    numHeads: 2,
    numKvHeads: 1,
    headDim: 2,
    ranges: [
      [0, 9],
      [1, 8],
    ],
    options: bothWays,
    bias: [2, 8],
  },
  {
    name: 'a bias longer than a tile',
    queries: 17,
    keys: 35,
    numHeads: 1,
    headDim: 1,
    ranges: [[0, 35]],
    options: bothWays,
    bias: [16, 34],
  },
  {
    name: 'dropout',
    queries: 6,
    keys: 6,
    numHeads: 2,
    headDim: 2,
    ranges: [
      [0, 6],
      [1, 6],
    ],
    options: { dropout: { probability: 0.4, seed: 7 } },
  },
  {
    name: 'dropout and a bias',
    queries: 6,
    keys: 9,
    numHeads: 2,
    headDim: 2,
    ranges: [[0, 9]],
    options: { ...bothWays, dropout: { probability: 0.2, seed: 9 } },
    bias: [5, 8],
  },
];

gradientTests([
  ...shapes.map(
    ({ name, ranges, seq, headDim, numHeads, numKvHeads = numHeads, window }): GradientCase => ({
      name: `self-attention, ${name}`,
      inputs: { qkv: [ranges.length, seq, (numHeads + 2 * numKvHeads) * headDim] },
      forward: ({ qkv }, device) =>
        attention({ qkv: qkv! }, { numHeads, numKvHeads, causal: true, window, keyRange: rangeTensor(device, ranges) }),
    }),
  ),
  ...apart.map(
    ({ name, queries, keys, numHeads, numKvHeads = numHeads, headDim, ranges, options, bias }): GradientCase => ({
      name: `attention, ${name}`,
      inputs: {
        q: [ranges.length, queries, numHeads * headDim],
        k: [ranges.length, keys, numKvHeads * headDim],
        v: [ranges.length, keys, numKvHeads * headDim],
        ...(bias ? { table: [bias[0] + 1 + bias[1], numHeads] } : {}),
      },
      forward: ({ q, k, v, table }, device) =>
        attention(
          { q: q!, k: k!, v: v! },
          {
            ...{ numHeads, numKvHeads, causal: true, keyRange: rangeTensor(device, ranges), ...options },
            ...(bias && table ? { bias: { table, center: bias[0] } } : {}),
          },
        ),
    }),
  ),
]);

/** Angles of each token at its index, slower for later pairs. */
function anglesOf(device: Device, batch: number, positions: readonly number[], headDim: number): Tensor {
  const pairs = Array.from({ length: headDim / 2 }, (_, pair) => 3 ** -pair);
  const rows = positions.map((position) => [
    ...pairs.map((turn) => Math.cos(position * turn)),
    ...pairs.map((turn) => Math.sin(position * turn)),
  ]);
  const all = Array.from({ length: batch }, () => rows).flat(2);
  return Tensor.from(device, Float32Array.from(all), [batch, positions.length, headDim], 'rotary');
}
const indices = (length: number) => Array.from({ length }, (_, i) => i);

gradientTests([
  {
    name: 'self-attention, rotary positions',
    inputs: { qkv: [2, 5, 24] },
    forward: ({ qkv }, device) =>
      attention(
        { qkv: qkv! },
        {
          ...{ numHeads: 2, numKvHeads: 1, causal: true, rotary: anglesOf(device, 2, indices(5), 6) },
          keyRange: rangeTensor(device, [
            [0, 5],
            [2, 5],
          ]),
        },
      ),
  },
  {
    name: 'attention of projections apart, rotary positions',
    inputs: { q: [1, 7, 16], k: [1, 7, 8], v: [1, 7, 8] },
    forward: ({ q, k, v }, device) =>
      attention(
        { q: q!, k: k!, v: v! },
        {
          ...{ numHeads: 4, numKvHeads: 2, causal: true, rotary: anglesOf(device, 1, indices(7), 4) },
          keyRange: rangeTensor(device, [[0, 7]]),
        },
      ),
  },
]);

/** Left-padded rows through the cache, a prefix at once and then token by token, against all at once. */
async function decode(device: Device, how: 'plain' | 'biased' | 'rotary' | 'windowed') {
  const [batch, seq, numHeads, headDim, capacity, prefix] = [2, 9, 2, how === 'rotary' ? 6 : 5, 11, 4];
  const width = 3 * numHeads * headDim;
  const random = createRandom(5);
  const noise = (length: number) => Float32Array.from({ length }, () => random.normal());
  const tokens = noise(batch * seq * width);
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
    const table = Tensor.from(device, noise(2 * capacity * numHeads), [2 * capacity, numHeads]);
    const options = {
      numHeads,
      causal: true,
      ...(how === 'biased' ? { bias: { table, center: capacity } } : {}),
      ...(how === 'windowed' && { window: 3 }),
    };
    const turned = (from: number, to: number) =>
      how === 'rotary' ? { rotary: anglesOf(device, batch, indices(seq).slice(from, to), headDim) } : {};
    const at = (from: number, to: number) =>
      attention({ qkv: slice(from, to) }, { ...options, ...turned(from, to), keyRange: ranges(to), cache, past: from });
    const steps = [at(0, prefix)];
    for (let position = prefix; position < seq; position++) steps.push(at(position, position + 1));
    const all = { ...options, ...turned(0, seq), keyRange: ranges(seq) };
    return [attention({ qkv: slice(0, seq) }, all), ...steps];
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
  it.each(['plain', 'biased', 'rotary', 'windowed'] as const)(
    'decodes through the cache what it gives for the whole sequence: %s',
    async (how) => {
      const { whole, steps } = await decode(backend(), how);
      for (const b of [0, 1]) {
        const worst = Math.max(...whole[b]!.map((value, i) => Math.abs(value - steps[b]![i]!)));
        expect(worst).toBeLessThan(1e-5);
      }
    },
  );

  it('reads keys and values that a cache holds already', async () => {
    const device = backend();
    const random = createRandom(6);
    const [batch, queries, keys, numHeads, headDim] = [2, 3, 7, 2, 5];
    const noise = (seq: number) =>
      Float32Array.from({ length: batch * seq * numHeads * headDim }, () => random.normal());
    const outputs = tidy(() => {
      const [q, k, v] = [queries, keys, keys].map((seq) =>
        Tensor.from(device, noise(seq), [batch, seq, numHeads * headDim]),
      ) as [Tensor, Tensor, Tensor];
      const cacheOf = () => Tensor.empty(device, [batch, numHeads, keys, headDim], 'f32', 'cache');
      const cache = { keys: cacheOf(), values: cacheOf() };
      const options = {
        numHeads,
        causal: false,
        keyRange: rangeTensor(device, [
          [0, 7],
          [3, 6],
        ]),
      };
      return [
        attention({ q, k, v }, options),
        attention({ q, k, v }, { ...options, cache }),
        attention({ q }, { ...options, cache, past: 4 }),
      ];
    });
    const [want, ...others] = await Promise.all(outputs.map((output) => output.read()));
    for (const output of outputs) output.dispose();
    for (const other of others) expect(other).toEqual(want);
  });

  it('drops the same probabilities with the same seed, others with another, about as many as asked for', async () => {
    const device = backend();
    const [seq, probability] = [96, 0.25];
    // Scores of zero and values of one: y is the share of the probabilities that are kept, times keepScale.
    const outputs = tidy(() => {
      const zeros = Tensor.zeros(device, [1, seq, 8]);
      const ones = Tensor.from(device, new Float32Array(8 * seq).fill(1), [1, seq, 8]);
      return [1, 1, 2].map((seed) =>
        attention(
          { q: zeros, k: zeros, v: ones },
          { numHeads: 2, causal: false, keyRange: rangeTensor(device, [[0, seq]]), dropout: { probability, seed } },
        ),
      );
    });
    const [first, again, other] = await Promise.all(outputs.map(async (output) => Array.from(await output.read())));
    for (const output of outputs) output.dispose();
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    const mean = first!.reduce((sum, value) => sum + value, 0) / first!.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.02);
  });
});

describe('attention', () => {
  const device = openReference();
  const keyRange = rangeTensor(device, [[0, 2]]);
  const zeros = (...shape: number[]) => Tensor.zeros(device, shape);

  it('refuses widths that the heads do not divide, and keys that do not fit the queries', () => {
    const options = { numHeads: 2, causal: true, keyRange };
    expect(() => attention({ qkv: zeros(1, 2, 10) }, options)).toThrow(ShapeError);
    expect(() => attention({ qkv: zeros(1, 2, 10) }, { ...options, numKvHeads: 3 })).toThrow(
      /3 key heads do not divide 2/,
    );
    expect(() => attention({ q: zeros(1, 2, 3), k: zeros(1, 2, 4), v: zeros(1, 2, 4) }, options)).toThrow(/q is/);
    const [q, k] = [zeros(1, 2, 4), zeros(1, 3, 4)];
    expect(() => attention({ q, k, v: zeros(1, 2, 4) }, options)).toThrow('v is [1, 2, 4], expected [1, 3, 4]');
    expect(() => attention({ q }, options)).toThrow(/there are no keys/);
  });

  it('refuses positions past the cache, and to train through one', () => {
    const cacheOf = () => zeros(1, 2, 3, 2);
    const cache = { keys: cacheOf(), values: cacheOf() };
    const options = { numHeads: 2, causal: true, keyRange, cache };
    const late = () => attention({ qkv: zeros(1, 2, 12) }, { ...options, past: 2 });
    expect(late).toThrow(LimitError);
    expect(late).toThrow('2 + 2 positions exceed the cache of 3');
    const qkv = zeros(1, 2, 12);
    qkv.requiresGrad = true;
    const tape = new Tape();
    const y = tape.record(() => attention({ qkv }, options));
    expect(() => tape.backward(y, zeros(1, 2, 4))).toThrow(OptionError);
  });

  it('turns by differences of positions alone, and refuses angles of other tokens', async () => {
    const qkv = Tensor.from(
      device,
      Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)),
      [1, 5, 12],
    );
    const options = { numHeads: 1, causal: true, keyRange: rangeTensor(device, [[0, 5]]) };
    const at = async (from: number) => {
      const positions = indices(5).map((i) => i + from);
      return Array.from(await attention({ qkv }, { ...options, rotary: anglesOf(device, 1, positions, 4) }).read());
    };
    const [first, later] = [await at(0), await at(1000)];
    for (const [i, value] of first.entries()) expect(later[i]).toBeCloseTo(value, 4);
    expect(first).not.toEqual(Array.from(await attention({ qkv }, options).read()));
    const rotary = (positions: number, headDim: number) => anglesOf(device, 1, indices(positions), headDim);
    expect(() => attention({ qkv }, { ...options, rotary: rotary(4, 4) })).toThrow(ShapeError);
    expect(() => attention({ qkv }, { ...options, rotary: rotary(4, 4) })).toThrow(
      'rotary is [1, 4, 4], expected [1, 5, 4]',
    );
    const cross = { q: zeros(1, 2, 4), k: zeros(1, 3, 4), v: zeros(1, 3, 4) };
    expect(() => attention(cross, { ...options, rotary: rotary(2, 4) })).toThrow(
      /as many new keys as queries \(found 3\)/,
    );
    expect(() => attention({ qkv: zeros(1, 2, 9) }, { ...options, rotary: zeros(1, 2, 3) })).toThrow(/an even headDim/);
  });

  it('refuses a window of no key', () => {
    const options = { numHeads: 2, causal: true, keyRange };
    for (const window of [0, 1.5, Number.NaN]) {
      expect(() => attention({ qkv: zeros(1, 2, 12) }, { ...options, window })).toThrow(OptionError);
    }
    expect(() => attention({ qkv: zeros(1, 2, 12) }, { ...options, window: 0 })).toThrow(
      'window is 0, expected an integer',
    );
  });

  it('refuses a bias that does not reach every pair, and a probability of one', () => {
    const options = { numHeads: 2, keyRange };
    const qkv = zeros(1, 2, 12);
    const biased = (rows: number, center: number, causal = true) =>
      attention({ qkv }, { ...options, causal, bias: { table: zeros(rows, 2), center } });
    expect(() => biased(2, 0)).toThrow(ShapeError);
    expect(() => biased(2, 1)).not.toThrow();
    expect(() => biased(2, 1, false)).toThrow(
      "bias's table is [2, 2] with position 0 in row 1, expected 2 columns, 1 rows before that one and 1 after it",
    );
    const drop = () => attention({ qkv }, { ...options, causal: true, dropout: { probability: 1, seed: 0 } });
    expect(drop).toThrow('attention: probability is 1');
  });
});
