// dq of attention: scale * sum over j of p_ij (dy_i . v_j - delta_i) k_j, p_ij = exp(scale q_i . k_j - lse_i), 64 queries
// by 64 keys at a time. Twin: kernels/attentionBackwardQuery.wgsl. Range: blocks of queries, as attention.ts.
import { BLOCK, firstKey, lastKey, operandBytes, padded, ROW_TERMS, SCORE_BYTES } from './attentionShape';
import { highLanes, lowLanes } from './constants';
import { exp4 } from './math';
import { packAcrossRows, packAlongRows } from './pack';
import { scratch } from './scratch';
import { fillFloats } from './simd';
import { multiplyPanels, TILE_BYTES } from './tile';

export function attentionBackwardQuery(
  q: usize, k: usize, v: usize, dy: usize, stats: usize, keyRange: usize, dq: usize,
  heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32, scale: f32, causal: u32, past: u32, begin: u32, end: u32,
): void {
  const blocks = (queries + BLOCK - 1) / BLOCK;
  const stride = (<usize>headDim) << 2;
  const width = padded(headDim);
  const sumStride = (<usize>width) << 2;
  const tile = scratch();
  const scores = tile + TILE_BYTES + 2 * ROW_TERMS;
  const dweights = scores + SCORE_BYTES;
  const packed = dweights + SCORE_BYTES;
  const queryPanels = packed + SCORE_BYTES;
  const dyPanels = queryPanels + operandBytes(headDim);
  const keyPanels = dyPanels + operandBytes(headDim);
  const sums = keyPanels + operandBytes(headDim);
  for (let unit = begin; unit < end; unit++) {
    const row = unit / blocks;
    const b = row / heads;
    const first = (unit % blocks) * BLOCK;
    const count = min(queries - first, BLOCK);
    const keyRow = <usize>(b * kvHeads + (row % heads) / (heads / kvHeads)) * capacity;
    const queryRow = <usize>row * queries + first;
    const from = firstKey(keyRange, b);
    const to = lastKey(keyRange, b, capacity, causal, past + first + count - 1);
    packAlongRows(q + queryRow * stride, stride, count, headDim, queryPanels, 4);
    packAlongRows(dy + queryRow * stride, stride, count, headDim, dyPanels, 4);
    fillFloats(sums, BLOCK * width, 0);
    // Keys and values that no query of this row sees may hold anything, NaN too: they are not read.
    for (let j = from; j < to; j += BLOCK) {
      const keys = min(to - j, BLOCK);
      const cols = (keys + 15) & ~15;
      packAlongRows(v + (keyRow + j) * stride, stride, keys, headDim, keyPanels, 16);
      multiplyPanels(dyPanels, count, keyPanels, cols, headDim, dweights, BLOCK << 2, false, tile);
      packAlongRows(k + (keyRow + j) * stride, stride, keys, headDim, keyPanels, 16);
      multiplyPanels(queryPanels, count, keyPanels, cols, headDim, scores, BLOCK << 2, false, tile);
      for (let i: u32 = 0; i < count; i++) {
        const last = lastKey(keyRange, b, capacity, causal, past + first + i);
        const at = (i * BLOCK) << 2;
        scoreGradient(scores + at, dweights + at, keys, j, from, last, scale, stats + ((queryRow + i) << 3));
      }
      packAlongRows(scores, BLOCK << 2, count, keys, packed, 4);
      packAcrossRows(k + (keyRow + j) * stride, stride, headDim, keys, keyPanels, 16);
      multiplyPanels(packed, count, keyPanels, width, keys, sums, sumStride, true, tile);
    }
    for (let i: u32 = 0; i < count; i++) {
      const target = dq + (queryRow + i) * stride;
      for (let e: u32 = 0; e < headDim; e++) store<f32>(target + (e << 2), load<f32>(sums + <usize>i * sumStride + (e << 2)) * scale);
    }
  }
}

/** scores = p (dp - delta) for one query and keys j .. j + keys, 0 where the key is not in [from, last). */
function scoreGradient(
  scores: usize, dweights: usize, keys: u32, j: u32, from: u32, last: u32, scale: f32, stats: usize,
): void {
  const low = i32x4.splat(from);
  const high = i32x4.splat(last);
  const factor = f32x4.splat(scale);
  const lse = v128.load32_splat(stats);
  const delta = v128.load32_splat(stats, 4);
  for (let i: u32 = 0; i < keys; i += 8) {
    const at = (<usize>i) << 2;
    const first = i32x4.splat(j + i);
    const il = i32x4.add(first, lowLanes());
    const ih = i32x4.add(first, highLanes());
    const pl = exp4(f32x4.sub(f32x4.mul(v128.load(scores + at), factor), lse));
    const ph = exp4(f32x4.sub(f32x4.mul(v128.load(scores + at, 16), factor), lse));
    const dl = f32x4.mul(pl, f32x4.sub(v128.load(dweights + at), delta));
    const dh = f32x4.mul(ph, f32x4.sub(v128.load(dweights + at, 16), delta));
    v128.store(scores + at, v128.and(dl, v128.and(i32x4.ge_s(il, low), i32x4.lt_s(il, high))));
    v128.store(scores + at, v128.and(dh, v128.and(i32x4.ge_s(ih, low), i32x4.lt_s(ih, high))), 16);
  }
}
