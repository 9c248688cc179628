/**
 * The one table of kernels. The Device type, the shape check above both backends, the binding order, what the tests allow
 * and the rates of profiles all read these records.
 *
 * Names of dims are symbolic: the first operand that mentions one binds it, the others must agree. A dim that no
 * input mentions (the vocabulary of an embedding's gradient when only ids come in, say) is bound by an `inout`
 * operand. Operands are dense, row-major. `inout` operands are read and written; kernels whose params include
 * `accumulate` add to them when it is 1 and overwrite them (without reading) when it is 0.
 *
 * Binding order on WebGPU: uniform (the dims in the order of `dims`, then the params, 4 bytes each), then `in`, `inout`
 * and `out` in the order written here. At most 8 operands a kernel, the default limit. `constants` choose a variant:
 * WGSL `override` constants (their upper-case names), plain arguments in AssemblyScript.
 *
 * f16 and int8 are for stored weights only: kernels widen them exactly and compute in f32 (see gemmNTInt8 for what WASM does
 * with bytes). f16 elements are finite.
 * Storages stay multiples of 4 bytes; on the host f16 is its bits in a Uint16Array.
 */
export type DType = 'f32' | 'i32' | 'u32' | 'f16' | 'int8';
export type ParamType = 'f32' | 'u32';
/** A dim by name, or a fixed extent. */
export type Extent = string | number;
export type OperandSpec = readonly Extent[] | { readonly shape: readonly Extent[]; readonly dtype: DType };
export type Dims = Readonly<Record<string, number>>;
export type Params = Readonly<Record<string, number>>;

export interface KernelSpec {
  /** Every symbolic dim, in the order of the uniform block. */
  readonly dims: readonly string[];
  readonly params?: Readonly<Record<string, ParamType>>;
  readonly constants?: Readonly<Record<string, 'u32'>>;
  /** Read only; distinct buffers from everything that is written. */
  readonly in: Readonly<Record<string, OperandSpec>>;
  readonly inout?: Readonly<Record<string, OperandSpec>>;
  readonly out?: Readonly<Record<string, OperandSpec>>;
  /**
   * Floating-point operations of one call: profiles divide by it, and WebGPU cuts long calls by it. Without params, the most
   * that there can be with such dims.
   */
  readonly flops: (dims: Dims, params?: Params) => number;
  /** Bytes read and written by one call, for kernels that do not go through all of each operand: profiles divide by it. */
  readonly bytes?: (dims: Dims, params: Params) => number;
  /**
   * Allowed error of each output element in units in the last place (f32), counted at the scale of the sum of the
   * absolute terms (each times its condition number where it goes through an exponential: see the float64 reference).
   * `roundings` of the sums on the path to the element, and a constant for its divisions, roots and exponentials, which
   * WGSL leaves to be 2.5 units off or more. Both backends need 4 to 50 percent of it.
   */
  readonly ulp: (dims: Dims) => number;
}

/** Data of each dtype on the host. */
export const hostArrays = {
  f32: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  f16: Uint16Array,
  int8: Int8Array,
} as const satisfies Record<DType, unknown>;
export const bytesPerElement = (dtype: DType): number => hostArrays[dtype].BYTES_PER_ELEMENT;
/** Bytes of a storage for `elements`: whole words. */
export const storageBytes = (dtype: DType, elements: number): number =>
  4 * Math.ceil((bytesPerElement(dtype) * elements) / 4);

const i32 = (...shape: Extent[]) => ({ shape, dtype: 'i32' as const });
const f16 = (...shape: Extent[]) => ({ shape, dtype: 'f16' as const });
const int8 = (...shape: Extent[]) => ({ shape, dtype: 'int8' as const });
const of = (dims: Dims, ...names: string[]) => names.reduce((product, name) => product * (dims[name] ?? 1), 1);

/** Units in the last place that n additions may cost: their errors are as good as random, so they grow as the root of n. */
const roundings = (n: number) => Math.sqrt(n);

/** Which divergence the `divergence` kernel computes (p teacher, q student; src/distill/losses has their formulas). */
export const divergenceKinds = {
  forwardKL: 0,
  reverseKL: 1,
  symmetricKL: 2,
  jensenShannon: 3,
  totalVariation: 4,
  skewKL: 5,
  skewReverseKL: 6,
} as const;
export type DivergenceKind = keyof typeof divergenceKinds;

