// AdamW with decoupled weight decay, in PyTorch's order. Twin: kernels/optimizer/adamW.wgsl. Range: elements.
import { loadUpTo, madd, storeUpTo, zero } from '../shared/simd';

/**
 * before + take (fresh - before), from the side that has the larger share, whose rounding is then the only one that
 * counts. `swap`: all bits where that is `fresh`, and `share` is 1 - take.
 */
// @ts-ignore: decorator
@inline
function moved(before: v128, fresh: v128, share: v128, swap: v128): v128 {
  const start = v128.bitselect(fresh, before, swap);
  return madd(share, f32x4.sub(v128.bitselect(before, fresh, swap), start), start);
}

/** The share of the side that has less. */
// @ts-ignore: decorator
@inline
function smaller(take: f32): v128 {
  return f32x4.splat(take < 0.5 ? take : <f32>1 - take);
}

// @ts-ignore: decorator
@inline
function isLarge(take: f32): v128 {
  return f32x4.ge(f32x4.splat(take), f32x4.splat(0.5));
}

/** parameter - (decay parameter + lr (m / correction1) / (sqrt(v / correction2) + eps)) */
// @ts-ignore: decorator
@inline
function updated(parameter: v128, decay: v128, m: v128, v: v128, lr: v128, correction1: v128, correction2: v128, eps: v128): v128 {
  const denominator = f32x4.add(f32x4.sqrt(f32x4.div(v, correction2)), eps);
  const step = f32x4.mul(lr, f32x4.div(f32x4.div(m, correction1), denominator));
  return f32x4.sub(parameter, madd(decay, parameter, step));
}

export function adamW(
  grad: usize, scale: usize, parameter: usize, m: usize, v: usize, size: u32,
  lr: f32, take1: f32, take2: f32, eps: f32, decay: f32, correction1: f32, correction2: f32, begin: u32, end: u32,
): void {
  const clip = v128.load32_splat(scale);
  const s1 = smaller(take1);
  const s2 = smaller(take2);
  const w1 = isLarge(take1);
  const w2 = isLarge(take2);
  const lost = f32x4.splat(decay);
  const rate = f32x4.splat(lr);
  const c1 = f32x4.splat(correction1);
  const c2 = f32x4.splat(correction2);
  const tiny = f32x4.splat(eps);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const gl = f32x4.mul(clip, v128.load(grad + at));
    const gh = f32x4.mul(clip, v128.load(grad + at, 16));
    const ml = moved(v128.load(m + at), gl, s1, w1);
    const mh = moved(v128.load(m + at, 16), gh, s1, w1);
    v128.store(m + at, ml);
    v128.store(m + at, mh, 16);
    const vl = moved(v128.load(v + at), f32x4.mul(gl, gl), s2, w2);
    const vh = moved(v128.load(v + at, 16), f32x4.mul(gh, gh), s2, w2);
    v128.store(v + at, vl);
    v128.store(v + at, vh, 16);
    v128.store(parameter + at, updated(v128.load(parameter + at), lost, ml, vl, rate, c1, c2, tiny));
    v128.store(parameter + at, updated(v128.load(parameter + at, 16), lost, mh, vh, rate, c1, c2, tiny), 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    const g = f32x4.mul(clip, loadUpTo(grad + at, count, zero()));
    const m1 = moved(loadUpTo(m + at, count, zero()), g, s1, w1);
    const v1 = moved(loadUpTo(v + at, count, zero()), f32x4.mul(g, g), s2, w2);
    storeUpTo(m + at, m1, count);
    storeUpTo(v + at, v1, count);
    const before = loadUpTo(parameter + at, count, zero());
    storeUpTo(parameter + at, updated(before, lost, m1, v1, rate, c1, c2, tiny), count);
  }
}
