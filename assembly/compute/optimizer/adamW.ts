// AdamW with decoupled weight decay, in PyTorch's order. Twin: kernels/optimizer/adamW.wgsl. Range: elements.
import { loadUpTo, madd, storeUpTo, zero } from '../shared/simd';

/** parameter - lr (m / correction1) / (sqrt(v / correction2) + eps); `parameter` is decayed already. */
// @ts-ignore: decorator
@inline
function moved(parameter: v128, m: v128, v: v128, lr: v128, correction1: v128, correction2: v128, eps: v128): v128 {
  const denominator = f32x4.add(f32x4.sqrt(f32x4.div(v, correction2)), eps);
  return f32x4.sub(parameter, f32x4.mul(lr, f32x4.div(f32x4.div(m, correction1), denominator)));
}

export function adamW(
  grad: usize, scale: usize, parameter: usize, m: usize, v: usize, size: u32,
  lr: f32, beta1: f32, beta2: f32, eps: f32, weightDecay: f32, correction1: f32, correction2: f32, begin: u32, end: u32,
): void {
  const clip = v128.load32_splat(scale);
  const keep = f32x4.splat(<f32>1 - lr * weightDecay);
  const b1 = f32x4.splat(beta1);
  const b2 = f32x4.splat(beta2);
  const n1 = f32x4.splat(<f32>1 - beta1);
  const n2 = f32x4.splat(<f32>1 - beta2);
  const rate = f32x4.splat(lr);
  const c1 = f32x4.splat(correction1);
  const c2 = f32x4.splat(correction2);
  const tiny = f32x4.splat(eps);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const gl = f32x4.mul(clip, v128.load(grad + at));
    const gh = f32x4.mul(clip, v128.load(grad + at, 16));
    const ml = madd(b1, v128.load(m + at), f32x4.mul(n1, gl));
    const mh = madd(b1, v128.load(m + at, 16), f32x4.mul(n1, gh));
    v128.store(m + at, ml);
    v128.store(m + at, mh, 16);
    const vl = madd(b2, v128.load(v + at), f32x4.mul(n2, f32x4.mul(gl, gl)));
    const vh = madd(b2, v128.load(v + at, 16), f32x4.mul(n2, f32x4.mul(gh, gh)));
    v128.store(v + at, vl);
    v128.store(v + at, vh, 16);
    const pl = moved(f32x4.mul(v128.load(parameter + at), keep), ml, vl, rate, c1, c2, tiny);
    const ph = moved(f32x4.mul(v128.load(parameter + at, 16), keep), mh, vh, rate, c1, c2, tiny);
    v128.store(parameter + at, pl);
    v128.store(parameter + at, ph, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    const g = f32x4.mul(clip, loadUpTo(grad + at, count, zero()));
    const m1 = madd(b1, loadUpTo(m + at, count, zero()), f32x4.mul(n1, g));
    const v1 = madd(b2, loadUpTo(v + at, count, zero()), f32x4.mul(n2, f32x4.mul(g, g)));
    storeUpTo(m + at, m1, count);
    storeUpTo(v + at, v1, count);
    storeUpTo(parameter + at, moved(f32x4.mul(loadUpTo(parameter + at, count, zero()), keep), m1, v1, rate, c1, c2, tiny), count);
  }
}