/** What the attention kernels share; dy, stats are what the backward ones read besides. */
const attentionDims = ['batch', 'heads', 'queries', 'headDim', 'kvHeads', 'capacity', 'biasHeads', 'offsets'] as const;
const attentionParams = {
  scale: 'f32',
  causal: 'u32',
  past: 'u32',
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
/** Pairs of a query and a key that it sees, headDim elements each. Padding counts as keys: keyRange lies on the device. */
function pairs(dims: Dims, { causal = 0, past = 0 }: Params = {}): number {
  const { queries = 0, capacity = 0 } = dims;
  // Of causal queries the first see one key more each, until they see them all.
  const growing = causal ? Math.min(queries, Math.max(0, capacity - past)) : 0;
  const seen = growing * past + (growing * (growing + 1)) / 2 + (queries - growing) * capacity;
  return seen * of(dims, 'batch', 'heads', 'headDim');
}
/** Of the forward pass: positions of the cache that no query sees yet are not read. */
function attentionBytes(dims: Dims, { causal, past = 0, biased }: Params): number {
  const { queries = 0, capacity = 0 } = dims;
  const keys = causal ? Math.min(capacity, past + queries) : capacity;
  const floats =
    2 * of(dims, 'batch', 'heads', 'queries', 'headDim') +
    2 * of(dims, 'batch', 'heads', 'queries') +
    2 * of(dims, 'batch', 'kvHeads', 'headDim') * keys +
    (biased ? of(dims, 'biasHeads', 'offsets') : 0);
  return 4 * (floats + 2 * of(dims, 'batch'));
}

export const kernels = {
  /** c [m, n] (+)= a [m, k] b [k, n] */
  gemmNN: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32' },
    in: { a: ['m', 'k'], b: ['k', 'n'] },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => roundings(of(d, 'k')) + 4,
  },
  /** c [m, n] (+)= a [m, k] b[n, k]^T */
  gemmNT: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32' },
    in: { a: ['m', 'k'], b: ['n', 'k'] },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => roundings(of(d, 'k')) + 4,
  },
  /** c [m, n] (+)= a[k, m]^T b [k, n] */
  gemmTN: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32' },
    in: { a: ['k', 'm'], b: ['k', 'n'] },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => roundings(of(d, 'k')) + 4,
  },
  /** c [m, n] (+)= scale a [m, k] b [k, n], b stored in half precision; scale a power of two from 2^-64 to 1 */
  gemmNNF16: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32', scale: 'f32' },
    in: { a: ['m', 'k'], b: f16('k', 'n') },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => roundings(of(d, 'k')) + 4,
  },
  /** c [m, n] (+)= scale a [m, k] b[n, k]^T, likewise */
  gemmNTF16: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32', scale: 'f32' },
    in: { a: ['m', 'k'], b: f16('n', 'k') },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => roundings(of(d, 'k')) + 4,
  },
  /**
   * c [m, n] (+)= (a [m, k] b[n, k]^T) scales [n], b stored as signed bytes: row j is scales[j] b[j, :]. On WASM a is rounded
   * to 15 bits of the largest of every 1024 neighbours along k, a hundredth of what rounding b to 8 bits did, and the
   * products are summed as integers.
   */
  gemmNTInt8: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32' },
    in: { a: ['m', 'k'], b: int8('n', 'k'), scales: ['n'] },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    // A rounding is 2^-15 of the largest: up to 512 units where the scale counts every term of a group as large as that.
    ulp: (d) => 512 + roundings(of(d, 'k')) + 5,
  },
  /** y[r, c] = row[c]: the bias that a gemm then accumulates onto. */
  broadcastRows: {
    dims: ['rows', 'cols'],
    in: { row: ['cols'] },
    inout: { y: ['rows', 'cols'] },
    flops: (d) => of(d, 'rows', 'cols'),
    ulp: () => 0,
  },
  /** sum[c] (+)= sum over r of x[r, c] */
  columnSum: {
    dims: ['rows', 'cols'],
    params: { accumulate: 'u32' },
    in: { x: ['rows', 'cols'] },
    inout: { sum: ['cols'] },
    flops: (d) => of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'rows')) + 1,
  },
  /** y[t, c] = table[ids[t], c]. Also gathers rows of any matrix. ids are checked on the host. */
  embedding: {
    dims: ['tokens', 'rows', 'cols'],
    in: { table: ['rows', 'cols'], ids: i32('tokens') },
    out: { y: ['tokens', 'cols'] },
    flops: (d) => of(d, 'tokens', 'cols'),
    bytes: (d) => 8 * of(d, 'tokens', 'cols') + 4 * of(d, 'tokens'),
    ulp: () => 0,
  },
  /** y[t, c] = scale table[ids[t], c], the table stored in half precision; scale a power of two from 2^-64 to 1 */
  embeddingF16: {
    dims: ['tokens', 'rows', 'cols'],
    params: { scale: 'f32' },
    in: { table: f16('rows', 'cols'), ids: i32('tokens') },
    out: { y: ['tokens', 'cols'] },
    bytes: (d) => 6 * of(d, 'tokens', 'cols') + 4 * of(d, 'tokens'),
    flops: (d) => of(d, 'tokens', 'cols'),
    ulp: () => 0,
  },
  /** y[t, c] = table[ids[t], c] scales[ids[t]], the table stored as signed bytes. */
  embeddingInt8: {
    dims: ['tokens', 'rows', 'cols'],
    in: { table: int8('rows', 'cols'), scales: ['rows'], ids: i32('tokens') },
    out: { y: ['tokens', 'cols'] },
    bytes: (d) => 5 * of(d, 'tokens', 'cols') + 8 * of(d, 'tokens'),
    flops: (d) => of(d, 'tokens', 'cols'),
    ulp: () => 0.5,
  },
  /**
   * dtable[unique[u], c] += sum over t in order[starts[u] .. starts[u + 1]) of dy[t, c]. The host sorts the token
   * positions by id, so no two writers share a row and the order of the sum is fixed.
   */
  embeddingBackward: {
    dims: ['tokens', 'rows', 'cols', 'uniques', 'bounds'],
    in: { dy: ['tokens', 'cols'], order: i32('tokens'), unique: i32('uniques'), starts: i32('bounds') },
    inout: { dtable: ['rows', 'cols'] },
    flops: (d) => of(d, 'tokens', 'cols'),
    bytes: (d) =>
      4 * of(d, 'tokens', 'cols') + 8 * of(d, 'uniques', 'cols') + 4 * (of(d, 'tokens') + 2 * of(d, 'uniques')),
    ulp: (d) => roundings(of(d, 'tokens')) + 1,
  },
  /** y = (x - mean) * rstd * weight + bias over the last axis; rstd = 1 / sqrt(variance + eps), variance biased. */
  layerNorm: {
    dims: ['rows', 'cols'],
    params: { eps: 'f32' },
    in: { x: ['rows', 'cols'], weight: ['cols'], bias: ['cols'] },
    out: { y: ['rows', 'cols'], mean: ['rows'], rstd: ['rows'] },
    flops: (d) => 8 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'cols')) + 8,
  },
  /** dx of layerNorm: rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd. */
  layerNormBackward: {
    dims: ['rows', 'cols'],
    in: { x: ['rows', 'cols'], weight: ['cols'], mean: ['rows'], rstd: ['rows'], dy: ['rows', 'cols'] },
    out: { dx: ['rows', 'cols'] },
    flops: (d) => 12 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'cols')) + 8,
  },
  /** dweight[c] += sum over r of dy * xhat; dbias[c] += sum over r of dy. */
  layerNormBackwardWeights: {
    dims: ['rows', 'cols'],
    in: { x: ['rows', 'cols'], mean: ['rows'], rstd: ['rows'], dy: ['rows', 'cols'] },
    inout: { dweight: ['cols'], dbias: ['cols'] },
    flops: (d) => 5 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'rows')) + 8,
  },
  /** GELU, GPT-2's tanh form: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
  gelu: {
    dims: ['size'],
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 12 * of(d, 'size'),
    ulp: () => 8,
  },
  geluBackward: {
    dims: ['size'],
    in: { x: ['size'], dy: ['size'] },
    out: { dx: ['size'] },
    flops: (d) => 20 * of(d, 'size'),
    ulp: () => 12,
  },
  /** y = max(x, 0) */
  relu: {
    dims: ['size'],
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => of(d, 'size'),
    ulp: () => 0,
  },
  /** dx = x > 0 ? dy : 0 */
  reluBackward: {
    dims: ['size'],
    in: { x: ['size'], dy: ['size'] },
    out: { dx: ['size'] },
    flops: (d) => of(d, 'size'),
    ulp: () => 0,
  },
  /** y = a + b */
  add: {
    dims: ['size'],
    in: { a: ['size'], b: ['size'] },
    out: { y: ['size'] },
    flops: (d) => of(d, 'size'),
    ulp: () => 1,
  },
  /** y += scale * x */
  addInto: {
    dims: ['size'],
    params: { scale: 'f32' },
    in: { x: ['size'] },
    inout: { y: ['size'] },
    flops: (d) => 2 * of(d, 'size'),
    ulp: () => 2,
  },
  /**
   * y[i] = hash(seed, i) >= threshold ? x[i] * scale : 0, with threshold = probability * 2^32 and scale =
   * 1 / (1 - probability). Counter-based, so the backward pass is this kernel again on dy; all in u32, so both
   * backends drop the same elements: h = i * 0x9e3779b9 + seed; h ^= h >> 16; h *= 0x7feb352d; h ^= h >> 15;
   * h *= 0x846ca68b; h ^= h >> 16.
   */
  dropout: {
    dims: ['size'],
    params: { seed: 'u32', threshold: 'u32', scale: 'f32' },
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 2 * of(d, 'size'),
    ulp: () => 2,
  },
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
  },
  /**
   * The way back, of one of the parts of x: y[b, s, column + h * headDim + e] = x[b, part, h, s, e]; other columns of y
   * stay as they are.
   */
  mergeHeads: {
    dims: ['batch', 'seq', 'width', 'parts', 'heads', 'headDim'],
    params: { column: 'u32', part: 'u32' },
    in: { x: ['batch', 'parts', 'heads', 'seq', 'headDim'] },
    inout: { y: ['batch', 'seq', 'width'] },
    flops: (d) => of(d, 'batch', 'seq', 'heads', 'headDim'),
    bytes: (d) => 8 * of(d, 'batch', 'seq', 'heads', 'headDim'),
    ulp: () => 0,
  },
  /**
   * y = D(softmax(scale * q k^T + bias)) v, head by head, no score matrix in memory. Query i (position past + i) of row b
   * sees key j when keyRange[b, 0] <= j < keyRange[b, 1] and (not causal or j <= past + i). Query head h reads key head
   * floor(h / (heads / kvHeads)). A query that sees no key gives zeros. stats[..., 0] keeps the log-sum-exp of the
   * scores (0 for such a query), stats[..., 1] is set to 0 and filled by attentionDelta.
   *
   * When `biased` is 1 the score of query i and key j of head h has bias[h, origin + j - i] added to it: a table by
   * relative position, which covers every pair that is seen (biasHeads = heads). Otherwise any bias will do.
   * D is dropout: the probability of pair (b, h, i, j) becomes 0 where hash(seed, ((b heads + h) queries + i) capacity + j)
   * < threshold (the hash of the `dropout` kernel), and is multiplied by keepScale elsewhere; threshold 0 keeps all.
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
  },
  /**
   * dq of attention: scale * sum over j of ds_ij k_j, where ds_ij = p_ij (D_ij dy_i . v_j - delta_i) is the gradient of a
   * score, p_ij = exp(score_ij - lse_i), and D_ij is keepScale, or 0 where dropout took the pair.
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
   * dk (part 0) and dv (part 1) of attention: dk_j = scale * sum over i of ds_ij q_i, dv_j = sum over i of p_ij D_ij dy_i,
   * also over the query heads that share a key head. Positions no query sees get zeros.
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
  /**
   * Cross-entropy of each row and its gradient, in log space: loss[r] = lse(logits[r]) - logits[r, labels[r]] in
   * nats, and logits becomes gradScale * (softmax - onehot). Rows whose label is -100 give loss 0 and gradient 0.
   * Other labels are of the vocabulary, checked on the host.
   */
  crossEntropy: {
    dims: ['rows', 'vocab'],
    params: { gradScale: 'f32' },
    in: { labels: i32('rows') },
    inout: { logits: ['rows', 'vocab'] },
    out: { loss: ['rows'] },
    flops: (d) => 8 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 8,
  },
  /**
   * A divergence between teacher p = softmax(teacher / temperature) and student q = softmax(student / temperature),
   * row by row, complete (zero at equality), in nats: loss[r], and student becomes gradScale * dloss[r]/dstudent.
   * Computed from log-probabilities, mixtures by log-sum-exp, so that no logit underflows to a NaN. `weight` is alpha
   * of the skewed forms, w of jensenShannon and symmetricKL, unused otherwise. Rows whose label is -100 give 0 and 0,
   * whatever their logits hold; other labels are not looked at.
   * The gradient q_j (g_j - sum_i q_i g_i) is centred on the student's likeliest word r: with c_j = g_j - g_r it is
   * q_j (c_j - sum_i q_i c_i). When q_r is nearly 1, g_r - sum_i q_i g_i would cancel to rounding noise; c_r is exactly 0.
   * Where p / q may overflow (forwardKL), q_j g_j = -p_j is finite.
   */
  divergence: {
    dims: ['rows', 'vocab'],
    params: { weight: 'f32', temperature: 'f32', gradScale: 'f32' },
    constants: { kind: 'u32' },
    in: { teacher: ['rows', 'vocab'], labels: i32('rows') },
    inout: { student: ['rows', 'vocab'] },
    out: { loss: ['rows'] },
    flops: (d) => 24 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 8,
  },
  /**
   * The next token of each row. Of its logits the topK largest stay (0: all) and those equal to the last of them; of
   * these the largest whose weights exp((logit - largest) / temperature) add up to at least topP of all, among equal
   * logits the lower ids; one is drawn with its weight. temperature 0: the largest logit, the lowest id among equals.
   * ids[r] is -1 where the row has NaN or +infinity, -2 where all its logits are -infinity.
   * The draw is a race: token j waits -log(1 - u_j) / weight_j and the first one wins, the lowest id among equals. u_j =
   * (h + 1/2) / 2^32, h = word j % 2 of threefry2x32-13(key (seeds[r, 0], seeds[r, 1]), counter (floor(j / 2), step)), so
   * a draw depends on the row's seed, on `step` and on its logits alone, and both backends draw the same token unless a
   * rounding decides.
   */
  sample: {
    dims: ['rows', 'vocab'],
    params: { temperature: 'f32', topK: 'u32', topP: 'f32', step: 'u32' },
    in: { logits: ['rows', 'vocab'], seeds: { shape: ['rows', 2], dtype: 'u32' } },
    out: { ids: i32('rows') },
    flops: (d) => 64 * of(d, 'rows', 'vocab'),
    ulp: () => 1,
  },
  /** total[slot] (+)= sum of x: gathers per-row losses without a read-back. */
  sum: {
    dims: ['size', 'slots'],
    params: { slot: 'u32', accumulate: 'u32' },
    in: { x: ['size'] },
    inout: { total: ['slots'] },
    flops: (d) => of(d, 'size'),
    ulp: (d) => roundings(of(d, 'size')) + 1,
  },
  /** total[slot] (+)= sum of x^2: one term of the global gradient norm. */
  sumSquares: {
    dims: ['size', 'slots'],
    params: { slot: 'u32', accumulate: 'u32' },
    in: { x: ['size'] },
    inout: { total: ['slots'] },
    flops: (d) => 2 * of(d, 'size'),
    ulp: (d) => roundings(of(d, 'size')) + 2,
  },
  /**
   * norm = sqrt(sum over slots of squares); scale = min(1, maxNorm / (norm + 1e-6)) as PyTorch's clip_grad_norm_, 1 when
   * maxNorm is 0. Kept on the device, read by adamW.
   */
  clipScale: {
    dims: ['slots'],
    params: { maxNorm: 'f32' },
    in: { squares: ['slots'] },
    out: { norm: [1], scale: [1] },
    flops: (d) => of(d, 'slots'),
    ulp: (d) => roundings(of(d, 'slots')) + 6,
  },
  /**
   * AdamW with decoupled weight decay, as PyTorch orders it. g = scale[0] * grad; parameter *= 1 - lr * weightDecay;
   * m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
   * parameter -= lr * (m / correction1) / (sqrt(v / correction2) + eps), correctionN = 1 - betaN^step.
   */
  adamW: {
    dims: ['size'],
    params: {
      lr: 'f32',
      beta1: 'f32',
      beta2: 'f32',
      eps: 'f32',
      weightDecay: 'f32',
      correction1: 'f32',
      correction2: 'f32',
    },
    in: { grad: ['size'], scale: [1] },
    inout: { parameter: ['size'], m: ['size'], v: ['size'] },
    flops: (d) => 14 * of(d, 'size'),
    ulp: () => 12,
  },
} as const satisfies Record<string, KernelSpec>;

export type Kernels = typeof kernels;
export type KernelName = keyof Kernels;
