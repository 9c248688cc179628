// The gated product of an MLP, y = silu(gate) up with silu(x) = x s, s = 1 / (1 + e^-x), and its gradients.
// Twins: kernels/elements/swiGLU.wgsl, kernels/elements/swiGLUBackward.wgsl. Range: elements.
import { constant, ONE } from '../shared/constants';
import { exp4 } from '../shared/math';
import { loadUpTo, madd, storeUpTo, zero } from '../shared/simd';

/** e^-x, of which s and 1 - s both come without cancellation. */
// @ts-ignore: decorator
@inline
function decay(gate: v128): v128 {
  return exp4(f32x4.neg(gate));
}

// @ts-ignore: decorator
@inline
function gated(gate: v128, up: v128): v128 {
  return f32x4.mul(f32x4.div(gate, f32x4.add(constant(ONE), decay(gate))), up);
}

export function swiGLU(gate: usize, up: usize, y: usize, size: u32, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = gated(v128.load(gate + at), v128.load(up + at));
    const hi = gated(v128.load(gate + at, 16), v128.load(up + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, gated(loadUpTo(gate + at, count, zero()), loadUpTo(up + at, count, zero())), count);
  }
}

/** silu'(x) = s (1 + x (1 - s)); with e = e^-x, s = 1 / (1 + e) and 1 - s = e s. */
// @ts-ignore: decorator
@inline
function slope(gate: v128, e: v128, s: v128): v128 {
  return f32x4.mul(s, madd(gate, f32x4.mul(e, s), constant(ONE)));
}

export function swiGLUBackward(
  gate: usize, up: usize, dy: usize, dgate: usize, dup: usize, size: u32, begin: u32, end: u32,
): void {
  const one = constant(ONE);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const gl = v128.load(gate + at);
    const gh = v128.load(gate + at, 16);
    const dl = v128.load(dy + at);
    const dh = v128.load(dy + at, 16);
    const el = decay(gl);
    const eh = decay(gh);
    const sl = f32x4.div(one, f32x4.add(one, el));
    const sh = f32x4.div(one, f32x4.add(one, eh));
    v128.store(dgate + at, f32x4.mul(f32x4.mul(dl, v128.load(up + at)), slope(gl, el, sl)));
    v128.store(dgate + at, f32x4.mul(f32x4.mul(dh, v128.load(up + at, 16)), slope(gh, eh, sh)), 16);
    v128.store(dup + at, f32x4.mul(dl, f32x4.mul(gl, sl)));
    v128.store(dup + at, f32x4.mul(dh, f32x4.mul(gh, sh)), 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    const g = loadUpTo(gate + at, count, zero());
    const d = loadUpTo(dy + at, count, zero());
    const e = decay(g);
    const s = f32x4.div(one, f32x4.add(one, e));
    storeUpTo(dgate + at, f32x4.mul(f32x4.mul(d, loadUpTo(up + at, count, zero())), slope(g, e, s)), count);
    storeUpTo(dup + at, f32x4.mul(d, f32x4.mul(g, s)), count);
  }
}
