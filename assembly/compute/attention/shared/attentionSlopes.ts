// Gradients of scores, ds_ij = p_ij (D_ij dy_i . v_j - delta_i), p_ij = exp(score_ij - lse_i), of 64 queries and 64
// keys: dq and dbias are sums of them. D is dropout.
import { addBias, biasOfRow, dropRow } from './attentionScores';
import { BLOCK, firstSeen } from './attentionShape';
import { highLanes, lowLanes } from '../../shared/constants';
import { exp4 } from '../../shared/math';
import { packRightAlongRows } from '../../shared/pack';
import { madd } from '../../shared/simd';
import { multiplyPanels } from '../../shared/tile';

/**
 * slopes [count][BLOCK] of queries first .. first + count and keys j .. j + keys; 0 where a query does not see the key,
 * which is before `from`, from `bound` on, when causal after the query, or beyond its span. `key` and `value` point to row j, `stats`
 * to the row of query `first`, `counter` is the index of its pair with key j in the whole of probabilities. `window`
 * holds the block's biases when `biased`.
 */
export function slopeBlock(
  queryPanels: usize, dyPanels: usize, key: usize, value: usize, stats: usize, keyPanels: usize, slopes: usize, dweights: usize,
  tile: usize, window: usize, first: u32, count: u32, j: u32, keys: u32, headDim: u32, capacity: u32, from: u32, bound: u32,
  causal: u32, past: u32, span: u32, biased: u32, scale: f32, counter: u32, seed: u32, threshold: u32, keepScale: f32,
): void {
  const stride = (<usize>headDim) << 2;
  const cols = (keys + 15) & ~15;
  packRightAlongRows(value, stride, keys, headDim, keyPanels);
  multiplyPanels(dyPanels, count, keyPanels, cols, headDim, dweights, BLOCK << 2, false, tile);
  packRightAlongRows(key, stride, keys, headDim, keyPanels);
  multiplyPanels(queryPanels, count, keyPanels, cols, headDim, slopes, BLOCK << 2, false, tile);
  for (let i: u32 = 0; i < count; i++) {
    const last = causal ? min(bound, past + first + i + 1) : bound;
    const at = (i * BLOCK) << 2;
    if (biased) addBias(slopes + at, biasOfRow(window, i), keys, scale);
    if (threshold) dropRow(dweights + at, keys, counter + i * capacity, 1, seed, threshold, keepScale);
    const low = firstSeen(from, span, past + first + i);
    slopeRow(slopes + at, dweights + at, keys, j, low, last, biased ? <f32>1 : scale, stats + (i << 3));
  }
}

/** slopes = p (dp - delta) for one query and keys j .. j + keys, 0 where the key is not in [from, last). */
function slopeRow(
  slopes: usize, dweights: usize, keys: u32, j: u32, from: u32, last: u32, scale: f32, stats: usize,
): void {
  const low = i32x4.splat(from);
  const high = i32x4.splat(last);
  const factor = f32x4.splat(scale);
  const shift = f32x4.neg(v128.load32_splat(stats));
  const delta = v128.load32_splat(stats, 4);
  for (let i: u32 = 0; i < keys; i += 8) {
    const at = (<usize>i) << 2;
    const first = i32x4.splat(j + i);
    const il = i32x4.add(first, lowLanes());
    const ih = i32x4.add(first, highLanes());
    const pl = exp4(madd(v128.load(slopes + at), factor, shift));
    const ph = exp4(madd(v128.load(slopes + at, 16), factor, shift));
    const dl = f32x4.mul(pl, f32x4.sub(v128.load(dweights + at), delta));
    const dh = f32x4.mul(ph, f32x4.sub(v128.load(dweights + at, 16), delta));
    v128.store(slopes + at, v128.and(dl, v128.and(i32x4.ge_s(il, low), i32x4.lt_s(il, high))));
    v128.store(slopes + at, v128.and(dh, v128.and(i32x4.ge_s(ih, low), i32x4.lt_s(ih, high))), 16);
  }
}
