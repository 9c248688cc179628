/** Attention as one operation: scores are never in memory as a whole, and the backward pass computes them again. */
import { LimitError, OptionError, ShapeError } from '../../errors.js';
import { expectOptions, expectTensors } from '../expect.js';
import { run, type View } from '../run.js';
import { activeTape, type Gradients, track } from '../tape.js';
import { Tensor } from '../tensor.js';
import { dropoutParams } from './dropout.js';

/** Keys and values of one layer, [batch, numKvHeads, capacity, headDim] each; positions below `past` are filled. */
export interface LayerCache {
  /** [batch, numKvHeads, capacity, headDim]. */
  readonly keys: Tensor;
  /** As keys. */
  readonly values: Tensor;
}

/** Added to the scores by relative position, as T5 does. */
export interface PositionBias {
  /**
   * [positions, numHeads]. Row `center + key position - query position`. `embedding` of T5's table [buckets, numHeads]
   * with the bucket of each relative position gives it, and takes its gradient back. It must reach from the first key
   * as the last query sees it to the last key as the first query sees it (causal: to the query itself).
   */
  readonly table: Tensor;
  /** The row of relative position 0. */
  readonly center: number;
}

/**
 * What attends to what. Heads are side by side in the last axis. Without keys and values, those in the cache are read
 * as they are (cross-attention while decoding).
 */
export type Projections =
  | {
      /** [batch, seq, (numHeads + 2 numKvHeads) headDim], which holds query, key and value columns in this order. */
      readonly qkv: Tensor;
    }
  | {
      /** [batch, queries, numHeads headDim]. */
      readonly q: Tensor;
      /** [batch, keys, numKvHeads headDim], of the same sequence or another. */
      readonly k: Tensor;
      /** As k. */
      readonly v: Tensor;
    }
  | {
      /** [batch, queries, numHeads headDim]. */
      readonly q: Tensor;
    };

/** How queries attend to keys. */
export interface AttentionOptions {
  /** Query heads. */
  readonly numHeads: number;
  /** Key and value heads (grouped queries); `numHeads` by default. */
  readonly numKvHeads?: number;
  /** i32 [batch, 2]: each row's keys are valid in [first, end); the rest is padding. */
  readonly keyRange: Tensor;
  /** Queries see no later keys. */
  readonly causal: boolean;
  /** A sliding window: queries see so many keys at most, their own the last. Default all. */
  readonly window?: number | undefined;
  /** Multiplies q k^T; 1 / sqrt(headDim) by default. T5 has 1. */
  readonly scale?: number;
  /** Default none. */
  readonly bias?: PositionBias;
  /**
   * Rotary positions of queries and keys, [batch, queries, headDim]: of each token the cosines of the angles by which its
   * pairs of dims, e and e + headDim / 2, are turned, then the sines. Keys are the queries' own tokens. Default none.
   */
  readonly rotary?: Tensor;
  /** Dropout of probabilities: the same seed drops the same ones on every backend, and in the backward pass. */
  readonly dropout?: {
    /** In [0, 1). */
    readonly probability: number;
    /** Names the mask. */
    readonly seed: number;
  };
  /** Decoding: the new keys and values are stored from position `past` on. */
  readonly cache?: LayerCache;
  /** Position of the first query; 0 by default. */
  readonly past?: number;
}

const optionNames: readonly (keyof AttentionOptions)[] = [
  ...([
    'numHeads',
    'numKvHeads',
    'keyRange',
    'causal',
    'window',
    'scale',
    'bias',
    'rotary',
    'dropout',
    'cache',
    'past',
  ] as const),
];

/** Columns of a tensor that hold heads. */
interface Columns {
  readonly x: Tensor;
  readonly column: number;
}

/**
 * Multi-head attention, softmax(scale * q k^T + bias) v -> [batch, queries, numHeads headDim], without a matrix of
 * scores in memory. Queries that see no key (padding) give zeros. Keys reach a cache with their rotary
 * positions applied. Gradients go to the projections and to the bias's table, not to a cache.
 * @throws ShapeError, LimitError when the cache is too short, OptionError for other options, a probability outside
 * [0, 1), and what is no tensor.
 */
