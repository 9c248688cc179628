// dk and dv of attention, 64 keys by 64 queries at a time: the transposed scores s^T = k q^T give p^T and ds^T, and
// dv = (p D)^T dy, dk = scale ds^T q, summed over the query heads that share the key head and over the queries, in
// order.
// Twin: kernels/attention/attentionBackwardKeyValue.wgsl. Range: blocks of keys, batch * kvHeads * ceil(capacity / 64).
import { addBias, biasOfRow, dropRow, fillWindow, WINDOW_BYTES } from './shared/attentionScores';
import { BLOCK, blockBytes, firstKey, lastKey, operandBytes, padded, ROW_TERMS, SCORE_BYTES, WORK_BYTES } from './shared/attentionShape';
import { highLanes, lowLanes } from '../shared/constants';
import { exp4 } from '../shared/math';
import { packLeftAlongRows, packRightAcrossRows, packRightAlongRows } from '../shared/pack';
import { scratch } from '../shared/scratch';
import { fillFloats, madd } from '../shared/simd';
import { multiplyPanels, TILE_BYTES } from '../shared/tile';

/** Working memory of a thread, in bytes. */
export function attentionBackwardKeyValueScratch(batch: u32, heads: u32, queries: u32, headDim: u32): usize {
  return blockBytes(headDim);
}

export function attentionBackwardKeyValue(
  q: usize, k: usize, v: usize, bias: usize, keyRange: usize, dy: usize, stats: usize, dkv: usize,
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32, biasHeads: u32, offsets: u32,
  scale: f32, causal: u32, past: u32, span: u32, biased: u32, origin: u32, seed: u32, threshold: u32, keepScale: f32, begin: u32, end: u32,
): void {
  const blocks = (capacity + BLOCK - 1) / BLOCK;
  const group = heads / kvHeads;
  const stride = (<usize>headDim) << 2;
  const width = padded(headDim);
  const sumStride = (<usize>width) << 2;
  const bytes = operandBytes(headDim);
  const tile = scratch();
  const window = tile + TILE_BYTES;
  const shifts = window + WINDOW_BYTES;
  const delta = shifts + ROW_TERMS;
  const scores = tile + WORK_BYTES;
  const dweights = scores + SCORE_BYTES;
  const packed = dweights + SCORE_BYTES;
  const keyPanels = packed + SCORE_BYTES;
  const valuePanels = keyPanels + bytes;
  const queryPanels = valuePanels + bytes;
  const dkSums = queryPanels + bytes;
  const dvSums = dkSums + bytes;
  for (let unit = begin; unit < end; unit++) {
    const row = unit / blocks;
    const b = row / kvHeads;
    const j = (unit % blocks) * BLOCK;
    const keyRow = <usize>row * capacity + j;
    const from = firstKey(keyRange, b);
    const last = lastKey(keyRange, b, capacity, 0, 0);
    const owned = min(capacity - j, BLOCK);
    const keys = last > j ? min(last - j, BLOCK) : 0;
    fillFloats(dkSums, BLOCK * width, 0);
    fillFloats(dvSums, BLOCK * width, 0);
    if (keys > 0 && from < j + keys) {
      packLeftAlongRows(k + keyRow * stride, stride, keys, headDim, keyPanels);
      packLeftAlongRows(v + keyRow * stride, stride, keys, headDim, valuePanels);
      // The first query that sees key j, in blocks.
      const firstQuery = causal && j > past ? (j - past) & ~(BLOCK - 1) : 0;
      // No query from this one on sees the last key.
      const endQuery = lastQuery(j + keys - 1, span, past, queries);
      for (let h = (row % kvHeads) * group; h < (row % kvHeads + 1) * group; h++) {
        for (let i = firstQuery; i < endQuery; i += BLOCK) {
          const count = min(queries - i, BLOCK);
          const cols = (count + 15) & ~15;
          const queryRow = <usize>(b * heads + h) * queries + i;
          const queryAt = q + queryRow * stride;
          const dyAt = dy + queryRow * stride;
          for (let t: u32 = 0; t < BLOCK; t++) {
            const kept = stats + ((queryRow + min(t, count - 1)) << 3);
            store<f32>(shifts + (t << 2), -load<f32>(kept));
            store<f32>(delta + (t << 2), load<f32>(kept, 4));
          }
          packRightAlongRows(queryAt, stride, count, headDim, queryPanels);
          multiplyPanels(keyPanels, keys, queryPanels, cols, headDim, scores, BLOCK << 2, false, tile);
          packRightAlongRows(dyAt, stride, count, headDim, queryPanels);
          multiplyPanels(valuePanels, keys, queryPanels, cols, headDim, dweights, BLOCK << 2, false, tile);
          if (biased) fillWindow(bias + ((<usize>h * offsets) << 2), offsets, origin + j - i, -1, window);
          for (let t: u32 = 0; t < keys; t++) {
            const at = (t * BLOCK) << 2;
            const counter = <u32>queryRow * capacity + j + t;
            // Query positions from which key j + t is seen.
            const firstSeen = j + t < from ? queries : causal && j + t > past ? j + t - past : 0;
            if (biased) addBias(scores + at, biasOfRow(window, t), count, scale);
            if (threshold) dropRow(dweights + at, count, counter, capacity, seed, threshold, keepScale);
            const endSeen = lastQuery(j + t, span, past, queries);
            keySlopes(scores + at, dweights + at, count, i, firstSeen, endSeen, biased ? <f32>1 : scale, shifts, delta);
            if (threshold) dropRow(scores + at, count, counter, capacity, seed, threshold, keepScale);
          }
          packLeftAlongRows(scores, BLOCK << 2, keys, count, packed);
          packRightAcrossRows(dyAt, stride, headDim, count, queryPanels);
          multiplyPanels(packed, keys, queryPanels, width, count, dvSums, sumStride, true, tile);
          packLeftAlongRows(dweights, BLOCK << 2, keys, count, packed);
          packRightAcrossRows(queryAt, stride, headDim, count, queryPanels);
          multiplyPanels(packed, keys, queryPanels, width, count, dkSums, sumStride, true, tile);
        }
      }
    }
    const part = <usize>(kvHeads * capacity) * stride;
    for (let t: u32 = 0; t < owned; t++) {
      const dk = dkv + b * part + (keyRow + t) * stride; // two parts for each batch row before
      const dv = dk + part;
      for (let e: u32 = 0; e < headDim; e++) {
        store<f32>(dk + (e << 2), load<f32>(dkSums + <usize>t * sumStride + (e << 2)) * scale);
        store<f32>(dv + (e << 2), load<f32>(dvSums + <usize>t * sumStride + (e << 2)));
      }
    }
  }
}

