import {
  type DivergenceKind,
  divergenceKinds,
  type KernelName,
  simplestKind,
} from '../../../src/backend/kernels/index.js';
import { visibleKeys } from '../../reference/attention.js';
import { reference } from '../../reference/index.js';
import { IGNORED } from '../../reference/rows/crossEntropy.js';
import type { Given } from '../../reference/types.js';
import type { Case } from '../case.js';
import type { Random } from '../random.js';

/** 1, primes, around the tiles (4x16, 64, 96, 256), two vector steps and a tail, one larger. */
const sizes = [1, 2, 3, 7, 16, 19, 64, 97, 257, 1031, 70_001];

const poison = (operand: Float64Array) => operand.fill(Number.NaN);
/** With accumulate 0 the destination is undefined memory. */
const poisonUnless = (accumulate: number, ...operands: Float64Array[]) => {
  if (!accumulate) operands.forEach(poison);
};

const gemmShapes = [
  [1, 1, 1],
  [3, 7, 5],
  [4, 16, 8],
  [5, 17, 9],
  [1, 33, 257],
  [2, 130, 515],
  [13, 1, 31],
  [8, 48, 1],
  [64, 64, 64],
  [65, 67, 33],
  [97, 35, 259],
  [100, 256, 12],
  [9, 23, 1031],
  [2, 9, 7001],
  [31, 70, 133],
  [33, 19, 67],
  // More columns than the 512 that WASM packs at a time.
  [34, 531, 11],
] as const;

function gemmCases(
  shapes: readonly (readonly [m: number, n: number, k: number])[] = gemmShapes,
): Case<'gemmNN' | 'gemmNT' | 'gemmTN'>[] {
  return shapes.flatMap(([m, n, k]) =>
    [0, 1].map((accumulate) => ({
      dims: { m, n, k },
      params: { accumulate },
      prepare: ({ c }: Given<'gemmNN'>) => poisonUnless(accumulate, c),
    })),
  );
}

/** Around the blocks of 16, the groups of 1024 and the 4 or 8 rows that dot products take at a time, and more rows than 32. */
const storedShapes = [
  ...gemmShapes,
  [1, 9, 21],
  [1, 530, 11],
  [3, 30, 18],
  [8, 519, 7],
  [9, 31, 270],
  [1, 9, 7001],
  [5, 3, 1051],
  [4, 5, 48],
  [5, 9, 1040],
  [6, 7, 272],
  [7, 3, 16],
  [8, 33, 1040],
] as const;

/** The largest halves, the smallest normal one, subnormals, zeros of both signs. */
const hardHalves = [65504, -65504, 2 ** -14, -(2 ** -24), 1023 * 2 ** -24, 3 * 2 ** -20, 0, -0];
const hardBytes = [127, -127, -128, 1, -1, 0];

function storedGemmCases(extremes: readonly number[]): Case<'gemmNN'>[] {
  return [
    ...storedShapes.flatMap(([m, n, k]) =>
      [0, 1].map((accumulate) => ({
        dims: { m, n, k },
        params: { accumulate },
        prepare: ({ c }: Given<'gemmNN'>) => poisonUnless(accumulate, c),
      })),
    ),
    ...[1, 13].map((m) => ({
      dims: { m, n: extremes.length, k: 1 },
      params: { accumulate: 0 },
      note: 'extremes',
      prepare: ({ b, c }: Given<'gemmNN'>) => {
        poison(c);
        b.set(extremes);
      },
    })),
  ];
}

/** Powers of two from 2^-64 to 1, in turn. */
const halfScale = (index: number) => [1, 2 ** -9, 2 ** -64][index % 3]!;
const halfGemmCases = (): Case<'gemmNNF16'>[] =>
  storedGemmCases(hardHalves).map((testCase, i) => ({
    ...testCase,
    params: { ...testCase.params, scale: halfScale(i) },
  }));

const matrices = [
  [1, 1],
  [3, 7],
  [7, 1],
  [1, 257],
  [5, 64],
  [97, 19],
  [67, 131],
] as const;
/** Rows of a norm: one column, odd widths, two vector steps and a tail, GPT-2's width, many rows. */
const rowShapes = [
  [1, 1],
  [3, 2],
  [2, 7],
  [5, 19],
  [3, 64],
  [2, 257],
  [3, 768],
  [257, 3],
] as const;

