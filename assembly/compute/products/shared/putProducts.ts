// How dot products are stored: to c, or added to c.

/** Stores `sum` at c, or adds it to c. */
// @ts-ignore: decorator
@inline
export function putOne(sum: f32, c: usize, accumulate: bool): void {
  store<f32>(c, accumulate ? load<f32>(c) + sum : sum);
}

/** The same with a lane for each of 1 to 4 rows of c, `stride` bytes apart. */
// @ts-ignore: decorator
@inline
export function putUpTo(sum: v128, c: usize, stride: usize, rows: u32, accumulate: bool): void {
  if (rows >= 4) return putFour(sum, c, stride, accumulate);
  putOne(f32x4.extract_lane(sum, 0), c, accumulate);
  if (rows > 1) putOne(f32x4.extract_lane(sum, 1), c + stride, accumulate);
  if (rows > 2) putOne(f32x4.extract_lane(sum, 2), c + 2 * stride, accumulate);
}

/** The same with a lane for each of four rows of c, `stride` bytes apart. */
// @ts-ignore: decorator
@inline
export function putFour(sum: v128, c: usize, stride: usize, accumulate: bool): void {
  let y = sum;
  if (accumulate) {
    let before = v128.load32_splat(c);
    before = v128.load_lane<f32>(c + stride, before, 1);
    before = v128.load_lane<f32>(c + 2 * stride, before, 2);
    y = f32x4.add(v128.load_lane<f32>(c + 3 * stride, before, 3), y);
  }
  v128.store_lane<f32>(c, y, 0);
  v128.store_lane<f32>(c + stride, y, 1);
  v128.store_lane<f32>(c + 2 * stride, y, 2);
  v128.store_lane<f32>(c + 3 * stride, y, 3);
}
