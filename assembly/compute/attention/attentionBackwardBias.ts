// dbias[h, origin + j - i] = sum over the batch and the queries of ds_ij (attentionSlopes.ts), batch row by batch row
// and 64 queries by 64 keys at a time: a head's sums are made in one order. Twin:
// kernels/attention/attentionBackwardBias.wgsl. Range: heads.
import { fillWindow } from './shared/attentionScores';
import { BLOCK, blockBytes, firstKey, firstSeen, lastKey, operandBytes, SCORE_BYTES, WORK_BYTES } from './shared/attentionShape';
import { slopeBlock } from './shared/attentionSlopes';
import { packLeftAlongRows } from '../shared/pack';
import { scratch } from '../shared/scratch';
import { addFloats, fillFloats } from '../shared/simd';
import { TILE_BYTES } from '../shared/tile';

/** Working memory of a thread, in bytes. */
export function attentionBackwardBiasScratch(batch: u32, heads: u32, queries: u32, headDim: u32): usize {
  return blockBytes(headDim);
}

export function attentionBackwardBias(
  q: usize, k: usize, v: usize, bias: usize, keyRange: usize, dy: usize, stats: usize, dbias: usize,
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32, biasHeads: u32, offsets: u32,
  scale: f32, causal: u32, past: u32, span: u32, biased: u32, origin: u32, seed: u32, threshold: u32, keepScale: f32, begin: u32, end: u32,
): void {
  const stride = (<usize>headDim) << 2;
  const tile = scratch();
  const window = tile + TILE_BYTES;
  const slopes = tile + WORK_BYTES;
  const dweights = slopes + SCORE_BYTES;
  const queryPanels = dweights + SCORE_BYTES;
  const dyPanels = queryPanels + operandBytes(headDim);
  const keyPanels = dyPanels + operandBytes(headDim);
  for (let h = begin; h < end; h++) {
    const row = bias + ((<usize>h * offsets) << 2);
    const target = dbias + ((<usize>h * offsets) << 2);
    fillFloats(target, offsets, 0);
    for (let b: u32 = 0; b < batch; b++) {
      const keyRow = <usize>(b * kvHeads + h / (heads / kvHeads)) * capacity;
      const start = firstKey(keyRange, b);
      const bound = lastKey(keyRange, b, capacity, 0, 0);
      for (let first: u32 = 0; first < queries; first += BLOCK) {
        const count = min(queries - first, BLOCK);
        const queryRow = <usize>(b * heads + h) * queries + first;
        const from = firstSeen(start, span, past + first);
        const to = lastKey(keyRange, b, capacity, causal, past + first + count - 1);
        packLeftAlongRows(q + queryRow * stride, stride, count, headDim, queryPanels);
        packLeftAlongRows(dy + queryRow * stride, stride, count, headDim, dyPanels);
        for (let j = from; j < to; j += BLOCK) {
          const keys = min(to - j, BLOCK);
          fillWindow(row, offsets, origin + j - first, 1, window);
          slopeBlock(
            queryPanels, dyPanels, k + (keyRow + j) * stride, v + (keyRow + j) * stride, stats + (queryRow << 3), keyPanels, slopes,
            dweights, tile, window, first, count, j, keys, headDim, capacity, start, bound, causal, past, span, 1, scale,
            <u32>queryRow * capacity + j, seed, threshold, keepScale,
          );
          for (let i: u32 = 0; i < count; i++) {
            const last = causal ? min(to, past + first + i + 1) : to;
            if (last <= j) continue;
            addFloats(slopes + ((i * BLOCK) << 2), target + ((<usize>(origin + j - first - i)) << 2), min(last - j, keys));
          }
        }
      }
    }
  }
}
