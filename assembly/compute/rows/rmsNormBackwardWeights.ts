// The gradient of the weight of a root-mean-square norm. Twin: kernels/rows/rmsNormBackwardWeights.wgsl. Range: columns.
import { loadUpTo, madd, storeUpTo, zero } from '../shared/simd';

/** dweight[c] += sum over r of dy * x * rstd; each sum runs over the rows in order. */
export function rmsNormBackwardWeights(
  x: usize, rstd: usize, dy: usize, dweight: usize, rows: u32, cols: u32, begin: u32, end: u32,
): void {
  const offset = (<usize>begin) << 2;
  for (let r: u32 = 0; r < rows; r++) {
    const row = ((<usize>r * cols) << 2) + offset;
    addRow(x + row, dy + row, v128.load32_splat(rstd + (r << 2)), dweight + offset, end - begin);
  }
}

function addRow(x: usize, dy: usize, scale: v128, dweight: usize, width: u32): void {
  let c: u32 = 0;
  for (; c + 8 <= width; c += 8) {
    const at = (<usize>c) << 2;
    const xl = f32x4.mul(v128.load(x + at), scale);
    const xh = f32x4.mul(v128.load(x + at, 16), scale);
    v128.store(dweight + at, madd(v128.load(dy + at), xl, v128.load(dweight + at)));
    v128.store(dweight + at, madd(v128.load(dy + at, 16), xh, v128.load(dweight + at, 16)), 16);
  }
  for (; c < width; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(width - c, 4);
    const xhat = f32x4.mul(loadUpTo(x + at, count, zero()), scale);
    storeUpTo(dweight + at, madd(loadUpTo(dy + at, count, zero()), xhat, loadUpTo(dweight + at, count, zero())), count);
  }
}
