// dq of attention: scale * sum over j of ds_ij k_j (attentionSlopes.ts), 64 queries by 64 keys at a time.
// Twin: kernels/attention/attentionBackwardQuery.wgsl. Range: blocks of queries, as attention.ts.
import { fillWindow } from './shared/attentionScores';
import { BLOCK, blockBytes, firstKey, firstSeen, lastKey, operandBytes, padded, SCORE_BYTES, WORK_BYTES } from './shared/attentionShape';
import { slopeBlock } from './shared/attentionSlopes';
import { packLeftAlongRows, packRightAcrossRows } from '../shared/pack';
import { scratch } from '../shared/scratch';
import { fillFloats } from '../shared/simd';
import { multiplyPanels, TILE_BYTES } from '../shared/tile';

/** Working memory of a thread, in bytes. */
export function attentionBackwardQueryScratch(batch: u32, heads: u32, queries: u32, headDim: u32): usize {
  return blockBytes(headDim);
}

export function attentionBackwardQuery(
  q: usize, k: usize, v: usize, bias: usize, keyRange: usize, dy: usize, stats: usize, dq: usize,
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32, biasHeads: u32, offsets: u32,
  scale: f32, causal: u32, past: u32, span: u32, biased: u32, origin: u32, seed: u32, threshold: u32, keepScale: f32, begin: u32, end: u32,
): void {
  const blocks = (queries + BLOCK - 1) / BLOCK;
  const stride = (<usize>headDim) << 2;
  const width = padded(headDim);
  const sumStride = (<usize>width) << 2;
  const tile = scratch();
  const window = tile + TILE_BYTES;
  const slopes = tile + WORK_BYTES;
  const dweights = slopes + SCORE_BYTES;
  const packed = dweights + SCORE_BYTES;
  const queryPanels = packed + SCORE_BYTES;
  const dyPanels = queryPanels + operandBytes(headDim);
  const keyPanels = dyPanels + operandBytes(headDim);
  const sums = keyPanels + operandBytes(headDim);
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
    const bound = lastKey(keyRange, b, capacity, 0, 0);
    const to = lastKey(keyRange, b, capacity, causal, past + first + count - 1);
    packLeftAlongRows(q + queryRow * stride, stride, count, headDim, queryPanels);
    packLeftAlongRows(dy + queryRow * stride, stride, count, headDim, dyPanels);
    fillFloats(sums, BLOCK * width, 0);
    // Keys and values that no query of this row sees are not read: they may be NaN.
    for (let j = from; j < to; j += BLOCK) {
      const keys = min(to - j, BLOCK);
      const key = k + (keyRow + j) * stride;
      if (biased) fillWindow(bias + ((<usize>h * offsets) << 2), offsets, origin + j - first, 1, window);
      slopeBlock(
        queryPanels, dyPanels, key, v + (keyRow + j) * stride, stats + (queryRow << 3), keyPanels, slopes, dweights, tile, window,
        first, count, j, keys, headDim, capacity, start, bound, causal, past, span, biased, scale,
        <u32>queryRow * capacity + j, seed, threshold, keepScale,
      );
      packLeftAlongRows(slopes, BLOCK << 2, count, keys, packed);
      packRightAcrossRows(key, stride, headDim, keys, keyPanels);
      multiplyPanels(packed, count, keyPanels, width, keys, sums, sumStride, true, tile);
    }
    for (let i: u32 = 0; i < count; i++) {
      const target = dq + (queryRow + i) * stride;
      for (let e: u32 = 0; e < headDim; e++) store<f32>(target + (e << 2), load<f32>(sums + <usize>i * sumStride + (e << 2)) * scale);
    }
  }
}
