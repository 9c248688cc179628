// The moves of heads.ts with rotary positions: pairs of dims, e and e + headDim / 2, are turned by the angle of their
// token on the way to heads, and back on the way of the gradient. Twins: kernels/attention/splitHeadsRotary.wgsl,
// kernels/attention/mergeHeadsRotary.wgsl. Range: token positions, batch * seq.
import { loadUpTo, madd, nmadd, storeUpTo, zero } from '../shared/simd';

/** y[b, h, start + s] = x[b, s, column + h * headDim ...] turned. */
export function splitHeadsRotary(
  x: usize, angles: usize, y: usize,
  batch: u32, seq: u32, width: u32, heads: u32, capacity: u32, headDim: u32, column: u32, start: u32, begin: u32, end: u32,
): void {
  const stride = (<usize>headDim) << 2;
  for (let t = begin; t < end; t++) {
    const b = t / seq;
    const position = start + (t % seq);
    const angle = angles + <usize>t * stride;
    let from = x + ((<usize>t * width + column) << 2);
    for (let h: u32 = 0; h < heads; h++) {
      turn(from, angle, y + <usize>((b * heads + h) * capacity + position) * stride, headDim >> 1, false);
      from += stride;
    }
  }
}

/** y[b, s, column + h * headDim ...] = x[b, part, h, s] turned back. */
export function mergeHeadsRotary(
  x: usize, angles: usize, y: usize,
  batch: u32, seq: u32, width: u32, parts: u32, heads: u32, headDim: u32, column: u32, part: u32, begin: u32, end: u32,
): void {
  const stride = (<usize>headDim) << 2;
  for (let t = begin; t < end; t++) {
    const b = t / seq;
    const s = t % seq;
    const angle = angles + <usize>t * stride;
    let to = y + ((<usize>t * width + column) << 2);
    for (let h: u32 = 0; h < heads; h++) {
      turn(x + <usize>(((b * parts + part) * heads + h) * seq + s) * stride, angle, to, headDim >> 1, true);
      to += stride;
    }
  }
}

/** a cos - b sin, or a cos + b sin on the way back. */
// @ts-ignore: decorator
@inline
function first(a: v128, b: v128, cos: v128, sin: v128, back: bool): v128 {
  return back ? madd(b, sin, f32x4.mul(a, cos)) : nmadd(b, sin, f32x4.mul(a, cos));
}

/** b cos + a sin, or b cos - a sin on the way back. */
// @ts-ignore: decorator
@inline
function second(a: v128, b: v128, cos: v128, sin: v128, back: bool): v128 {
  return back ? nmadd(a, sin, f32x4.mul(b, cos)) : madd(a, sin, f32x4.mul(b, cos));
}

/** Turns the `half` pairs of one head. `angle` holds so many cosines, then so many sines. */
// @ts-ignore: decorator
@inline
function turn(from: usize, angle: usize, to: usize, half: u32, back: bool): void {
  const apart = (<usize>half) << 2;
  let e: u32 = 0;
  for (; e + 8 <= half; e += 8) {
    const at = (<usize>e) << 2;
    const al = v128.load(from + at);
    const ah = v128.load(from + at, 16);
    const bl = v128.load(from + apart + at);
    const bh = v128.load(from + apart + at, 16);
    const cl = v128.load(angle + at);
    const ch = v128.load(angle + at, 16);
    const sl = v128.load(angle + apart + at);
    const sh = v128.load(angle + apart + at, 16);
    v128.store(to + at, first(al, bl, cl, sl, back));
    v128.store(to + at, first(ah, bh, ch, sh, back), 16);
    v128.store(to + apart + at, second(al, bl, cl, sl, back));
    v128.store(to + apart + at, second(ah, bh, ch, sh, back), 16);
  }
  for (; e < half; e += 4) {
    const at = (<usize>e) << 2;
    const count = min(half - e, 4);
    const a = loadUpTo(from + at, count, zero());
    const b = loadUpTo(from + apart + at, count, zero());
    const cos = loadUpTo(angle + at, count, zero());
    const sin = loadUpTo(angle + apart + at, count, zero());
    storeUpTo(to + at, first(a, b, cos, sin, back), count);
    storeUpTo(to + apart + at, second(a, b, cos, sin, back), count);
  }
}
