/** Attention, forward and backward, and the moves between token-major rows and heads. */
import { i32, of, roundings } from './notation.js';
import { rangeOver, threadEach } from './plan.js';
import type { Dims, KernelSpec, Params } from './spec.js';

/** Operands that all attention kernels read, and (dy, stats) those that the backward kernels read besides. */
const attentionDims = ['batch', 'heads', 'queries', 'headDim', 'kvHeads', 'capacity', 'biasHeads', 'offsets'] as const;
const attentionParams = {
  scale: 'f32',
  causal: 'u32',
  past: 'u32',
  span: 'u32',
  biased: 'u32',
  origin: 'u32',
  seed: 'u32',
  threshold: 'u32',
  keepScale: 'f32',
} as const;
const attentionInputs = {
  q: ['batch', 'heads', 'queries', 'headDim'],
  k: ['batch', 'kvHeads', 'capacity', 'headDim'],
  v: ['batch', 'kvHeads', 'capacity', 'headDim'],
  bias: ['biasHeads', 'offsets'],
  keyRange: i32('batch', 2),
} as const;
const attentionGradients = {
  dy: ['batch', 'heads', 'queries', 'headDim'],
  stats: ['batch', 'heads', 'queries', 2],
} as const;
/**
 * Pairs of a query and a key that it sees, headDim elements each. Padding counts as keys, since only the device knows
 * keyRange.
 */
function pairs(dims: Dims, { causal = 0, past = 0, span = 0 }: Params = {}): number {
  const { queries = 0 } = dims;
  const most = seenAtMost(dims, span);
  // Of causal queries the first see one key more each, until they see them all.
  const growing = causal ? Math.min(queries, Math.max(0, most - past)) : 0;
  const seen = growing * past + (growing * (growing + 1)) / 2 + (queries - growing) * most;
  return seen * of(dims, 'batch', 'heads', 'headDim');
}
/** Keys that a query sees at most. */
const seenAtMost = ({ capacity = 0 }: Dims, span: number) => (span === 0 ? capacity : Math.min(capacity, span));
/** Of the forward pass: positions of the cache that no query sees yet are not read. */
function attentionBytes(dims: Dims, { causal, past = 0, span = 0, biased }: Params): number {
  const { queries = 0, capacity = 0 } = dims;
  const end = causal ? Math.min(capacity, past + queries) : capacity;
  const keys = end - (span === 0 ? 0 : Math.max(0, past + 1 - span));
  const floats =
    2 * of(dims, 'batch', 'heads', 'queries', 'headDim') +
    2 * of(dims, 'batch', 'heads', 'queries') +
    2 * of(dims, 'batch', 'kvHeads', 'headDim') * keys +
    (biased ? of(dims, 'biasHeads', 'offsets') : 0);
  return 4 * (floats + 2 * of(dims, 'batch'));
}

