// Root-mean-square normalisation, forward and dx. Twins: kernels/rows/rmsNorm.wgsl, kernels/rows/rmsNormBackward.wgsl.
// Range: rows.
import { loadUpTo, madd, nmadd, storeUpTo, sumPair, zero } from '../shared/simd';
import { rowDot } from '../shared/rowSums';
import { scratch } from '../shared/scratch';

/** Working memory of a thread, in bytes. */
export function rmsNormScratch(): usize {
  return 64;
}
export function rmsNormBackwardScratch(): usize {
  return 64;
}

/** y = x * rstd * (offset + weight), rstd = 1 / sqrt(mean(x^2) + eps), which is kept for the backward pass. */
export function rmsNorm(
  x: usize, weight: usize, y: usize, rstd: usize, rows: u32, cols: u32, eps: f32, offset: f32, begin: u32, end: u32,
): void {
  for (let r = begin; r < end; r++) {
    const row = (<usize>r * cols) << 2;
    const scale = <f32>1 / sqrt<f32>(rowDot(x + row, x + row, cols, scratch()) / <f32>cols + eps);
    store<f32>(rstd + (r << 2), scale);
    scaleRow(x + row, weight, y + row, scale, offset, cols);
  }
}

function scaleRow(x: usize, weight: usize, y: usize, scale: f32, offset: f32, cols: u32): void {
  const factor = f32x4.splat(scale);
  const shift = f32x4.splat(offset);
  let c: u32 = 0;
  for (; c + 8 <= cols; c += 8) {
    const at = (<usize>c) << 2;
    const lo = f32x4.mul(f32x4.mul(v128.load(x + at), factor), f32x4.add(v128.load(weight + at), shift));
    const hi = f32x4.mul(f32x4.mul(v128.load(x + at, 16), factor), f32x4.add(v128.load(weight + at, 16), shift));
    v128.store(y + at, lo);
    v128.store(y + at, hi, 16);
  }
  for (; c < cols; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(cols - c, 4);
    const xhat = f32x4.mul(loadUpTo(x + at, count, zero()), factor);
    storeUpTo(y + at, f32x4.mul(xhat, f32x4.add(loadUpTo(weight + at, count, zero()), shift)), count);
  }
}

/** dx = rstd * (g - xhat * mean(g * xhat)), g = dy * (offset + weight), xhat = x * rstd. */
export function rmsNormBackward(
  x: usize, weight: usize, rstd: usize, dy: usize, dx: usize, rows: u32, cols: u32, offset: f32, begin: u32, end: u32,
): void {
  const sums = scratch();
  for (let r = begin; r < end; r++) {
    const row = (<usize>r * cols) << 2;
    // Two loads: with one, V8 of Node 24 ends the process when it packs the vectors of both loops.
    gradientSums(x + row, weight, dy + row, v128.load32_splat(rstd + (r << 2)), offset, cols, sums);
    const scale = v128.load32_splat(rstd + (r << 2));
    const mean = f32x4.splat(sumPair(sums) / <f32>cols);
    backwardRow(x + row, weight, dy + row, dx + row, scale, mean, offset, cols);
  }
}

/** sums [8]: partial sums of g * xhat. */
function gradientSums(
  x: usize, weight: usize, dy: usize, scale: v128, offset: f32, cols: u32, sums: usize,
): void {
  const shift = f32x4.splat(offset);
  let lo = zero();
  let hi = zero();
  let c: u32 = 0;
  for (; c + 8 <= cols; c += 8) {
    const at = (<usize>c) << 2;
    const gl = f32x4.mul(v128.load(dy + at), f32x4.add(v128.load(weight + at), shift));
    const gh = f32x4.mul(v128.load(dy + at, 16), f32x4.add(v128.load(weight + at, 16), shift));
    lo = madd(gl, f32x4.mul(v128.load(x + at), scale), lo);
    hi = madd(gh, f32x4.mul(v128.load(x + at, 16), scale), hi);
  }
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
  for (; c < cols; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(cols - c, 4);
    const weights = f32x4.add(loadUpTo(weight + at, count, zero()), shift);
    const g = f32x4.mul(loadUpTo(dy + at, count, zero()), weights);
    v128.store(sums, madd(g, f32x4.mul(loadUpTo(x + at, count, zero()), scale), v128.load(sums)));
  }
}

function backwardRow(
  x: usize, weight: usize, dy: usize, dx: usize, scale: v128, mean: v128, offset: f32, cols: u32,
): void {
  const shift = f32x4.splat(offset);
  let c: u32 = 0;
  for (; c + 8 <= cols; c += 8) {
    const at = (<usize>c) << 2;
    const gl = f32x4.mul(v128.load(dy + at), f32x4.add(v128.load(weight + at), shift));
    const gh = f32x4.mul(v128.load(dy + at, 16), f32x4.add(v128.load(weight + at, 16), shift));
    const xl = f32x4.mul(v128.load(x + at), scale);
    const xh = f32x4.mul(v128.load(x + at, 16), scale);
    v128.store(dx + at, f32x4.mul(scale, nmadd(xl, mean, gl)));
    v128.store(dx + at, f32x4.mul(scale, nmadd(xh, mean, gh)), 16);
  }
  for (; c < cols; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(cols - c, 4);
    const weights = f32x4.add(loadUpTo(weight + at, count, zero()), shift);
    const g = f32x4.mul(loadUpTo(dy + at, count, zero()), weights);
    const xhat = f32x4.mul(loadUpTo(x + at, count, zero()), scale);
    storeUpTo(dx + at, f32x4.mul(scale, nmadd(xhat, mean, g)), count);
  }
}