function columnSumCases(): Case<'columnSum'>[] {
  return [...matrices, [1031, 5] as const].flatMap(([rows, cols]) =>
    [0, 1].map((accumulate) => ({
      dims: { rows, cols },
      params: { accumulate },
      prepare: ({ sum }: Given<'columnSum'>) => poisonUnless(accumulate, sum),
    })),
  );
}

function embeddingCases(): Case<'embedding'>[] {
  const shapes = [
    [1, 1, 1],
    [5, 3, 7],
    [19, 11, 16],
    [7, 40, 257],
    [4099, 5, 2],
  ] as const;
  return shapes.map(([tokens, rows, cols]) => ({
    dims: { tokens, rows, cols },
    params: {},
    prepare: ({ ids }: Pick<Given<'embedding'>, 'ids'>, random: Random) => fillLabels(ids, rows, random),
  }));
}

function embeddingBackwardCase(tokens: number, rows: number, cols: number): Case<'embeddingBackward'> {
  const ids = Array.from({ length: tokens }, (_, t) => (t * t * 7 + 3) % rows);
  const order = ids.map((_, t) => t).sort((s, t) => ids[s]! - ids[t]! || s - t);
  const unique = [...new Set(ids)].sort((a, b) => a - b);
  const starts = [...unique.map((id) => order.findIndex((t) => ids[t] === id)), tokens];
  return {
    dims: { tokens, rows, cols, uniques: unique.length, bounds: unique.length + 1 },
    params: {},
    prepare: (given) => {
      given.order.set(order);
      given.unique.set(unique);
      given.starts.set(starts);
    },
  };
}

/** mean and rstd that belong to x, as the forward pass leaves them. */
function fillMoments({ x, mean, rstd }: Pick<Given<'layerNormBackward'>, 'x' | 'mean' | 'rstd'>): void {
  const rows = mean.length;
  const cols = x.length / rows;
  const [weight, bias] = [new Float64Array(cols).fill(1), new Float64Array(cols)];
  const forward = reference.layerNorm({ rows, cols }, { x, weight, bias }, { eps: 1e-5 });
  mean.set(forward.mean.value);
  rstd.set(forward.rstd.value);
}

/** Flat parts, the bend around zero, and values whose cube or square would overflow a careless formula. */
const hardActivations = [0, -0, 1e-30, -1e-30, -0.5, 0.5, -3, 3, -5.5, 5.5, -9, 9, -30, 30, -1e4, 1e4];
const fillHardActivations = (x: Float64Array) =>
  x.forEach((v, i) => {
    x[i] = hardActivations[i] ?? 3 * v;
  });

