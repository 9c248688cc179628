import type { ParamsOf } from '../../backend/backend.js';
import { dropoutHash } from './elements.js';
import { type DimsOf, expected, type Given, type Reference, Sum, untouched } from './types.js';

type AttentionDims = DimsOf<'attention'>;
type AttentionParams = ParamsOf<'attention'>;
type Inputs = Given<'attention'>;

/** Row number of query i of head h in q, y, dy and stats. */
const queryRow = (dims: AttentionDims, b: number, h: number, i: number) => (b * dims.heads + h) * dims.queries + i;
/** Row number in k and v of key j as query head h reads it. */
const keyRow = (dims: AttentionDims, b: number, h: number, j: number) =>
  (b * dims.kvHeads + Math.floor(h / (dims.heads / dims.kvHeads))) * dims.capacity + j;

/** The keys that query i of batch row b sees, ascending. */
export function visibleKeys(
  { capacity }: { capacity: number },
  { causal, past, span }: { causal: number; past: number; span: number },
  keyRange: Float64Array,
  b: number,
  i: number,
): number[] {
  const end = Math.min(keyRange[2 * b + 1]!, causal ? past + i + 1 : capacity, capacity);
  const keys: number[] = [];
  const begin = span === 0 ? 0 : past + i - span + 1;
  for (let j = Math.max(keyRange[2 * b]!, begin); j < end; j++) keys.push(j);
  return keys;
}

/** Sum of x[row] * y[otherRow] over the head, with the sum of the absolute products. */
function dot(x: Float64Array, row: number, y: Float64Array, otherRow: number, headDim: number): Sum {
  const sum = new Sum();
  for (let e = 0; e < headDim; e++) sum.add(x[row * headDim + e]! * y[otherRow * headDim + e]!);
  return sum;
}

/** A key that a query sees. */
interface Pair {
  /** Row number in k and v. */
  readonly key: number;
  /** Where its bias is; -1 without. */
  readonly bias: number;
  /** What dropout multiplies its probability with. */
  readonly kept: number;
}

function score(dims: AttentionDims, given: Inputs, { scale }: AttentionParams, row: number, { key, bias }: Pair): Sum {
  const sum = dot(given.q, row, given.k, key, dims.headDim);
  sum.value *= scale;
  sum.scale *= Math.abs(scale);
  if (bias >= 0) sum.add(given.bias[bias]!);
  return sum;
}

/** Calls `visit` for each query row with the keys it sees. */
function forEachQuery(
  dims: AttentionDims,
  params: AttentionParams,
  keyRange: Float64Array,
  visit: (row: number, pairs: readonly Pair[]) => void,
): void {
  const { origin, biased, seed, threshold, keepScale } = params;
  for (let b = 0; b < dims.batch; b++) {
    for (let h = 0; h < dims.heads; h++) {
      for (let i = 0; i < dims.queries; i++) {
        const row = queryRow(dims, b, h, i);
        const pairOf = (j: number): Pair => ({
          key: keyRow(dims, b, h, j),
          bias: biased ? h * dims.offsets + origin + j - i : -1,
          kept: threshold === 0 ? 1 : dropoutHash(seed, row * dims.capacity + j) >= threshold ? keepScale : 0,
        });
        visit(row, visibleKeys(dims, params, keyRange, b, i).map(pairOf));
      }
    }
  }
}