export function attention(projections: Projections, options: AttentionOptions): Tensor {
  expectOptions('attention', options, optionNames);
  const { numHeads, numKvHeads = numHeads, keyRange, rotary, cache, past = 0 } = options;
  expectOptions('attention', projections, ['qkv', 'q', 'k', 'v']);
  expectTensors('attention', { keyRange, ...(rotary && { rotary }), ...tensorsOf(projections) });
  const { q, k, v, batch, queries, newKeys, headDim } = columnsOf(projections, numHeads, numKvHeads);
  if (rotary) checkRotary(rotary, [batch, queries, headDim], newKeys);
  const { device } = q.x;
  const capacity = cache?.keys.shape[2] ?? newKeys;
  if (capacity === 0) throw new ShapeError('attention: there are no keys: give k and v, or a cache that holds them.');
  if (cache && past + newKeys > capacity) {
    throw new LimitError(`attention: ${past} + ${newKeys} positions exceed the cache of ${capacity}.`, {
      found: past + newKeys,
      expected: capacity,
    });
  }
  const perHead = (heads: number, length: number) =>
    Tensor.empty(device, [batch, heads, length, headDim], 'f32', 'heads');
  const split = ({ x, column }: Columns, y: Tensor, start = 0) => {
    run(device, 'splitHeads', { x, y }, { column, start });
    return y;
  };
  const place = ({ x, column }: Columns, y: Tensor, start = 0) => {
    if (!rotary) return split({ x, column }, y, start);
    run(device, 'splitHeadsRotary', { x, angles: rotary, y }, { column, start });
    return y;
  };
  // Of a single token, the heads of a row and the rows of a head are the same memory. A backward pass keeps its own.
  const single = queries === 1 && activeTape() === undefined;
  const queryHeads =
    single && batch === 1 && !rotary && q.column === 0
      ? { storage: q.x.storage, shape: [1, numHeads, 1, headDim], dtype: q.x.dtype }
      : place(q, perHead(numHeads, queries));
  const keys = cache?.keys ?? perHead(numKvHeads, capacity);
  const values = cache?.values ?? perHead(numKvHeads, capacity);
  if (k && v) {
    place(k, keys, cache ? past : 0);
    split(v, values, cache ? past : 0);
  }
  const { bias, origin } = biasOf(options, queries, capacity);
  const params = {
    scale: options.scale ?? 1 / Math.sqrt(headDim),
    causal: options.causal ? 1 : 0,
    past,
    span: spanOf(options),
    origin,
    biased: options.bias ? 1 : 0,
    ...keepParams(options.dropout),
  };
  // Without a bias the kernel reads none: anything of the right form will do.
  const inputs = { q: queryHeads, k: keys, v: values, bias: bias ?? unread(queryHeads), keyRange };
  const shape = [batch, queries, numHeads * headDim];
  const { y: attended, stats } = run(device, 'attention', inputs, params, single ? { y: shape } : {});
  const heads = { storage: attended.storage, shape: [batch, numHeads, queries, headDim], dtype: attended.dtype };
  const y = single ? attended : Tensor.empty(device, shape, 'f32', 'attention.y');
  if (!single) run(device, 'mergeHeads', { x: grouped(heads, 1), y }, { column: 0, part: 0 });

  const table = options.bias?.table;
  const sources = [...new Set([q, k, v].flatMap((source) => source?.x ?? [])), ...(table ? [table] : [])];
  return track(sources, y, (dy, gradients) => {
    if (cache) throw new OptionError('attention: keys and values in a cache have no gradient: train without one.');
    const dyHeads = split({ x: dy, column: 0 }, perHead(numHeads, queries));
    run(device, 'attentionDelta', { y: heads, dy: dyHeads, stats }, {});
    const given = { ...inputs, dy: dyHeads, stats };
    if (sources.some((source) => source !== table && gradients.wants(source))) {
      const { dq } = run(device, 'attentionBackwardQuery', given, params);
      const { dkv } = run(device, 'attentionBackwardKeyValue', given, params);
      addGradients(gradients, projections, { dq, dkv, rotary });
      for (const tensor of [dq, dkv]) tensor.dispose();
    }
    if (table && gradients.wants(table)) {
      const { dbias } = run(device, 'attentionBackwardBias', given, params);
      const dtable = Tensor.empty(device, table.shape, 'f32', 'attention.dtable');
      const [positions = 0] = table.shape;
      const x = { storage: dbias.storage, shape: [1, 1, numHeads, positions, 1], dtype: dbias.dtype };
      run(device, 'mergeHeads', { x, y: oneRow(dtable) }, { column: 0, part: 0 });
      gradients.add(table, dtable);
      for (const tensor of [dbias, dtable]) tensor.dispose();
    }
    dyHeads.dispose();
  });
}