interface AttentionShape {
  readonly batch?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly queries: number;
  readonly capacity: number;
  readonly headDim: number;
  readonly past?: number;
  readonly causal?: 0 | 1;
  /** keyRange of each batch row, used in turn; all keys when left out. */
  readonly ranges?: readonly (readonly [number, number])[];
  /** Multiplies q, so that the softmax is nearly one-hot. */
  readonly sharpness?: number;
  /** Adds a bias by relative position. */
  readonly biased?: 0 | 1;
  /** Probability of dropout. */
  readonly drops?: number;
  readonly note?: string;
}
const attentionShapes: readonly AttentionShape[] = [
  { queries: 1, capacity: 1, headDim: 1 },
  { queries: 3, capacity: 3, headDim: 5, heads: 3 },
  {
    queries: 7,
    capacity: 7,
    headDim: 8,
    heads: 2,
    batch: 2,
    note: 'left padding',
    ranges: [
      [2, 7],
      [0, 7],
    ],
  },
  {
    queries: 19,
    capacity: 19,
    headDim: 16,
    batch: 2,
    note: 'right padding',
    ranges: [
      [0, 11],
      [0, 19],
    ],
  },
  {
    queries: 5,
    capacity: 5,
    headDim: 4,
    batch: 3,
    note: 'a row without keys',
    ranges: [
      [0, 5],
      [0, 0],
      [5, 5],
    ],
  },
  { queries: 33, capacity: 33, headDim: 64, heads: 2 },
  { queries: 67, capacity: 67, headDim: 33 },
  { queries: 131, capacity: 131, headDim: 12, note: 'several key tiles', ranges: [[37, 131]] },
  { queries: 9, capacity: 9, headDim: 8, sharpness: 300, note: 'nearly one-hot' },
  {
    queries: 11,
    capacity: 11,
    headDim: 8,
    causal: 0,
    batch: 2,
    note: 'not causal',
    ranges: [
      [0, 11],
      [3, 8],
    ],
  },
  {
    queries: 1,
    capacity: 17,
    headDim: 16,
    heads: 2,
    batch: 3,
    past: 12,
    note: 'decoding',
    ranges: [
      [0, 13],
      [5, 13],
      [12, 13],
    ],
  },
  {
    queries: 4,
    capacity: 96,
    headDim: 64,
    past: 67,
    batch: 2,
    note: 'prefill onto a cache',
    ranges: [
      [3, 71],
      [0, 71],
    ],
  },
  { queries: 5, capacity: 5, headDim: 6, heads: 6, kvHeads: 2, batch: 2, note: 'grouped key heads' },
  { queries: 3, capacity: 6, headDim: 128, past: 3, heads: 4, kvHeads: 1, note: 'one key head' },
  { queries: 35, capacity: 38, headDim: 250, past: 3, heads: 2, kvHeads: 1, note: 'wide heads' },
  { queries: 2, capacity: 71, headDim: 250, past: 67, ranges: [[3, 69]], note: 'few queries, wide heads' },
  { queries: 1, capacity: 1, headDim: 1, biased: 1, note: 'bias' },
  {
    queries: 7,
    capacity: 7,
    headDim: 5,
    heads: 3,
    batch: 2,
    biased: 1,
    note: 'bias, padding',
    ranges: [
      [2, 7],
      [0, 5],
    ],
  },
  { queries: 67, capacity: 67, headDim: 21, heads: 2, biased: 1, note: 'bias' },
  { queries: 131, capacity: 131, headDim: 12, causal: 0, biased: 1, note: 'bias, both ways', ranges: [[37, 131]] },
  { queries: 13, capacity: 150, headDim: 8, causal: 0, batch: 2, heads: 4, kvHeads: 2, biased: 1, note: 'cross, bias' },
  { queries: 150, capacity: 11, headDim: 8, causal: 0, batch: 2, heads: 2, biased: 1, note: 'cross, bias' },
  { queries: 37, capacity: 5, headDim: 8, causal: 0, heads: 2, note: 'cross' },
  {
    queries: 3,
    capacity: 37,
    headDim: 8,
    causal: 0,
    heads: 2,
    batch: 2,
    note: 'cross',
    ranges: [
      [0, 19],
      [0, 37],
    ],
  },
  { queries: 2, capacity: 77, headDim: 16, past: 67, heads: 2, biased: 1, note: 'decoding, bias', ranges: [[3, 69]] },
  { queries: 2, capacity: 17, headDim: 4, heads: 2, batch: 2, past: 11, drops: 0.3, note: 'few queries, dropout' },
  { queries: 67, capacity: 67, headDim: 12, heads: 2, batch: 2, drops: 0.1, note: 'dropout' },
  { queries: 16, capacity: 16, headDim: 8, heads: 2, batch: 3, biased: 1, drops: 0.2, note: 'windows of the batch' },
  { queries: 70, capacity: 35, headDim: 8, heads: 2, kvHeads: 1, causal: 0, biased: 1, drops: 0.5, note: 'all of it' },
];