export const attention = {
  /**
   * Columns [column, column + heads * headDim) of x, token by token, to one row block a head:
   * y[b, h, start + s, e] = x[b, s, column + h * headDim + e]. With capacity > seq it appends to a KV cache; the
   * other positions of y stay as they are.
   */
  splitHeads: {
    dims: ['batch', 'seq', 'width', 'heads', 'capacity', 'headDim'],
    params: { column: 'u32', start: 'u32' },
    in: { x: ['batch', 'seq', 'width'] },
    inout: { y: ['batch', 'heads', 'capacity', 'headDim'] },
    flops: (d) => of(d, 'batch', 'seq', 'heads', 'headDim'),
    bytes: (d) => 8 * of(d, 'batch', 'seq', 'heads', 'headDim'),
    ulp: () => 0,
    plan: {
      wasm: rangeOver(['batch', 'seq'], (d) => of(d, 'heads', 'headDim')),
      webgpu: threadEach('batch', 'seq', 'heads', 'headDim'),
    },
  },
  /**
   * The inverse of splitHeads for one component of x: y[b, s, column + h * headDim + e] = x[b, part, h, s, e]; other
   * columns of y stay as they are.
   */
  mergeHeads: {
    dims: ['batch', 'seq', 'width', 'parts', 'heads', 'headDim'],
    params: { column: 'u32', part: 'u32' },
    in: { x: ['batch', 'parts', 'heads', 'seq', 'headDim'] },
    inout: { y: ['batch', 'seq', 'width'] },
    flops: (d) => of(d, 'batch', 'seq', 'heads', 'headDim'),
    bytes: (d) => 8 * of(d, 'batch', 'seq', 'heads', 'headDim'),
    ulp: () => 0,
    plan: {
      wasm: rangeOver(['batch', 'seq'], (d) => of(d, 'heads', 'headDim')),
      webgpu: threadEach('batch', 'seq', 'heads', 'headDim'),
    },
  },
  /**
   * splitHeads with rotary positions (Su et al. 2021, arXiv:2104.09864): of each head's dims e and e + headDim / 2 make a
   * pair that is turned by the angle of its token, whose cosine is angles[b, s, e] and whose sine is
   * angles[b, s, e + headDim / 2]. With (a, b) the pair in x, y holds (a cos - b sin, b cos + a sin). headDim is even.
   */
  splitHeadsRotary: {
    dims: ['batch', 'seq', 'width', 'heads', 'capacity', 'headDim'],
    params: { column: 'u32', start: 'u32' },
    in: { x: ['batch', 'seq', 'width'], angles: ['batch', 'seq', 'headDim'] },
    inout: { y: ['batch', 'heads', 'capacity', 'headDim'] },
    flops: (d) => 3 * of(d, 'batch', 'seq', 'heads', 'headDim'),
    bytes: (d) => 8 * of(d, 'batch', 'seq', 'heads', 'headDim') + 4 * of(d, 'batch', 'seq', 'headDim'),
    ulp: () => 3,
    plan: {
      wasm: rangeOver(['batch', 'seq'], (d) => 3 * of(d, 'heads', 'headDim')),
      webgpu: threadEach('batch', 'seq', 'heads', 'headDim'),
    },
  },
  /**
   * mergeHeads that turns each pair back, which is the gradient of splitHeadsRotary: with (a, b) the pair in x, y holds
   * (a cos + b sin, b cos - a sin).
   */
  mergeHeadsRotary: {
    dims: ['batch', 'seq', 'width', 'parts', 'heads', 'headDim'],
    params: { column: 'u32', part: 'u32' },
    in: { x: ['batch', 'parts', 'heads', 'seq', 'headDim'], angles: ['batch', 'seq', 'headDim'] },
    inout: { y: ['batch', 'seq', 'width'] },
    flops: (d) => 3 * of(d, 'batch', 'seq', 'heads', 'headDim'),
    bytes: (d) => 8 * of(d, 'batch', 'seq', 'heads', 'headDim') + 4 * of(d, 'batch', 'seq', 'headDim'),
    ulp: () => 3,
    plan: {
      wasm: rangeOver(['batch', 'seq'], (d) => 3 * of(d, 'heads', 'headDim')),
      webgpu: threadEach('batch', 'seq', 'heads', 'headDim'),
    },
  },
  /**
   * y = D(softmax(scale * q k^T + bias)) v, head by head, no score matrix in memory. Query i (position past + i) of row
   * b sees key j when keyRange[b, 0] <= j < keyRange[b, 1], (not causal or j <= past + i) and (span is 0 or
   * j > past + i - span: a sliding window). Query head h reads key head floor(h / (heads / kvHeads)). A query that sees no
   * key gives zeros. stats[..., 0] keeps the log-sum-exp of the scores (0 for such a query), stats[..., 1] is set to 0 and
   * filled by attentionDelta.
   *
   * When `biased` is 1 the score of query i and key j of head h has bias[h, origin + j - i] added to it: a table by
   * relative position, which covers every pair that is seen (biasHeads = heads). When `biased` is 0 the bias is not
   * read: pass any tensor of that rank. D is dropout: the probability of pair (b, h, i, j) becomes 0 where hash(seed,
   * ((b heads + h) queries + i) capacity + j) < threshold (the hash of the `dropout` kernel), and is multiplied by
   * keepScale elsewhere; threshold 0 keeps all.
   */
  attention: {
    dims: attentionDims,
    params: attentionParams,
    in: attentionInputs,
    out: { y: ['batch', 'heads', 'queries', 'headDim'], stats: ['batch', 'heads', 'queries', 2] },
    flops: (d, p) => 4 * pairs(d, p),
    bytes: attentionBytes,
    ulp: (d) => roundings(of(d, 'capacity') + of(d, 'headDim')) + 8,
  },
  /** stats[..., 1] = sum over e of dy * y: the row term of the softmax gradient. */
  attentionDelta: {
    dims: ['batch', 'heads', 'queries', 'headDim'],
    in: { y: ['batch', 'heads', 'queries', 'headDim'], dy: ['batch', 'heads', 'queries', 'headDim'] },
    inout: { stats: ['batch', 'heads', 'queries', 2] },
    flops: (d) => 2 * of(d, 'batch', 'heads', 'queries', 'headDim'),
    ulp: (d) => roundings(of(d, 'headDim')) + 2,
    plan: {
      wasm: rangeOver(['batch', 'heads', 'queries'], (d) => 2 * of(d, 'headDim')),
      webgpu: threadEach('batch', 'heads', 'queries'),
    },
  },
  /**
   * dq of attention: scale * sum over j of ds_ij k_j, where ds_ij = p_ij (D_ij dy_i . v_j - delta_i) is the gradient of
   * a score, p_ij = exp(score_ij - lse_i), and D_ij is keepScale, or 0 where dropout took the pair.
   */
  attentionBackwardQuery: {
    dims: attentionDims,
    params: attentionParams,
    in: { ...attentionInputs, ...attentionGradients },
    out: { dq: ['batch', 'heads', 'queries', 'headDim'] },
    flops: (d, p) => 6 * pairs(d, p),
    ulp: (d) => roundings(of(d, 'capacity') + of(d, 'headDim')) + 8,
  },
  /**
   * dk (part 0) and dv (part 1) of attention: dk_j = scale * sum over i of ds_ij q_i, dv_j = sum over i of p_ij D_ij
   * dy_i, also over the query heads that share a key head. Positions no query sees get zeros.
   */
  attentionBackwardKeyValue: {
    dims: attentionDims,
    params: attentionParams,
    in: { ...attentionInputs, ...attentionGradients },
    out: { dkv: ['batch', 2, 'kvHeads', 'capacity', 'headDim'] },
    flops: (d, p) => 8 * pairs(d, p),
    ulp: (d) => roundings(of(d, 'queries', 'heads') + of(d, 'headDim')) + 8,
  },
  /** dbias[h, o] = sum over b, i of ds_ij, j = i + o - origin, over the pairs that are seen. `biased` is 1. */
  attentionBackwardBias: {
    dims: attentionDims,
    params: attentionParams,
    in: { ...attentionInputs, ...attentionGradients },
    out: { dbias: ['biasHeads', 'offsets'] },
    flops: (d, p) => 4 * pairs(d, p),
    ulp: (d) => roundings(of(d, 'batch', 'queries') + of(d, 'headDim')) + 8,
  },
} as const satisfies Record<string, KernelSpec>;
