// Attention for few queries (decoding): each query reads its keys and values once, unpacked. Same contract as
// attention.ts. Range: queries, batch * heads * queries.
import { dropRow } from './shared/attentionScores';
import { firstKey, firstSeen, lastKey } from './shared/attentionShape';
import { log1 } from '../shared/math';
import { rowDot } from '../shared/rowSums';
import { scratch } from '../shared/scratch';
import { fillFloats, loadUpTo, madd, madd1, scaleFloats, storeUpTo, zero } from '../shared/simd';
import { rowExp, rowMax } from '../shared/softmaxRow';

/** Working memory of a thread, in bytes: partial sums and the scores of all keys, rounded up to 8. */
export function attentionDecodeScratch(
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32,
): usize {
  return 64 + (<usize>((capacity + 7) & ~7) << 2);
}

export function attentionDecode(
  q: usize, k: usize, v: usize, bias: usize, keyRange: usize, y: usize, stats: usize,
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32, biasHeads: u32, offsets: u32,
  scale: f32, causal: u32, past: u32, span: u32, biased: u32, origin: u32, seed: u32, threshold: u32, keepScale: f32, begin: u32, end: u32,
): void {
  const stride = (<usize>headDim) << 2;
  const work = scratch();
  const scores = work + 64;
  for (let unit = begin; unit < end; unit++) {
    const row = unit / queries;
    const b = row / heads;
    const h = row % heads;
    const from = firstSeen(firstKey(keyRange, b), span, past + (unit % queries));
    const to = lastKey(keyRange, b, capacity, causal, past + (unit % queries));
    const target = y + <usize>unit * stride;
    const kept = stats + ((<usize>unit) << 3);
    fillFloats(target, headDim, 0);
    store<f32>(kept, 0);
    store<f32>(kept, 0, 4);
    if (from >= to) continue;
    const keyRow = <usize>(b * kvHeads + h / (heads / kvHeads)) * capacity + from;
    const count = to - from;
    const query = q + <usize>unit * stride;
    const biases = bias + ((<usize>h * offsets + origin + from - (unit % queries)) << 2);
    for (let j: u32 = 0; j < count; j++) {
      const product = rowDot(query, k + (keyRow + j) * stride, headDim, work);
      store<f32>(scores + (j << 2), biased ? madd1(product, scale, load<f32>(biases + (j << 2))) : product * scale);
    }
    const top = rowMax(scores, count, work);
    const total = rowExp(scores, scores, count, top, 1, work);
    if (threshold) dropRow(scores, count, unit * capacity + from, 1, seed, threshold, keepScale);
    for (let j: u32 = 0; j < count; j++) addScaled(load<f32>(scores + (j << 2)), v + (keyRow + j) * stride, target, headDim);
    scaleFloats(target, headDim, <f32>1 / total);
    store<f32>(kept, top + log1(total));
  }
}

function addScaled(weight: f32, x: usize, y: usize, count: u32): void {
  const w = f32x4.splat(weight);
  let e: u32 = 0;
  for (; e + 8 <= count; e += 8) {
    const at = (<usize>e) << 2;
    const lo = madd(w, v128.load(x + at), v128.load(y + at));
    const hi = madd(w, v128.load(x + at, 16), v128.load(y + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; e < count; e += 4) {
    const at = (<usize>e) << 2;
    const left = min(count - e, 4);
    storeUpTo(y + at, madd(w, loadUpTo(x + at, left, zero()), loadUpTo(y + at, left, zero())), left);
  }
}