/** dims and params of a shape, and its key ranges; keys and biases that no query sees are undefined memory. */
function attentionCall({ ranges, sharpness = 1, biased = 0, drops = 0, ...shape }: AttentionShape) {
  const { batch = 1, heads = 1, kvHeads = heads, causal = 1, past = 0, queries, capacity, headDim } = shape;
  // The table reaches as far as a query sees, two more entries before, none after.
  const origin = biased ? queries + 1 : 0;
  const offsets = biased ? origin + (causal ? past + 1 : capacity) : 1;
  const dims = { batch, heads, queries, headDim, kvHeads, capacity, biasHeads: biased ? heads : 1, offsets };
  const threshold = Math.floor(drops * 2 ** 32);
  const dropout = { seed: 17 * queries, threshold, keepScale: 1 / (1 - drops) };
  const params = { scale: 1 / Math.sqrt(headDim), causal, past, origin, ...dropout, biased };
  const fill = ({ q, k, v, bias, keyRange }: Given<'attention'>) => {
    q.forEach((x, i) => {
      q[i] = Math.fround(sharpness * x);
    });
    const seenOffsets = new Set<number>();
    for (let b = 0; b < batch; b++) {
      keyRange.set(ranges?.[b % ranges.length] ?? [0, capacity], 2 * b);
      const seen = new Set<number>();
      for (let i = 0; i < queries; i++) {
        for (const j of visibleKeys(dims, params, keyRange, b, i)) {
          seen.add(j);
          seenOffsets.add(origin + j - i);
        }
      }
      for (let row = b * kvHeads * capacity; row < (b + 1) * kvHeads * capacity; row++) {
        if (seen.has(row % capacity)) continue;
        poison(k.subarray(row * headDim, (row + 1) * headDim));
        poison(v.subarray(row * headDim, (row + 1) * headDim));
      }
    }
    bias.forEach((_, at) => {
      if (!biased || !seenOffsets.has(at % offsets)) bias[at] = Number.NaN;
    });
  };
  return { dims, params, fill, ...(shape.note ? { note: shape.note } : {}) };
}

function attentionBackwardCase(shape: AttentionShape): Case<'attentionBackwardQuery'> {
  const { fill, ...call } = attentionCall(shape);
  return {
    ...call,
    prepare: (given) => {
      fill(given);
      // stats as the forward pass and attentionDelta leave them, rounded to f32.
      const { scale, keepScale } = call.params;
      const params = { ...call.params, scale: Math.fround(scale), keepScale: Math.fround(keepScale) };
      const { y, stats } = reference.attention(call.dims, given, params);
      const delta = reference.attentionDelta(call.dims, { y: y.value, dy: given.dy, stats: stats.value }, {});
      given.stats.set(Float32Array.from(delta.stats.value));
    },
  };
}

/** Every third row masked; masked rows hold what memory happened to hold. */
function maskRows(labels: Float64Array, logits: readonly Float64Array[]): void {
  const vocab = logits[0]!.length / labels.length;
  labels.forEach((_, r) => {
    if (r % 3 !== 1) return;
    labels[r] = IGNORED;
    for (const matrix of logits) poison(matrix.subarray(r * vocab, (r + 1) * vocab));
  });
}
const fillLabels = (labels: Float64Array, vocab: number, random: Random) =>
  labels.forEach((_, r) => {
    labels[r] = random.integer(vocab);
  });

function crossEntropyCase(rows: number, vocab: number, spread: number, note: string): Case<'crossEntropy'> {
  return {
    dims: { rows, vocab },
    params: { gradScale: 0.37 },
    note,
    prepare: ({ labels, logits }, random) => {
      fillLabels(labels, vocab, random);
      scaleBy(logits, spread);
      maskRows(labels, [logits]);
    },
  };
}
function scaleBy(x: Float64Array, factor: number): void {
  x.forEach((v, i) => {
    x[i] = v * factor;
  });
}

interface DivergenceShape {
  readonly rows: number;
  readonly vocab: number;
  readonly weights?: readonly number[];
  readonly temperature?: number;
  readonly spread?: number;
  readonly note: string;
  readonly prepare?: (given: Given<'divergence'>) => void;
}
const divergenceShapes: readonly DivergenceShape[] = [
  { rows: 1, vocab: 1, note: 'one word' },
  { rows: 5, vocab: 17, weights: [0, 0.1, 0.9, 1], note: 'limits of the weight' },
  { rows: 4, vocab: 64, temperature: 2.5, note: 'warm' },
  { rows: 3, vocab: 131, temperature: 0.5, spread: 2, note: 'cold' },
  { rows: 3, vocab: 1031, note: 'two steps and a tail' },
  { rows: 5, vocab: 37, spread: 300, weights: [0, 0.1, 1], note: 'extreme' },
  {
    rows: 4,
    vocab: 23,
    note: 'equal',
    prepare: ({ teacher, student }) => student.set(teacher),
  },
  {
    rows: 4,
    vocab: 19,
    note: 'all masked',
    prepare: ({ labels, teacher, student }) => [labels.fill(IGNORED), poison(teacher), poison(student)],
  },
  {
    rows: 4,
    vocab: 7,
    note: 'other negative labels, which mask nothing',
    prepare: ({ labels }) =>
      labels.forEach((label, r) => {
        if (label !== IGNORED) labels[r] = -1 - r;
      }),
  },
];

