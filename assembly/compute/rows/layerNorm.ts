// Layer normalisation, forward and dx. Twins: kernels/rows/layerNorm.wgsl, kernels/rows/layerNormBackward.wgsl. Range:
// rows.
import { loadUpTo, madd, nmadd, storeUpTo, sumPair, zero } from '../shared/simd';
import { rowSum } from '../shared/rowSums';
import { scratch } from '../shared/scratch';

/** Working memory of a thread, in bytes. */
export function layerNormScratch(): usize {
  return 64;
}
export function layerNormBackwardScratch(): usize {
  return 64;
}

/**
 * y = (x - mean) * rstd * weight + bias, rstd = 1 / sqrt(variance + eps); mean and rstd are kept for the backward pass.
 */
export function layerNorm(
  x: usize, weight: usize, bias: usize, y: usize, mean: usize, rstd: usize, rows: u32, cols: u32, eps: f32, begin: u32, end: u32,
): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * cols) << 2);
    const center = rowSum(from, cols, scratch()) / <f32>cols;
    const scale = <f32>1 / sqrt<f32>(rowSquares(from, center, cols) / <f32>cols + eps);
    store<f32>(mean + (r << 2), center);
    store<f32>(rstd + (r << 2), scale);
    normalise(from, weight, bias, y + ((<usize>r * cols) << 2), center, scale, cols);
  }
}

/** Sum of (x - center)^2. */
function rowSquares(x: usize, center: f32, cols: u32): f32 {
  const mean = f32x4.splat(center);
  let lo = zero();
  let hi = zero();
  let c: u32 = 0;
  for (; c + 8 <= cols; c += 8) {
    const at = (<usize>c) << 2;
    const dl = f32x4.sub(v128.load(x + at), mean);
    const dh = f32x4.sub(v128.load(x + at, 16), mean);
    lo = madd(dl, dl, lo);
    hi = madd(dh, dh, hi);
  }
  const sums = scratch();
  v128.store(sums, lo);
  v128.store(sums, hi, 16);
  for (; c < cols; c += 4) {
    const d = f32x4.sub(loadUpTo(x + ((<usize>c) << 2), min(cols - c, 4), mean), mean);
    v128.store(sums, madd(d, d, v128.load(sums)));
  }
  return sumPair(sums);
}

function normalise(x: usize, weight: usize, bias: usize, y: usize, center: f32, scale: f32, cols: u32): void {
  const mean = f32x4.splat(center);
  const factor = f32x4.splat(scale);
  let c: u32 = 0;
  for (; c + 8 <= cols; c += 8) {
    const at = (<usize>c) << 2;
    const lo = f32x4.mul(f32x4.sub(v128.load(x + at), mean), factor);
    const hi = f32x4.mul(f32x4.sub(v128.load(x + at, 16), mean), factor);
    v128.store(y + at, madd(lo, v128.load(weight + at), v128.load(bias + at)));
    v128.store(y + at, madd(hi, v128.load(weight + at, 16), v128.load(bias + at, 16)), 16);
  }
  for (; c < cols; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(cols - c, 4);
    const v = f32x4.mul(f32x4.sub(loadUpTo(x + at, count, zero()), mean), factor);
    storeUpTo(y + at, madd(v, loadUpTo(weight + at, count, zero()), loadUpTo(bias + at, count, zero())), count);
  }
}

/** dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd. */
export function layerNormBackward(
  x: usize, weight: usize, mean: usize, rstd: usize, dy: usize, dx: usize, rows: u32, cols: u32, begin: u32, end: u32,
): void {
  const sums = scratch();
  for (let r = begin; r < end; r++) {
    const offset = (<usize>r * cols) << 2;
    const center = f32x4.splat(load<f32>(mean + (r << 2)));
    const scale = f32x4.splat(load<f32>(rstd + (r << 2)));
    backwardSums(x + offset, weight, dy + offset, center, scale, cols, sums);
    const meanG = f32x4.splat(sumPair(sums) / <f32>cols);
    const meanGX = f32x4.splat(sumPair(sums + 32) / <f32>cols);
    backwardRow(x + offset, weight, dy + offset, dx + offset, center, scale, meanG, meanGX, cols);
  }
}

/** sums [2][8]: partial sums of g and of g * xhat. */
function backwardSums(x: usize, weight: usize, dy: usize, center: v128, scale: v128, cols: u32, sums: usize): void {
  let glo = zero();
  let ghi = zero();
  let xlo = zero();
  let xhi = zero();
  let c: u32 = 0;
  for (; c + 8 <= cols; c += 8) {
    const at = (<usize>c) << 2;
    const dl = v128.load(dy + at);
    const dh = v128.load(dy + at, 16);
    const wl = v128.load(weight + at);
    const wh = v128.load(weight + at, 16);
    glo = madd(dl, wl, glo);
    ghi = madd(dh, wh, ghi);
    xlo = madd(f32x4.mul(dl, wl), f32x4.mul(f32x4.sub(v128.load(x + at), center), scale), xlo);
    xhi = madd(f32x4.mul(dh, wh), f32x4.mul(f32x4.sub(v128.load(x + at, 16), center), scale), xhi);
  }
  v128.store(sums, glo);
  v128.store(sums, ghi, 16);
  v128.store(sums, xlo, 32);
  v128.store(sums, xhi, 48);
  for (; c < cols; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(cols - c, 4);
    const d = loadUpTo(dy + at, count, zero());
    const w = loadUpTo(weight + at, count, zero());
    const xhat = f32x4.mul(f32x4.sub(loadUpTo(x + at, count, zero()), center), scale);
    v128.store(sums, madd(d, w, v128.load(sums)));
    v128.store(sums, madd(f32x4.mul(d, w), xhat, v128.load(sums, 32)), 32);
  }
}

function backwardRow(
  x: usize, weight: usize, dy: usize, dx: usize, center: v128, scale: v128, meanG: v128, meanGX: v128, cols: u32,
): void {
  const shift = f32x4.neg(meanG);
  let c: u32 = 0;
  for (; c + 8 <= cols; c += 8) {
    const at = (<usize>c) << 2;
    const gl = madd(v128.load(dy + at), v128.load(weight + at), shift);
    const gh = madd(v128.load(dy + at, 16), v128.load(weight + at, 16), shift);
    const xl = f32x4.mul(f32x4.sub(v128.load(x + at), center), scale);
    const xh = f32x4.mul(f32x4.sub(v128.load(x + at, 16), center), scale);
    v128.store(dx + at, f32x4.mul(scale, nmadd(xl, meanGX, gl)));
    v128.store(dx + at, f32x4.mul(scale, nmadd(xh, meanGX, gh)), 16);
  }
  for (; c < cols; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(cols - c, 4);
    const g = madd(loadUpTo(dy + at, count, zero()), loadUpTo(weight + at, count, zero()), shift);
    const xhat = f32x4.mul(f32x4.sub(loadUpTo(x + at, count, zero()), center), scale);
    storeUpTo(dx + at, f32x4.mul(scale, nmadd(xhat, meanGX, g)), count);
  }
}
