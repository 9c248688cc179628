/*
 * Symmetric rounding to bytes, a scale for each row: number = integer * scale. Quotients are of 64 bits: that of two f32
 * numbers is never so near to a half that adding one more half would round it up.
 */
import { largest } from './floats';

/** The least f32 number that is not subnormal. */
const LEAST: u32 = 0x00800000;

/** f32 [rows, cols] -> bytes [rows, cols] and f32 scales [rows]; NaN or infinity makes a scale not finite. */
export function roundRows(from: usize, rows: usize, cols: usize, integers: usize, scales: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const magnitude = largest(from, cols);
    // Of subnormal numbers alone a row is zeros: there is no f32 number to divide them by.
    const scale: f32 = magnitude < LEAST ? 1 : reinterpret<f32>(magnitude) / 127;
    store<f32>(scales + 4 * row, scale);
    const divisor = f64x2.splat(scale);
    // The bytes after a row are those of the next, which comes later.
    for (let col: usize = 0; col < cols; col += 8) {
      const words = i16x8.narrow_i32x4_s(
        quotients(v128.load(from + 4 * col), divisor),
        quotients(v128.load(from + 4 * col + 16), divisor),
      );
      v128.store64_lane(integers + col, i8x16.narrow_i16x8_s(words, words), 0);
    }
    from += 4 * cols;
    integers += cols;
  }
}

/** Four numbers over the divisor, to the nearest integers. */
// @ts-ignore: decorator
@inline
function quotients(numbers: v128, divisor: v128): v128 {
  const upper = v128.shuffle<i32>(numbers, numbers, 2, 3, 2, 3);
  return v128.shuffle<i32>(quotientsOfTwo(numbers, divisor), quotientsOfTwo(upper, divisor), 0, 1, 4, 5);
}
// @ts-ignore: decorator
@inline
function quotientsOfTwo(numbers: v128, divisor: v128): v128 {
  const quotient = f64x2.div(f64x2.promote_low_f32x4(numbers), divisor);
  return i32x4.trunc_sat_f64x2_s_zero(f64x2.floor(f64x2.add(quotient, f64x2.splat(0.5))));
}
