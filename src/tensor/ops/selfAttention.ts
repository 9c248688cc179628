import { LimitError, ShapeError } from '../../errors.js';
import { run } from '../run.js';
import { track } from '../tape.js';
import { Tensor } from '../tensor.js';

/** Keys and values of one layer, [batch, numKvHeads, capacity, headDim] each; positions below `past` are filled. */
export interface LayerCache {
  readonly keys: Tensor;
  readonly values: Tensor;
}

export interface SelfAttentionOptions {
  readonly numHeads: number;
  /** Key and value heads (grouped queries); `numHeads` by default. */
  readonly numKvHeads?: number;
  /** i32 [batch, 2]: each row's keys are valid in [first, end); the rest is padding. */
  readonly keyRange: Tensor;
  /** Decoding: the new keys and values are stored from position `past` on, and queries see all before them. */
  readonly cache?: LayerCache;
  readonly past?: number;
}

/**
 * Causal multi-head attention on packed projections. qkv [batch, seq, (numHeads + 2 numKvHeads) headDim], query,
 * key and value columns in this order -> [batch, seq, numHeads headDim]. Scores are scaled by 1 / sqrt(headDim).
 * Queries that see no key (padding) give zeros.
 * @throws ShapeError, LimitError when the cache is too short.
 */
export function selfAttention(
  qkv: Tensor,
  { numHeads, numKvHeads = numHeads, keyRange, cache, past = 0 }: SelfAttentionOptions,
): Tensor {
  const { device } = qkv;
  const [batch = 0, seq = 0, width = 0] = qkv.shape;
  const headDim = width / (numHeads + 2 * numKvHeads);
  if (qkv.shape.length !== 3 || !Number.isInteger(headDim)) {
    throw new ShapeError(
      `selfAttention: qkv is [${qkv.shape.join(', ')}], expected [batch, seq, (${numHeads} + 2 * ${numKvHeads}) * headDim].`,
      { found: qkv.shape },
    );
  }
  const capacity = cache?.keys.shape[2] ?? seq;
  if (past + seq > capacity) {
    throw new LimitError(`selfAttention: ${past} + ${seq} positions exceed the cache of ${capacity}.`, {
      found: past + seq,
      expected: capacity,
    });
  }
  const columns = { q: 0, k: numHeads * headDim, v: (numHeads + numKvHeads) * headDim };
  const perHead = (heads: number, length: number) =>
    Tensor.empty(device, [batch, heads, length, headDim], 'f32', 'heads');
  const split = (column: number, y: Tensor, start = 0) => {
    run(device, 'splitHeads', { x: qkv, y }, { column, start });
    return y;
  };
  const q = split(columns.q, perHead(numHeads, seq));
  const k = split(columns.k, cache?.keys ?? perHead(numKvHeads, seq), past);
  const v = split(columns.v, cache?.values ?? perHead(numKvHeads, seq), past);
  const params = { scale: 1 / Math.sqrt(headDim), causal: 1, past };
  const { y: heads, stats } = run(device, 'attention', { q, k, v, keyRange }, params);
  const y = Tensor.empty(device, [batch, seq, numHeads * headDim], 'f32', 'attention.y');
  run(device, 'mergeHeads', { x: heads, y }, { column: 0 });

  return track('selfAttention', [qkv], y, (dy, gradients) => {
    const dyHeads = perHead(numHeads, seq);
    run(device, 'splitHeads', { x: dy, y: dyHeads }, { column: 0, start: 0 });
    run(device, 'attentionDelta', { y: heads, dy: dyHeads, stats }, {});
    const operands = { q, k, v, dy: dyHeads, stats, keyRange };
    const { dq } = run(device, 'attentionBackwardQuery', operands, params);
    const { dk, dv } = run(device, 'attentionBackwardKeyValue', operands, params);
    const dqkv = Tensor.empty(device, qkv.shape, 'f32', 'attention.dqkv');
    run(device, 'mergeHeads', { x: dq, y: dqkv }, { column: columns.q });
    run(device, 'mergeHeads', { x: dk, y: dqkv }, { column: columns.k });
    run(device, 'mergeHeads', { x: dv, y: dqkv }, { column: columns.v });
    gradients.add(qkv, dqkv);
    for (const tensor of [dyHeads, dq, dk, dv, dqkv]) tensor.dispose();
  });
}
