// Attention forward: y = D(softmax(scale q k^T + bias)) v, 64 queries by 64 keys at a time, with the running maximum
// and sum of each query (flash attention; Dao et al. 2022). Twin: kernels/attention/attention.wgsl. Range: blocks of
// queries, batch * heads * ceil(queries / 64).
import { addBias, biasOfRow, dropRow, fillWindow, WINDOW_BYTES } from './shared/attentionScores';
import { BLOCK, blockBytes, firstKey, firstSeen, lastKey, operandBytes, padded, ROW_TERMS, SCORE_BYTES, WORK_BYTES } from './shared/attentionShape';
import { constant, highLanes, lowLanes, NO_SCORE } from '../shared/constants';
import { exp1, exp4, log1 } from '../shared/math';
import { packLeftAlongRows, packRightAcrossRows, packRightAlongRows } from '../shared/pack';
import { scratch } from '../shared/scratch';
import { fillFloats, madd1, maxPair, scaleFloats, sumPair, zero } from '../shared/simd';
import { multiplyPanels, TILE_BYTES } from '../shared/tile';

/** Queries or keys of a block, which a thread takes at a time. */
export function attentionBlock(): u32 {
  return BLOCK;
}

/** Working memory of a thread, in bytes. */
export function attentionScratch(batch: u32, heads: u32, queries: u32, headDim: u32): usize {
  return blockBytes(headDim);
}

export function attention(
  q: usize, k: usize, v: usize, bias: usize, keyRange: usize, y: usize, stats: usize,
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32, biasHeads: u32, offsets: u32,
  scale: f32, causal: u32, past: u32, span: u32, biased: u32, origin: u32, seed: u32, threshold: u32, keepScale: f32, begin: u32, end: u32,
): void {
  const blocks = (queries + BLOCK - 1) / BLOCK;
  const stride = (<usize>headDim) << 2;
  const width = padded(headDim);
  const sumStride = (<usize>width) << 2;
  const tile = scratch();
  const window = tile + TILE_BYTES;
  const tops = window + WINDOW_BYTES;
  const totals = tops + ROW_TERMS;
  const scores = tile + WORK_BYTES;
  const weights = scores + SCORE_BYTES;
  const queryPanels = weights + SCORE_BYTES;
  const keyPanels = queryPanels + operandBytes(headDim);
  const valuePanels = keyPanels + operandBytes(headDim);
  const sums = valuePanels + operandBytes(headDim);
  for (let unit = begin; unit < end; unit++) {
    const row = unit / blocks;
    const b = row / heads;
    const h = row % heads;
    const first = (unit % blocks) * BLOCK;
    const count = min(queries - first, BLOCK);
    const keyRow = <usize>(b * kvHeads + h / (heads / kvHeads)) * capacity;
    const queryRow = <usize>row * queries + first;
    const start = firstKey(keyRange, b);
    const from = firstSeen(start, span, past + first);
    const to = lastKey(keyRange, b, capacity, causal, past + first + count - 1);
    packLeftAlongRows(q + queryRow * stride, stride, count, headDim, queryPanels);
    fillFloats(tops, BLOCK, f32x4.extract_lane(constant(NO_SCORE), 0));
    fillFloats(totals, BLOCK, 0);
    fillFloats(sums, BLOCK * width, 0);
    // Keys and values that no query of this row sees are not read: they may be NaN.
    for (let j = from; j < to; j += BLOCK) {
      const keys = min(to - j, BLOCK);
      packRightAlongRows(k + (keyRow + j) * stride, stride, keys, headDim, keyPanels);
      multiplyPanels(queryPanels, count, keyPanels, (keys + 15) & ~15, headDim, scores, BLOCK << 2, false, tile);
      if (biased) fillWindow(bias + ((<usize>h * offsets) << 2), offsets, origin + j - first, 1, window);
      for (let i: u32 = 0; i < count; i++) {
        const last = lastKey(keyRange, b, capacity, causal, past + first + i);
        const at = scores + ((i * BLOCK) << 2);
        if (biased) addBias(at, biasOfRow(window, i), keys, scale);
        const shrink = softmaxBlock(
          at, keys, j, firstSeen(start, span, past + first + i), last, biased ? <f32>1 : scale, tops + (i << 2), totals + (i << 2),
          tile,
        );
        if (shrink != 1) scaleFloats(sums + <usize>i * sumStride, width, shrink);
        if (threshold) dropRow(at, keys, <u32>(queryRow + i) * capacity + j, 1, seed, threshold, keepScale);
      }
      packLeftAlongRows(scores, BLOCK << 2, count, keys, weights);
      packRightAcrossRows(v + (keyRow + j) * stride, stride, headDim, keys, valuePanels);
      multiplyPanels(weights, count, valuePanels, width, keys, sums, sumStride, true, tile);
    }
    for (let i: u32 = 0; i < count; i++) {
      const total = load<f32>(totals + (i << 2));
      const empty = total == 0;
      const kept = stats + ((queryRow + i) << 3);
      store<f32>(kept, empty ? <f32>0 : load<f32>(tops + (i << 2)) + log1(total));
      store<f32>(kept, 0, 4);
      scaledCopy(sums + <usize>i * sumStride, y + (queryRow + i) * stride, headDim, empty ? <f32>0 : <f32>1 / total);
    }
  }
}