/** Where the heads of queries, new keys and new values are, and their sizes. */
/** Those that the kind of projections must have. */
function tensorsOf(projections: Projections) {
  if ('qkv' in projections) return { qkv: projections.qkv };
  const { q } = projections;
  return 'k' in projections ? { q, k: projections.k, v: projections.v } : { q };
}

function columnsOf(projections: Projections, numHeads: number, numKvHeads: number) {
  if (numHeads % numKvHeads !== 0) {
    throw new ShapeError(`attention: ${numKvHeads} key heads do not divide ${numHeads} query heads.`, {
      found: numKvHeads,
      expected: numHeads,
    });
  }
  const refuse = (name: string, { shape }: Tensor, expected: string): never => {
    throw new ShapeError(`attention: ${name} is [${shape.join(', ')}], expected ${expected}.`, { found: shape });
  };
  if ('qkv' in projections) {
    const { qkv } = projections;
    const [batch = 0, seq = 0, width = 0] = qkv.shape;
    const headDim = width / (numHeads + 2 * numKvHeads);
    if (qkv.shape.length !== 3 || !Number.isInteger(headDim)) {
      refuse('qkv', qkv, `[batch, seq, (${numHeads} + 2 * ${numKvHeads}) * headDim]`);
    }
    const at = (heads: number): Columns => ({ x: qkv, column: heads * headDim });
    const [q, k, v] = [at(0), at(numHeads), at(numHeads + numKvHeads)];
    return { q, k, v, batch, queries: seq, newKeys: seq, headDim };
  }
  const { q } = projections;
  const [batch = 0, queries = 0, width = 0] = q.shape;
  const headDim = width / numHeads;
  if (q.shape.length !== 3 || !Number.isInteger(headDim)) refuse('q', q, `[batch, queries, ${numHeads} * headDim]`);
  if (!('k' in projections)) {
    return { q: { x: q, column: 0 }, k: undefined, v: undefined, batch, queries, newKeys: 0, headDim };
  }
  const { k, v } = projections;
  const [, newKeys = 0] = k.shape;
  for (const [name, x] of Object.entries({ k, v })) {
    const expected = [batch, newKeys, numKvHeads * headDim];
    if (x.shape.join() !== expected.join()) refuse(name, x, `[${expected.join(', ')}]`);
  }
  return { q: { x: q, column: 0 }, k: { x: k, column: 0 }, v: { x: v, column: 0 }, batch, queries, newKeys, headDim };
}

/** @throws OptionError */
function spanOf({ window }: AttentionOptions): number {
  if (window === undefined) return 0;
  if (Number.isInteger(window) && window >= 1) return Math.min(window, 2 ** 30);
  throw new OptionError(`attention: window is ${window}, expected an integer of at least 1, or none.`, {
    found: window,
  });
}

/** @throws ShapeError unless these are the angles of every token, and every token is a key */
function checkRotary({ shape }: Tensor, expected: readonly [number, number, number], newKeys: number): void {
  const [, queries, headDim] = expected;
  if (shape.join() === expected.join() && newKeys === queries && headDim % 2 === 0) return;
  throw new ShapeError(
    `attention: rotary is [${shape.join(', ')}], expected [${expected.join(', ')}]: an even headDim, and as many new keys ` +
      `as queries (found ${newKeys}).`,
    { found: shape, expected },
  );
}