const divergenceCases: readonly Case<'divergence'>[] = [
  ...(Object.keys(divergenceKinds) as DivergenceKind[]).flatMap((kind) =>
    divergenceShapes.flatMap(({ rows, vocab, weights = [0.1], temperature = 1, spread = 1, note, prepare }) =>
      weights
        .filter((weight) => simplestKind(kind, weight) === kind)
        .map((weight) => ({
          dims: { rows, vocab },
          params: { weight, temperature, gradScale: 0.37, kind: divergenceKinds[kind] },
          note,
          prepare: (given: Given<'divergence'>) => {
            scaleBy(given.teacher, spread);
            scaleBy(given.student, spread);
            maskRows(given.labels, [given.teacher, given.student]);
            prepare?.(given);
          },
        })),
    ),
  ),
  {
    dims: { rows: 257, vocab: 3 },
    params: { weight: 0.1, temperature: 1, gradScale: 1, kind: divergenceKinds.skewReverseKL },
    note: 'many rows',
  },
];

function sumCases(): Case<'sum' | 'sumSquares'>[] {
  return sizes.flatMap((size, i) =>
    [0, 1].map((accumulate) => {
      const [slots, slot] = [1 + 3 * (i % 2), i % 2 ? 2 : 0];
      return {
        dims: { size, slots },
        params: { slot, accumulate },
        prepare: ({ total }: Given<'sum'>) => {
          if (!accumulate) total[slot] = Number.NaN;
        },
      };
    }),
  );
}

type SampleShape = Partial<Case<'sample'>['params']> & {
  readonly rows?: number;
  readonly vocab: number;
  readonly note: string;
  readonly logit?: (random: Random, id: number, row: number) => number;
};
const [MINUS, PLUS] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const sampleShapes: readonly SampleShape[] = [
  ...[1, 2, 7, 131, 1021, 5003].flatMap((vocab) => [
    { vocab, note: 'plain' },
    { vocab, note: 'greedy', temperature: 0 },
    { vocab, note: 'cold', temperature: 0.3 },
    { vocab, note: 'top-k', topK: 5, step: 3 },
    { vocab, note: 'top-k of one', topK: 1 },
    { vocab, note: 'top-k of more than all', topK: 70_000 },
    { vocab, note: 'top-p', topP: 0.7, temperature: 1.3 },
    { vocab, note: 'top-p that keeps one', topP: 1e-9 },
    { vocab, note: 'top-k and top-p', topK: 40, topP: 0.9, temperature: 2 },
    { vocab, note: 'all equal', logit: () => -3 },
    { vocab, note: 'all equal, top-p', topP: 0.3, logit: () => 2.5 },
    { vocab, note: 'few values', topK: 3, topP: 0.45, logit: (random: Random) => random.integer(4) - 2 },
    { vocab, note: 'few values, greedy', temperature: 0, logit: (random: Random) => random.integer(4) - 2 },
    { vocab, note: 'huge', logit: (random: Random) => 1e30 * random.normal() },
    { vocab, note: 'huge and hot', temperature: 1e30, topP: 0.9, logit: (random: Random) => 1e30 * random.normal() },
    { vocab, note: 'far from zero', topP: 0.8, logit: (random: Random) => 1e4 + random.normal() },
    {
      vocab,
      note: 'mostly -infinity',
      topK: 6,
      topP: 0.95,
      logit: (random: Random, id: number) => (id % 4 === 0 ? random.normal() : MINUS),
    },
  ]),
  { rows: 257, vocab: 19, note: 'many rows', topK: 11, topP: 0.9, step: 0xffffffff },
  { vocab: 67, note: 'both zeros are equal', topK: 1, logit: (_, id) => [-1, -0, 0][id % 3]! },
  { vocab: 67, note: 'both zeros are equal, greedy', temperature: 0, logit: (_, id) => [-1, -0, 0][id % 3]! },
  ...[0, 1].map((temperature) => ({
    rows: 7,
    vocab: 131,
    temperature,
    note: 'rows that cannot be drawn from',
    logit: (random: Random, id: number, row: number) => {
      if (row === 5) return MINUS;
      return id === 97 ? [0, PLUS, Number.NaN, MINUS, -0][row]! : row === 6 && id !== 130 ? MINUS : random.normal();
    },
  })),
];