/**
 * Scores of one query to keys j .. j + keys become weights e^(scale * score - top), 0 where the key is not in [from,
 * last); top and total are updated. Returns the factor for the sums so far. `work`: 32 bytes.
 */
function softmaxBlock(
  scores: usize, keys: u32, j: u32, from: u32, last: u32, scale: f32, top: usize, total: usize, work: usize,
): f32 {
  const low = i32x4.splat(from);
  const high = i32x4.splat(last);
  const factor = f32x4.splat(scale);
  const none = constant(NO_SCORE);
  let lo = none;
  let hi = none;
  for (let i: u32 = 0; i < keys; i += 8) {
    const at = scores + ((<usize>i) << 2);
    const first = i32x4.splat(j + i);
    const il = i32x4.add(first, lowLanes());
    const ih = i32x4.add(first, highLanes());
    const seenL = v128.and(i32x4.ge_s(il, low), i32x4.lt_s(il, high));
    const seenH = v128.and(i32x4.ge_s(ih, low), i32x4.lt_s(ih, high));
    const sl = v128.bitselect(f32x4.mul(v128.load(at), factor), none, seenL);
    const sh = v128.bitselect(f32x4.mul(v128.load(at, 16), factor), none, seenH);
    lo = f32x4.pmax(lo, sl);
    hi = f32x4.pmax(hi, sh);
    v128.store(at, sl);
    v128.store(at, sh, 16);
  }
  v128.store(work, lo);
  v128.store(work, hi, 16);
  const before = load<f32>(top);
  const now = max(before, maxPair(work));
  const offset = f32x4.splat(now);
  lo = zero();
  hi = zero();
  for (let i: u32 = 0; i < keys; i += 8) {
    const at = scores + ((<usize>i) << 2);
    const sl = v128.load(at);
    const sh = v128.load(at, 16);
    const el = v128.and(exp4(f32x4.sub(sl, offset)), f32x4.ne(sl, none));
    const eh = v128.and(exp4(f32x4.sub(sh, offset)), f32x4.ne(sh, none));
    lo = f32x4.add(lo, el);
    hi = f32x4.add(hi, eh);
    v128.store(at, el);
    v128.store(at, eh, 16);
  }
  v128.store(work, lo);
  v128.store(work, hi, 16);
  const shrink = exp1(before - now);
  store<f32>(top, now);
  store<f32>(total, madd1(load<f32>(total), shrink, sumPair(work)));
  return shrink;
}

function scaledCopy(from: usize, to: usize, count: u32, factor: f32): void {
  for (let e: u32 = 0; e < count; e++) store<f32>(to + (e << 2), load<f32>(from + (e << 2)) * factor);
}