export const attention: Reference<'attention'> = (dims, given, params) => {
  const { headDim } = dims;
  const y = expected(dims.batch * dims.heads * dims.queries * headDim);
  const stats = expected(dims.batch * dims.heads * dims.queries * 2);
  forEachQuery(dims, params, given.keyRange, (row, pairs) => {
    if (pairs.length === 0) return;
    const scores = pairs.map((pair) => score(dims, given, params, row, pair));
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
      pairs.forEach(({ key, kept }, j) => {
        const term = p[j]! * kept * given.v[key * headDim + e]!;
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
  /** p_ij, what dropout leaves of it, with the size of its error. */
  readonly p: number;
  readonly sizeP: number;
  /** ds_ij = p_ij (D_ij dy_i . v_j - delta_i) with the size of its error. */
  readonly ds: number;
  readonly sizeDs: number;
}

function weight(
  dims: AttentionDims,
  given: Given<'attentionBackwardQuery'>,
  params: AttentionParams,
  row: number,
  pair: Pair,
): Weight {
  const s = score(dims, given, params, row, pair);
  const logSumExp = given.stats[2 * row]!;
  const delta = given.stats[2 * row + 1]!;
  const p = Math.exp(s.value - logSumExp);
  const slack = 1 + s.scale + Math.abs(logSumExp);
  const dp = dot(given.dy, row, given.v, pair.key, dims.headDim);
  return {
    p: p * pair.kept,
    sizeP: p * pair.kept * slack,
    ds: p * (pair.kept * dp.value - delta),
    sizeDs: p * (slack * Math.abs(pair.kept * dp.value - delta) + pair.kept * dp.scale + Math.abs(delta)),
  };
}

export const attentionBackwardQuery: Reference<'attentionBackwardQuery'> = (dims, given, params) => {
  const { headDim } = dims;
  const dq = expected(dims.batch * dims.heads * dims.queries * headDim);
  forEachQuery(dims, params, given.keyRange, (row, pairs) => {
    const weights = pairs.map((pair) => weight(dims, given, params, row, pair));
    for (let e = 0; e < headDim; e++) {
      const sum = new Sum();
      pairs.forEach(({ key }, j) => {
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
  const part = dims.kvHeads * dims.capacity * headDim;
  const dkv = expected(dims.batch * 2 * part);
  forEachQuery(dims, params, given.keyRange, (row, pairs) => {
    for (const pair of pairs) {
      const { p, sizeP, ds, sizeDs } = weight(dims, given, params, row, pair);
      for (let e = 0; e < headDim; e++) {
        const b = Math.floor((pair.key * headDim) / part);
        const dk = b * part + pair.key * headDim + e; // b batch rows before it, of two parts each
        const dv = dk + part;
        const factor = params.scale * given.q[row * headDim + e]!;
        const gradient = given.dy[row * headDim + e]!;
        dkv.value[dk]! += factor * ds;
        dkv.scale[dk]! += Math.abs(factor) * sizeDs;
        dkv.value[dv]! += gradient * p;
        dkv.scale[dv]! += Math.abs(gradient) * sizeP;
      }
    }
  });
  return { dkv };
};

export const attentionBackwardBias: Reference<'attentionBackwardBias'> = (dims, given, params) => {
  const dbias = expected(dims.biasHeads * dims.offsets);
  forEachQuery(dims, params, given.keyRange, (row, pairs) => {
    for (const pair of pairs) {
      const { ds, sizeDs } = weight(dims, given, params, row, pair);
      dbias.value[pair.bias]! += ds;
      dbias.scale[pair.bias]! += sizeDs;
    }
  });
  return { dbias };
};

export const splitHeads: Reference<'splitHeads'> = (
  { batch, seq, width, heads, capacity, headDim },
  { x, y: before },
  { column, start },
) => {
  const y = untouched(before);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let s = 0; s < seq; s++) {
        for (let e = 0; e < headDim; e++) {
          const entry = x[(b * seq + s) * width + column + h * headDim + e]!;
          const at = ((b * heads + h) * capacity + start + s) * headDim + e;
          y.value[at] = entry;
          y.scale[at] = Math.abs(entry);
        }
      }
    }
  }
  return { y };
};

export const mergeHeads: Reference<'mergeHeads'> = (
  { batch, seq, width, parts, heads, headDim },
  { x, y: before },
  { column, part },
) => {
  const y = untouched(before);
  for (let b = 0; b < batch; b++) {
    for (let s = 0; s < seq; s++) {
      for (let h = 0; h < heads; h++) {
        for (let e = 0; e < headDim; e++) {
          const entry = x[(((b * parts + part) * heads + h) * seq + s) * headDim + e]!;
          const at = (b * seq + s) * width + column + h * headDim + e;
          y.value[at] = entry;
          y.scale[at] = Math.abs(entry);
        }
      }
    }
  }
  return { y };
};

/**
 * Element e of a head whose pairs, e and e + headDim / 2, are turned by the angle of token t: forth, or back.
 * @param head where the head begins in x
 */
function turned(
  x: Float64Array,
  angles: Float64Array,
  { head, t, e, headDim, back }: { head: number; t: number; e: number; headDim: number; back: boolean },
): Sum {
  const half = headDim / 2;
  const cos = angles[t * headDim + (e % half)]!;
  const sin = angles[t * headDim + half + (e % half)]!;
  const sum = new Sum();
  sum.add(x[head + e]! * cos);
  sum.add(x[head + ((e + half) % headDim)]! * (e < half === back ? sin : -sin));
  return sum;
}

export const splitHeadsRotary: Reference<'splitHeadsRotary'> = (
  { batch, seq, width, heads, capacity, headDim },
  { x, angles, y: before },
  { column, start },
) => {
  const y = untouched(before);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let s = 0; s < seq; s++) {
        for (let e = 0; e < headDim; e++) {
          const t = b * seq + s;
          const head = t * width + column + h * headDim;
          const at = ((b * heads + h) * capacity + start + s) * headDim + e;
          turned(x, angles, { head, t, e, headDim, back: false }).put(y, at);
        }
      }
    }
  }
  return { y };
};

export const mergeHeadsRotary: Reference<'mergeHeadsRotary'> = (
  { batch, seq, width, parts, heads, headDim },
  { x, angles, y: before },
  { column, part },
) => {
  const y = untouched(before);
  for (let b = 0; b < batch; b++) {
    for (let s = 0; s < seq; s++) {
      for (let h = 0; h < heads; h++) {
        for (let e = 0; e < headDim; e++) {
          const t = b * seq + s;
          const head = (((b * parts + part) * heads + h) * seq + s) * headDim;
          turned(x, angles, { head, t, e, headDim, back: true }).put(y, t * width + column + h * headDim + e);
        }
      }
    }
  }
  return { y };
};
