// The gated product of an MLP with GELU in its tanh form (gelu.ts), y = gelu(gate) up, and its gradients.
// Twins: kernels/elements/geGLU.wgsl, kernels/elements/geGLUBackward.wgsl. Range: elements.
import { gelu4, geluSlope4 } from './shared/gelu';
import { loadUpTo, storeUpTo, zero } from '../shared/simd';

export function geGLU(gate: usize, up: usize, y: usize, size: u32, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = f32x4.mul(gelu4(v128.load(gate + at)), v128.load(up + at));
    const hi = f32x4.mul(gelu4(v128.load(gate + at, 16)), v128.load(up + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, f32x4.mul(gelu4(loadUpTo(gate + at, count, zero())), loadUpTo(up + at, count, zero())), count);
  }
}

export function geGLUBackward(
  gate: usize, up: usize, dy: usize, dgate: usize, dup: usize, size: u32, begin: u32, end: u32,
): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const gl = v128.load(gate + at);
    const gh = v128.load(gate + at, 16);
    const dl = v128.load(dy + at);
    const dh = v128.load(dy + at, 16);
    v128.store(dgate + at, f32x4.mul(f32x4.mul(dl, v128.load(up + at)), geluSlope4(gl)));
    v128.store(dgate + at, f32x4.mul(f32x4.mul(dh, v128.load(up + at, 16)), geluSlope4(gh)), 16);
    v128.store(dup + at, f32x4.mul(dl, gelu4(gl)));
    v128.store(dup + at, f32x4.mul(dh, gelu4(gh)), 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    const g = loadUpTo(gate + at, count, zero());
    const d = loadUpTo(dy + at, count, zero());
    storeUpTo(dgate + at, f32x4.mul(f32x4.mul(d, loadUpTo(up + at, count, zero())), geluSlope4(g)), count);
    storeUpTo(dup + at, f32x4.mul(d, gelu4(g)), count);
  }
}