/** The bias by head, [numHeads, positions], and its entry for a query and a key of the same index. */
function biasOf({ bias, numHeads, causal, past = 0 }: AttentionOptions, queries: number, capacity: number) {
  if (!bias) return { bias: undefined, origin: 0 };
  const { table, center } = bias;
  const [positions = 0, heads = 0] = table.shape;
  const before = past + queries - 1;
  const after = causal ? 0 : capacity - 1 - past;
  if (table.shape.length !== 2 || heads !== numHeads || center < before || positions <= center + after) {
    throw new ShapeError(
      `attention: the bias's table is [${table.shape.join(', ')}] with position 0 in row ${center}, expected ` +
        `${numHeads} columns, ${before} rows before that one and ${after} after it.`,
      { found: table.shape, expected: [before + 1 + after, numHeads] },
    );
  }
  const byHead = Tensor.empty(table.device, [numHeads, positions], 'f32', 'attention.bias');
  const y = { storage: byHead.storage, shape: [1, numHeads, positions, 1], dtype: byHead.dtype };
  run(table.device, 'splitHeads', { x: oneRow(table), y }, { column: 0, start: 0 });
  return { bias: byHead, origin: center - past };
}

function keepParams(dropout: AttentionOptions['dropout']) {
  const { seed, threshold, scale } = dropoutParams('attention', dropout ?? { probability: 0, seed: 0 });
  return { seed, threshold, keepScale: scale };
}

/** A tensor as a batch of one. */
const oneRow = ({ storage, shape, dtype }: Tensor) => ({ storage, shape: [1, ...shape], dtype });
/** [batch, count heads, seq, headDim] seen as [batch, count, heads, seq, headDim]. */
const grouped = ({ storage, shape: [batch = 0, heads = 0, ...rest], dtype }: View, count: number) => ({
  storage,
  shape: [batch, count, heads / count, ...rest],
  dtype,
});
const unread = ({ storage, dtype }: View) => ({ storage, shape: [1, 1], dtype });

/**
 * Adds dq [batch, heads, ...] and dkv [batch, 2, kvHeads, ...] to the projections' gradients, in their layout; those of
 * queries and keys turned back where rotary positions turned them.
 */
function addGradients(
  gradients: Gradients,
  projections: Projections,
  { dq, dkv, rotary }: { readonly dq: Tensor; readonly dkv: Tensor; readonly rotary: Tensor | undefined },
): void {
  const { device } = dq;
  const [batch = 0, , kvHeads = 0, ...rest] = dkv.shape;
  const [, heads = 0, , headDim = 0] = dq.shape;
  const dqHeads = grouped(dq, 1);
  const give = (x: Tensor, fill: (target: Tensor) => void) => {
    if (!gradients.wants(x)) return;
    const target = Tensor.empty(device, x.shape, 'f32', 'attention.dx');
    fill(target);
    gradients.add(x, target);
    target.dispose();
  };
  const merge = (x: View | Tensor, y: Tensor, place: { column: number; part: number }) =>
    run(device, 'mergeHeads', { x, y }, place);
  const mergeTurned = (x: View | Tensor, y: Tensor, place: { column: number; part: number }) =>
    rotary ? run(device, 'mergeHeadsRotary', { x, angles: rotary, y }, place) : merge(x, y, place);
  if ('qkv' in projections) {
    const keyColumn = heads * headDim;
    give(projections.qkv, (y) => {
      mergeTurned(dqHeads, y, { column: 0, part: 0 });
      if (rotary) {
        mergeTurned(dkv, y, { column: keyColumn, part: 0 });
        merge(dkv, y, { column: keyColumn + kvHeads * headDim, part: 1 });
        return;
      }
      // Keys and values are neighbours in qkv, as the two components of dkv are.
      const dkvHeads = { storage: dkv.storage, shape: [batch, 1, 2 * kvHeads, ...rest], dtype: dkv.dtype };
      merge(dkvHeads, y, { column: keyColumn, part: 0 });
    });
    return;
  }
  give(projections.q, (y) => mergeTurned(dqHeads, y, { column: 0, part: 0 }));
  if (!('k' in projections)) return;
  give(projections.k, (y) => mergeTurned(dkv, y, { column: 0, part: 0 }));
  give(projections.v, (y) => merge(dkv, y, { column: 0, part: 1 }));
}
