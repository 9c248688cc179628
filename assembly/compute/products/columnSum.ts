// Sums down the columns. Each column's sum runs over the rows in order, four rows a pass, so that x is read in memory
// order. Range: columns.
import { addFloats, fillFloats } from '../shared/simd';

/** sum[c] (+)= sum over r of x[r, c] */
export function columnSum(x: usize, sum: usize, rows: u32, cols: u32, accumulate: u32, begin: u32, end: u32): void {
  const stride = (<usize>cols) << 2;
  const width = end - begin;
  const to = sum + (begin << 2);
  let from = x + (begin << 2);
  if (!accumulate) fillFloats(to, width, 0);
  let r: u32 = 0;
  for (; r + 4 <= rows; r += 4) {
    add4(from, stride, to, width);
    from += stride << 2;
  }
  for (; r < rows; r++) {
    addFloats(from, to, width);
    from += stride;
  }
}

function add4(x: usize, stride: usize, sum: usize, width: u32): void {
  const x1 = x + stride;
  const x2 = x1 + stride;
  const x3 = x2 + stride;
  let j: u32 = 0;
  for (; j + 8 <= width; j += 8) {
    const at = (<usize>j) << 2;
    let lo = f32x4.add(v128.load(sum + at), v128.load(x + at));
    let hi = f32x4.add(v128.load(sum + at, 16), v128.load(x + at, 16));
    lo = f32x4.add(lo, v128.load(x1 + at));
    hi = f32x4.add(hi, v128.load(x1 + at, 16));
    lo = f32x4.add(lo, v128.load(x2 + at));
    hi = f32x4.add(hi, v128.load(x2 + at, 16));
    lo = f32x4.add(lo, v128.load(x3 + at));
    hi = f32x4.add(hi, v128.load(x3 + at, 16));
    v128.store(sum + at, lo);
    v128.store(sum + at, hi, 16);
  }
  for (; j < width; j++) {
    const at = (<usize>j) << 2;
    store<f32>(sum + at, load<f32>(sum + at) + load<f32>(x + at) + load<f32>(x1 + at) + load<f32>(x2 + at) + load<f32>(x3 + at));
  }
}
