import { type DimsOf, expected, type Reference, Sum, untouched } from './types.js';

type AttentionDims = DimsOf<'attention'>;
interface AttentionParams {
  readonly scale: number;
  readonly causal: number;
  readonly past: number;
}
interface Inputs {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly keyRange: Float64Array;
}

/** Row number of query i of head h in q, y, dy and stats. */
const queryRow = (dims: AttentionDims, b: number, h: number, i: number) => (b * dims.heads + h) * dims.queries + i;
/** Row number in k and v of key j as query head h reads it. */
const keyRow = (dims: AttentionDims, b: number, h: number, j: number) =>
  (b * dims.kvHeads + Math.floor(h / (dims.heads / dims.kvHeads))) * dims.capacity + j;

/** The keys that query i of batch row b sees, ascending. */
export function visibleKeys(
  { capacity }: { capacity: number },
  { causal, past }: { causal: number; past: number },
  keyRange: Float64Array,
  b: number,
  i: number,
): number[] {
  const end = Math.min(keyRange[2 * b + 1]!, causal ? past + i + 1 : capacity, capacity);
  const keys: number[] = [];
  for (let j = keyRange[2 * b]!; j < end; j++) keys.push(j);
  return keys;
}

/** Sum of x[row] * y[otherRow] over the head, with the sum of the absolute products. */
function dot(x: Float64Array, row: number, y: Float64Array, otherRow: number, headDim: number): Sum {
  const sum = new Sum();
  for (let e = 0; e < headDim; e++) sum.add(x[row * headDim + e]! * y[otherRow * headDim + e]!);
  return sum;
}

function score(dims: AttentionDims, { q, k }: Inputs, { scale }: AttentionParams, row: number, key: number): Sum {
  const sum = dot(q, row, k, key, dims.headDim);
  sum.value *= scale;
  sum.scale *= Math.abs(scale);
  return sum;
}

/** Calls `visit` for each query row and, within it, gives the keys it sees. */
function forEachQuery(
  dims: AttentionDims,
  params: AttentionParams,
  keyRange: Float64Array,
  visit: (row: number, keys: readonly number[]) => void,
): void {
  for (let b = 0; b < dims.batch; b++) {
    for (let h = 0; h < dims.heads; h++) {
      for (let i = 0; i < dims.queries; i++) {
        const keys = visibleKeys(dims, params, keyRange, b, i).map((j) => keyRow(dims, b, h, j));
        visit(queryRow(dims, b, h, i), keys);
      }
    }
  }
}

export const attention: Reference<'attention'> = (dims, given, params) => {
  const { headDim } = dims;
  const y = expected(dims.batch * dims.heads * dims.queries * headDim);
  const stats = expected(dims.batch * dims.heads * dims.queries * 2);
  forEachQuery(dims, params, given.keyRange, (row, keys) => {
    if (keys.length === 0) return;
    const scores = keys.map((key) => score(dims, given, params, row, key));
    const top = Math.max(...scores.map((s) => s.value));
    const total = scores.reduce((sum, s) => sum + Math.exp(s.value - top), 0);
    // The relative error of exp(s - top) is the absolute error of its argument.
    const slack = scores.map((s) => 1 + s.scale + Math.abs(s.value - top));
    const p = scores.map((s) => Math.exp(s.value - top) / total);
    const meanSlack = p.reduce((sum, pj, j) => sum + pj * slack[j]!, 0);
    stats.value[2 * row] = top + Math.log(total);
    stats.scale[2 * row] = Math.abs(top) + Math.log(total) + meanSlack;
    for (let e = 0; e < headDim; e++) {
      const sum = new Sum();
      keys.forEach((key, j) => {
        const term = p[j]! * given.v[key * headDim + e]!;
        sum.add(term, Math.abs(term) * (slack[j]! + meanSlack));
      });
      sum.put(y, row * headDim + e);
    }
  });
  return { y, stats };
};

export const attentionDelta: Reference<'attentionDelta'> = (dims, { y, dy, stats: before }) => {
  const stats = untouched(before);
  for (let row = 0; row < dims.batch * dims.heads * dims.queries; row++) {
    dot(dy, row, y, row, dims.headDim).put(stats, 2 * row + 1);
  }
  return { stats };
};

interface Weight {
  /** p_ij with the size of its error. */
  readonly p: number;
  readonly sizeP: number;
  /** ds_ij = p_ij (dy_i . v_j - delta_i) with the size of its error. */
  readonly ds: number;
  readonly sizeDs: number;
}

function weight(
  dims: AttentionDims,
  given: Inputs & { dy: Float64Array; stats: Float64Array },
  params: AttentionParams,
  row: number,
  key: number,
): Weight {
  const s = score(dims, given, params, row, key);
  const logSumExp = given.stats[2 * row]!;
  const delta = given.stats[2 * row + 1]!;
  const p = Math.exp(s.value - logSumExp);
  const slack = 1 + s.scale + Math.abs(logSumExp);
  const dp = dot(given.dy, row, given.v, key, dims.headDim);
  return {
    p,
    sizeP: p * slack,
    ds: p * (dp.value - delta),
    sizeDs: p * (slack * Math.abs(dp.value - delta) + dp.scale + Math.abs(delta)),
  };
}

export const attentionBackwardQuery: Reference<'attentionBackwardQuery'> = (dims, given, params) => {
  const { headDim } = dims;
  const dq = expected(dims.batch * dims.heads * dims.queries * headDim);
  forEachQuery(dims, params, given.keyRange, (row, keys) => {
    const weights = keys.map((key) => weight(dims, given, params, row, key));
    for (let e = 0; e < headDim; e++) {
      const sum = new Sum();
      keys.forEach((key, j) => {
        const factor = params.scale * given.k[key * headDim + e]!;
        sum.add(factor * weights[j]!.ds, Math.abs(factor) * weights[j]!.sizeDs);
      });
      sum.put(dq, row * headDim + e);
    }
  });
  return { dq };
};

export const attentionBackwardKeyValue: Reference<'attentionBackwardKeyValue'> = (dims, given, params) => {
  const { headDim } = dims;
  const dk = expected(dims.batch * dims.kvHeads * dims.capacity * headDim);
  const dv = expected(dims.batch * dims.kvHeads * dims.capacity * headDim);
  forEachQuery(dims, params, given.keyRange, (row, keys) => {
    for (const key of keys) {
      const { p, sizeP, ds, sizeDs } = weight(dims, given, params, row, key);
      for (let e = 0; e < headDim; e++) {
        const at = key * headDim + e;
        const factor = params.scale * given.q[row * headDim + e]!;
        const gradient = given.dy[row * headDim + e]!;
        dk.value[at]! += factor * ds;
        dk.scale[at]! += Math.abs(factor) * sizeDs;
        dv.value[at]! += gradient * p;
        dv.scale[at]! += Math.abs(gradient) * sizeP;
      }
    }
  });
  return { dk, dv };
};
