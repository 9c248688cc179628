import { loadUpTo, madd, storeUpTo, zero } from '../shared/simd';

/**
 * dweight[c] += sum over r of dy * xhat; dbias[c] += sum over r of dy; each sum runs over the rows in order.
 * Range: columns.
 */
export function layerNormBackwardWeights(
  x: usize, mean: usize, rstd: usize, dy: usize, dweight: usize, dbias: usize, rows: u32, cols: u32, begin: u32, end: u32,
): void {
  const offset = (<usize>begin) << 2;
  for (let r: u32 = 0; r < rows; r++) {
    const row = ((<usize>r * cols) << 2) + offset;
    const center = v128.load32_splat(mean + (r << 2));
    const scale = v128.load32_splat(rstd + (r << 2));
    addRow(x + row, dy + row, center, scale, dweight + offset, dbias + offset, end - begin);
  }
}

function addRow(x: usize, dy: usize, center: v128, scale: v128, dweight: usize, dbias: usize, width: u32): void {
  let c: u32 = 0;
  for (; c + 8 <= width; c += 8) {
    const at = (<usize>c) << 2;
    const gl = v128.load(dy + at);
    const gh = v128.load(dy + at, 16);
    const xl = f32x4.mul(f32x4.sub(v128.load(x + at), center), scale);
    const xh = f32x4.mul(f32x4.sub(v128.load(x + at, 16), center), scale);
    v128.store(dweight + at, madd(gl, xl, v128.load(dweight + at)));
    v128.store(dweight + at, madd(gh, xh, v128.load(dweight + at, 16)), 16);
    v128.store(dbias + at, f32x4.add(v128.load(dbias + at), gl));
    v128.store(dbias + at, f32x4.add(v128.load(dbias + at, 16), gh), 16);
  }
  for (; c < width; c += 4) {
    const at = (<usize>c) << 2;
    const count = min(width - c, 4);
    const g = loadUpTo(dy + at, count, zero());
    const xhat = f32x4.mul(f32x4.sub(loadUpTo(x + at, count, zero()), center), scale);
    storeUpTo(dweight + at, madd(g, xhat, loadUpTo(dweight + at, count, zero())), count);
    storeUpTo(dbias + at, f32x4.add(loadUpTo(dbias + at, count, zero()), g), count);
  }
}
