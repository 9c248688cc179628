// What every divergence ends with: the gradient of a row's logits, from the derivatives by log q.
import { loadUpTo, nmadd, storeUpTo, zero } from '../../shared/simd';

/** Bytes of a row of exponentials: whole cache lines. */
// @ts-ignore: decorator
@inline
export function expBytes(vocab: u32): usize {
  return ((<usize>vocab << 2) + 63) & ~63;
}

/**
 * student = factor * (d - q dot), where student holds d = q g and dot = sum d; `dot` comes divided by the sum of the
 * exponentials `q`.
 */
export function rowGradient(student: usize, q: usize, count: u32, dot: f32, factor: f32): void {
  const by = f32x4.splat(factor);
  const mean = f32x4.splat(dot);
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    const lo = nmadd(v128.load(q + at), mean, v128.load(student + at));
    const hi = nmadd(v128.load(q + at, 16), mean, v128.load(student + at, 16));
    v128.store(student + at, f32x4.mul(by, lo));
    v128.store(student + at, f32x4.mul(by, hi), 16);
  }
  for (; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const left = min(count - i, 4);
    const v = nmadd(loadUpTo(q + at, left, zero()), mean, loadUpTo(student + at, left, zero()));
    storeUpTo(student + at, f32x4.mul(by, v), left);
  }
}
