/** Cases of attention: padding, caches, grouped heads, biases, dropout, and keys that no query sees. */
import type { attention as records } from '../../backend/kernels/attention.js';
import type { Case, Cases } from '../case.js';
import { visibleKeys } from '../reference/attention.js';
import { reference } from '../reference/index.js';
import type { Given } from '../reference/types.js';
import { poison } from './shared.js';

interface AttentionShape {
  readonly batch?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly queries: number;
  readonly capacity: number;
  readonly headDim: number;
  readonly past?: number;
  readonly causal?: 0 | 1;
  /** Keys that a query sees at most. */
  readonly span?: number;
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
  // More keys than the 256 that WebGPU takes at a time for few queries.
  { queries: 2, capacity: 600, past: 598, headDim: 5, heads: 2, note: 'a long cache' },
  {
    ...{ queries: 3, capacity: 531, past: 520, headDim: 12, heads: 4, kvHeads: 2, biased: 1, drops: 0.2 },
    note: 'a long cache, grouped, bias, dropout',
  },
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
  { queries: 1, capacity: 1, headDim: 2, span: 1, note: 'a window of one key' },
  { queries: 7, capacity: 7, headDim: 6, heads: 2, span: 1, note: 'windows of one key' },
  {
    queries: 67,
    capacity: 67,
    headDim: 12,
    heads: 4,
    kvHeads: 2,
    batch: 2,
    span: 5,
    note: 'windows, padding',
    ranges: [
      [3, 67],
      [0, 50],
    ],
  },
  { queries: 150, capacity: 150, headDim: 8, span: 70, note: 'windows over several tiles' },
  { queries: 9, capacity: 9, headDim: 4, heads: 2, span: 40, note: 'a window wider than all' },
  { queries: 1, capacity: 77, headDim: 16, past: 67, heads: 2, span: 13, note: 'decoding, window', ranges: [[3, 68]] },
  { queries: 3, capacity: 77, headDim: 16, past: 64, span: 2, batch: 2, drops: 0.2, note: 'few queries, windows' },
  { queries: 40, capacity: 140, headDim: 8, past: 99, heads: 2, span: 17, note: 'prefill onto a cache, windows' },
  { queries: 70, capacity: 70, headDim: 8, heads: 2, span: 33, biased: 1, drops: 0.3, note: 'windows, bias, dropout' },
  { queries: 70, capacity: 35, headDim: 8, heads: 2, kvHeads: 1, causal: 0, biased: 1, drops: 0.5, note: 'all of it' },
];

/** dims and params of a shape, and its key ranges; keys and biases that no query sees are undefined memory. */
function attentionCall({ ranges, sharpness = 1, biased = 0, drops = 0, ...shape }: AttentionShape) {
  const { batch = 1, heads = 1, kvHeads = heads, causal = 1, past = 0, span = 0, queries, capacity, headDim } = shape;
  // The table reaches as far as a query sees, two more entries before, none after.
  const origin = biased ? queries + 1 : 0;
  const offsets = biased ? origin + (causal ? past + 1 : capacity) : 1;
  const dims = { batch, heads, queries, headDim, kvHeads, capacity, biasHeads: biased ? heads : 1, offsets };
  const threshold = Math.floor(drops * 2 ** 32);
  const dropout = { seed: 17 * queries, threshold, keepScale: 1 / (1 - drops) };
  const params = { scale: 1 / Math.sqrt(headDim), causal, past, span, origin, ...dropout, biased };
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

export const attention: Cases<keyof typeof records> = {
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
  splitHeadsRotary: [
    { dims: { batch: 1, seq: 1, width: 2, heads: 1, capacity: 1, headDim: 2 }, params: { column: 0, start: 0 } },
    { dims: { batch: 2, seq: 5, width: 54, heads: 3, capacity: 5, headDim: 6 }, params: { column: 18, start: 0 } },
    { dims: { batch: 2, seq: 3, width: 114, heads: 2, capacity: 7, headDim: 38 }, params: { column: 38, start: 4 } },
    { dims: { batch: 3, seq: 1, width: 77, heads: 7, capacity: 19, headDim: 10 }, params: { column: 5, start: 18 } },
    {
      dims: { batch: 2, seq: 17, width: 192, heads: 1, capacity: 67, headDim: 64 },
      params: { column: 128, start: 31 },
    },
  ],
  mergeHeadsRotary: (
    [
      { batch: 1, seq: 1, width: 2, parts: 1, heads: 1, headDim: 2, column: 0, part: 0 },
      { batch: 2, seq: 5, width: 54, parts: 1, heads: 3, headDim: 6, column: 18, part: 0 },
      { batch: 2, seq: 3, width: 114, parts: 2, heads: 2, headDim: 38, column: 38, part: 1 },
      { batch: 3, seq: 1, width: 77, parts: 3, heads: 7, headDim: 10, column: 5, part: 1 },
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
};
