// Activations, element by element: GELU in its tanh form and its exact one (gelu.ts), and max(x, 0), which keeps a NaN.
// Range: elements.
import { gelu4, geluErf4, geluErfSlope4, geluSlope4 } from './shared/gelu';
import { loadUpTo, storeUpTo, zero } from '../shared/simd';

const GELU: u32 = 0;
const RELU: u32 = 1;
const GELU_ERF: u32 = 2;

// @ts-ignore: decorator
@inline
function value(kind: u32, x: v128): v128 {
  if (kind == GELU) return gelu4(x);
  return kind == GELU_ERF ? geluErf4(x) : f32x4.pmax(x, zero()); // x < 0 ? 0 : x
}

/** dy times the activation's slope at x: for RELU dy where x is above 0. */
// @ts-ignore: decorator
@inline
function gradient(kind: u32, x: v128, dy: v128): v128 {
  if (kind == GELU) return f32x4.mul(geluSlope4(x), dy);
  return kind == GELU_ERF ? f32x4.mul(geluErfSlope4(x), dy) : v128.and(f32x4.gt(x, zero()), dy);
}

// @ts-ignore: decorator
@inline
function activate(kind: u32, x: usize, y: usize, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = value(kind, v128.load(x + at));
    const hi = value(kind, v128.load(x + at, 16));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(y + at, value(kind, loadUpTo(x + at, count, zero())), count);
  }
}

// @ts-ignore: decorator
@inline
function activateBackward(kind: u32, x: usize, dy: usize, dx: usize, begin: u32, end: u32): void {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = (<usize>i) << 2;
    const lo = gradient(kind, v128.load(x + at), v128.load(dy + at));
    const hi = gradient(kind, v128.load(x + at, 16), v128.load(dy + at, 16));
    v128.store(dx + at, lo);
    v128.store(dx + at, hi, 16);
  }
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const count = min(end - i, 4);
    storeUpTo(dx + at, gradient(kind, loadUpTo(x + at, count, zero()), loadUpTo(dy + at, count, zero())), count);
  }
}

export function gelu(x: usize, y: usize, size: u32, begin: u32, end: u32): void {
  activate(GELU, x, y, begin, end);
}

/** dx = dy * dgelu/dx */
export function geluBackward(x: usize, dy: usize, dx: usize, size: u32, begin: u32, end: u32): void {
  activateBackward(GELU, x, dy, dx, begin, end);
}

export function geluErf(x: usize, y: usize, size: u32, begin: u32, end: u32): void {
  activate(GELU_ERF, x, y, begin, end);
}

/** dx = dy * dgelu/dx */
export function geluErfBackward(x: usize, dy: usize, dx: usize, size: u32, begin: u32, end: u32): void {
  activateBackward(GELU_ERF, x, dy, dx, begin, end);
}

export function relu(x: usize, y: usize, size: u32, begin: u32, end: u32): void {
  activate(RELU, x, y, begin, end);
}

/** dx = x > 0 ? dy : 0 */
export function reluBackward(x: usize, dy: usize, dx: usize, size: u32, begin: u32, end: u32): void {
  activateBackward(RELU, x, dy, dx, begin, end);
}