/** The query from which on none sees key j; see firstSeen of attentionShape.ts. */
// @ts-ignore: decorator
@inline
function lastQuery(j: u32, span: u32, past: u32, queries: u32): u32 {
  return span ? min(queries, max(j + span, past) - past) : queries;
}

/**
 * scores = p, dweights = p (dp - delta) for one key and queries i .. i + count, 0 for those not in [firstSeen, endSeen).
 * p = exp(scale * score + shift), each query's shift being the negative of its log-sum-exp.
 */
function keySlopes(
  scores: usize, dweights: usize, count: u32, i: u32, firstSeen: u32, endSeen: u32, scale: f32, shifts: usize, delta: usize,
): void {
  const low = i32x4.splat(firstSeen);
  const high = i32x4.splat(endSeen);
  const factor = f32x4.splat(scale);
  for (let t: u32 = 0; t < count; t += 8) {
    const at = (<usize>t) << 2;
    const first = i32x4.splat(i + t);
    const il = i32x4.add(first, lowLanes());
    const ih = i32x4.add(first, highLanes());
    const seenL = v128.and(i32x4.ge_s(il, low), i32x4.lt_s(il, high));
    const seenH = v128.and(i32x4.ge_s(ih, low), i32x4.lt_s(ih, high));
    const el = exp4(madd(v128.load(scores + at), factor, v128.load(shifts + at)));
    const eh = exp4(madd(v128.load(scores + at, 16), factor, v128.load(shifts + at, 16)));
    const pl = v128.and(el, seenL);
    const ph = v128.and(eh, seenH);
    const dl = f32x4.mul(pl, f32x4.sub(v128.load(dweights + at), v128.load(delta + at)));
    const dh = f32x4.mul(ph, f32x4.sub(v128.load(dweights + at, 16), v128.load(delta + at, 16)));
    v128.store(scores + at, pl);
    v128.store(scores + at, ph, 16);
    v128.store(dweights + at, v128.and(dl, seenL));
    v128.store(dweights + at, v128.and(dh, seenH), 16);
  }
}