const sampleCases: readonly Case<'sample'>[] = sampleShapes.map(
  ({ rows = 5, vocab, note, logit, temperature = 1, topK = 0, topP = 1, step = 0 }) => ({
    dims: { rows, vocab },
    params: { temperature, topK, topP, step },
    note,
    prepare: ({ logits, seeds }, random) => {
      seeds.forEach((_, i) => {
        seeds[i] = i % 2 ? i % 5 : random.integer(2 ** 32);
      });
      logits.forEach((z, i) => {
        logits[i] = Math.fround(logit?.(random, i % vocab, Math.floor(i / vocab)) ?? 3 * z);
      });
    },
  }),
);

const sized = (size: number) => ({ dims: { size }, params: {} });
const shaped = ([rows, cols]: readonly [number, number]) => ({ dims: { rows, cols }, params: {} });

/** The calls that each kernel is tested with, on every backend. A kernel without cases does not compile. */
export const cases: { readonly [K in KernelName]: readonly Case<K>[] } = {
  // Weights that the WASM backend reads in segments of whole rows, and of more columns than the 4096 that it takes at a time.
  gemmNN: gemmCases([...gemmShapes, [1, 1031, 517], [1, 4107, 131], [5, 9003, 37]]),
  gemmNT: gemmCases(),
  gemmTN: gemmCases(),
  gemmNNF16: halfGemmCases(),
  gemmNTF16: halfGemmCases(),
  gemmNNInt8: storedGemmCases(hardBytes),
  gemmNTInt8: storedGemmCases(hardBytes),
  broadcastRows: matrices.map((shape) => ({ ...shaped(shape), prepare: ({ y }) => void poison(y) })),
  columnSum: columnSumCases(),
  embedding: embeddingCases(),
  embeddingF16: [
    ...embeddingCases().map((testCase, i) => ({ ...testCase, params: { scale: halfScale(i) } })),
    {
      dims: { tokens: 3, rows: 2, cols: hardHalves.length },
      params: { scale: 0.5 },
      note: 'extremes',
      prepare: ({ table }) => void table.set(hardHalves),
    },
  ],
  embeddingInt8: embeddingCases(),
  embeddingBackward: [
    embeddingBackwardCase(1, 1, 1),
    embeddingBackwardCase(5, 3, 7),
    embeddingBackwardCase(19, 11, 16),
    embeddingBackwardCase(131, 1, 19),
    embeddingBackwardCase(67, 101, 257),
  ],
  layerNorm: [
    ...rowShapes.map((shape) => ({ ...shaped(shape), params: { eps: 1e-5 } })),
    {
      dims: { rows: 3, cols: 67 },
      params: { eps: 1e-5 },
      note: 'a mean far from zero',
      prepare: ({ x }) =>
        x.forEach((v, i) => {
          x[i] = Math.fround(100 + v);
        }),
    },
    { dims: { rows: 2, cols: 9 }, params: { eps: 1e-5 }, note: 'constant rows', prepare: ({ x }) => void x.fill(1.5) },
  ],
  layerNormBackward: rowShapes.map((shape) => ({ ...shaped(shape), prepare: fillMoments })),
  layerNormBackwardWeights: [...matrices, [1031, 5] as const].map((shape) => ({
    ...shaped(shape),
    prepare: fillMoments,
  })),
  gelu: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  geluBackward: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  relu: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  reluBackward: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  add: sizes.map(sized),
  addInto: sizes.map((size) => ({ ...sized(size), params: { scale: -0.7 } })),
  dropout: [
    ...sizes.map((size) => ({ ...sized(size), params: { seed: 7 * size, threshold: 0.1 * 2 ** 32, scale: 1 / 0.9 } })),
    { dims: { size: 97 }, params: { seed: 0xffffffff, threshold: 0x80000000, scale: 2 }, note: 'top bits set' },
    { dims: { size: 97 }, params: { seed: 3, threshold: 0, scale: 1 }, note: 'keeps all' },
  ].map(({ params, ...rest }) => ({ ...rest, params: { ...params, threshold: Math.floor(params.threshold) } })),
  splitHeads: [
    { dims: { batch: 1, seq: 1, width: 1, heads: 1, capacity: 1, headDim: 1 }, params: { column: 0, start: 0 } },
    { dims: { batch: 2, seq: 5, width: 45, heads: 3, capacity: 5, headDim: 5 }, params: { column: 15, start: 0 } },
    { dims: { batch: 2, seq: 3, width: 96, heads: 2, capacity: 7, headDim: 16 }, params: { column: 64, start: 4 } },
    { dims: { batch: 3, seq: 1, width: 77, heads: 7, capacity: 19, headDim: 11 }, params: { column: 0, start: 18 } },
    {
      dims: { batch: 2, seq: 17, width: 192, heads: 1, capacity: 67, headDim: 64 },
      params: { column: 128, start: 31 },
    },
  ],
  mergeHeads: (
    [
      { batch: 1, seq: 1, width: 1, parts: 1, heads: 1, headDim: 1, column: 0, part: 0 },
      { batch: 2, seq: 5, width: 45, parts: 1, heads: 3, headDim: 5, column: 15, part: 0 },
      { batch: 2, seq: 3, width: 96, parts: 2, heads: 2, headDim: 16, column: 64, part: 1 },
      { batch: 3, seq: 1, width: 77, parts: 3, heads: 7, headDim: 11, column: 0, part: 1 },
      { batch: 2, seq: 17, width: 192, parts: 1, heads: 1, headDim: 64, column: 128, part: 0 },
    ] as const
  ).map(({ column, part, ...dims }) => ({ dims, params: { column, part } })),
  attention: attentionShapes.map((shape) => {
    const { fill, ...call } = attentionCall(shape);
    return { ...call, prepare: fill };
  }),
  attentionDelta: (
    [
      [1, 1, 1, 1],
      [2, 3, 5, 7],
      [1, 2, 67, 64],
      [3, 1, 19, 128],
    ] as const
  ).map(([batch, heads, queries, headDim]) => ({
    dims: { batch, heads, queries, headDim },
    params: {},
    prepare: ({ stats }) =>
      stats.forEach((_, i) => {
        if (i % 2 === 1) stats[i] = Number.NaN;
      }),
  })),
  attentionBackwardQuery: attentionShapes.map(attentionBackwardCase),
  attentionBackwardKeyValue: attentionShapes.map(attentionBackwardCase),
  attentionBackwardBias: attentionShapes.filter(({ biased }) => biased).map(attentionBackwardCase),
  crossEntropy: [
    crossEntropyCase(1, 1, 1, 'one word'),
    crossEntropyCase(5, 17, 1, 'small'),
    crossEntropyCase(7, 64, 3, 'sharper'),
    crossEntropyCase(4, 1031, 1, 'two steps and a tail'),
    crossEntropyCase(5, 131, 1000, 'extreme'),
    crossEntropyCase(257, 3, 1, 'many rows'),
    {
      dims: { rows: 3, vocab: 11 },
      params: { gradScale: 1 },
      note: 'all masked',
      prepare: ({ labels, logits }) => [labels.fill(IGNORED), poison(logits)] as never,
    },
  ],
  divergence: divergenceCases,
  sample: sampleCases,
  sum: sumCases(),
  sumSquares: sumCases(),
  clipScale: (
    [
      [1, 1, 4],
      [3, 1, 0.01],
      [7, 0, 4],
      [257, 1, 4],
    ] as const
  ).map(([slots, maxNorm, size]) => ({
    dims: { slots },
    params: { maxNorm },
    note: `squares of size ${size}`,
    prepare: ({ squares }, random) =>
      squares.forEach((_, i) => {
        squares[i] = Math.fround((size * random.uniform()) / slots);
      }),
  })),
  adamW: [...sizes.map((size) => [size, 1, 0.01] as const), [97, 1000, 0] as const].map(
    ([size, step, weightDecay]) => ({
      dims: { size },
      params: {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weightDecay,
        correction1: 1 - 0.9 ** step,
        correction2: 1 - 0.999 ** step,
      },
      note: `step ${step}`,
      prepare: ({ scale, v, grad }, random) => {
        scale[0] = 0.25;
        v.forEach((_, i) => {
          v[i] = Math.fround(random.uniform() ** 4);
        });
        grad[0] = 0;
      },
    }),
  ),
};
