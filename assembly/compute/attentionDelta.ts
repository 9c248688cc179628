import { scratch } from './scratch';
import { loadUpTo, madd, sumPair, zero } from './simd';

/** Working memory of a thread, in bytes. */
export function attentionDeltaScratch(): usize {
  return 32;
}

/** stats[row, 1] = sum over e of dy * y. Range: rows, batch * heads * queries. */
export function attentionDelta(y: usize, dy: usize, stats: usize, headDim: u32, begin: u32, end: u32): void {
  const work = scratch();
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * headDim) << 2;
    let lo = zero();
    let hi = zero();
    let e: u32 = 0;
    for (; e + 8 <= headDim; e += 8) {
      const at = offset + ((<usize>e) << 2);
      lo = madd(v128.load(dy + at), v128.load(y + at), lo);
      hi = madd(v128.load(dy + at, 16), v128.load(y + at, 16), hi);
    }
    v128.store(work, lo);
    v128.store(work, hi, 16);
    for (; e < headDim; e += 4) {
      const at = offset + ((<usize>e) << 2);
      const left = min(headDim - e, 4);
      v128.store(work, madd(loadUpTo(dy + at, left, zero()), loadUpTo(y + at, left, zero()), v128.load(work)));
    }
    store<f32>(stats + ((<usize>row) << 3), sumPair(work), 4);
  }
}
