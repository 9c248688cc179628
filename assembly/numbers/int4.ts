/*
 * Rounding to integers from 0 to 15 with a scale for each group of 32 numbers: number = scale * (integer - 8). A group is
 * packed as src/int4.ts says: byte i has integer i in its lower half and integer i + 16 in the upper one.
 *
 * Of five scales that are tried, the largest number over -8, -7.5, -7, -8.5 and -9, the one is taken that leaves the least
 * sum of squared errors, when for its integers the best scale is taken. Source: `make_qx_quants` of ggml-quants.c.
 */
const GROUP: usize = 32;
const GROUP_BYTES: usize = 16;
/** 2^-100: with the largest power of two that scales have in common, 2^-64, such a group is zeros. */
const LEAST: f32 = 7.888609052210118e-31;

/**
 * f32 [rows, cols] -> packed integers [rows, groups, 16] and f32 scales [rows, groups]; NaN or infinity makes a scale not
 * finite.
 * @param padded room for 32 numbers
 */
export function roundGroups(
  from: usize, rows: usize, cols: usize, integers: usize, scales: usize, padded: usize,
): void {
  for (let row: usize = 0; row < rows; row++) {
    for (let first: usize = 0; first < cols; first += GROUP) {
      const count = min(GROUP, cols - first);
      let group = from + 4 * first;
      if (count < GROUP) {
        memory.fill(padded, 0, 4 * GROUP);
        memory.copy(padded, group, 4 * count);
        group = padded;
      }
      roundGroup(group, integers, scales);
      // What fills the last group up is stored as zeros.
      for (let i = count; i < GROUP; i++) {
        const at = integers + (i & 15);
        store<u8>(at, load<u8>(at) & (i < 16 ? 0xf0 : 0x0f));
      }
      integers += GROUP_BYTES;
      scales += 4;
    }
    from += 4 * cols;
  }
}

function roundGroup(group: usize, integers: usize, scale: usize): void {
  const largest = largestOf(group);
  const size = abs(largest);
  // Not `>=`, which NaN would pass.
  const isZero = size < LEAST;
  if (isZero || !(size < <f32>Infinity)) {
    store<f32>(scale, isZero ? 0 : largest);
    v128.store(integers, i8x16.splat(<i8>0x88));
    return;
  }
  let inverse: f32 = 0;
  let most: f64 = -1;
  // With the best scale, products / squares, the squared errors are those of zeros less the gain.
  for (let i = 0; i < 5; i++) {
    const tried = <f32>(stepsOf(i) / <f64>largest);
    let products = f32x4.splat(0);
    let squares = i32x4.splat(0);
    for (let at: usize = 0; at < 4 * GROUP; at += 16) {
      const numbers = v128.load(group + at);
      const integer = i32x4.sub(nearest(numbers, f32x4.splat(tried)), i32x4.splat(8));
      products = f32x4.add(products, f32x4.mul(numbers, f32x4.convert_i32x4_s(integer)));
      squares = i32x4.add(squares, i32x4.mul(integer, integer));
    }
    const product = <f64>f32x4.extract_lane(products, 0) + <f64>f32x4.extract_lane(products, 1)
      + <f64>f32x4.extract_lane(products, 2) + <f64>f32x4.extract_lane(products, 3);
    const square = <f64>(i32x4.extract_lane(squares, 0) + i32x4.extract_lane(squares, 1)
      + i32x4.extract_lane(squares, 2) + i32x4.extract_lane(squares, 3));
    const gain = product * product / square;
    if (gain > most) {
      most = gain;
      inverse = tried;
      store<f32>(scale, <f32>(product / square));
    }
  }
  const factor = f32x4.splat(inverse);
  const lower = sixteen(group, factor);
  const upper = sixteen(group + 64, factor);
  v128.store(integers, v128.or(lower, i8x16.shl(upper, 4)));
}

// @ts-ignore: decorator
@inline
function stepsOf(i: i32): f64 {
  return i == 0 ? -8 : i == 1 ? -7.5 : i == 2 ? -7 : i == 3 ? -8.5 : -9;
}

/** The number of the largest magnitude, with its sign; NaN where there is one. */
function largestOf(group: usize): f32 {
  const mask = i32x4.splat(0x7fffffff);
  let most = v128.and(v128.load(group), mask);
  for (let at: usize = 16; at < 4 * GROUP; at += 16) most = i32x4.max_u(most, v128.and(v128.load(group + at), mask));
  most = i32x4.max_u(most, v128.shuffle<i32>(most, most, 2, 3, 0, 1));
  const largest = max(<u32>i32x4.extract_lane(most, 0), <u32>i32x4.extract_lane(most, 1));
  for (let at: usize = 0; at < 4 * GROUP; at += 4) {
    if ((load<u32>(group + at) & 0x7fffffff) == largest) return load<f32>(group + at);
  }
  return 0;
}

/** Four numbers times the factor, to the integers from 0 to 15 that stand for -8 to 7. What is below -8.5 is cut off. */
// @ts-ignore: decorator
@inline
function nearest(numbers: v128, factor: v128): v128 {
  const integer = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(numbers, factor), f32x4.splat(8.5)));
  return i32x4.min_s(integer, i32x4.splat(15));
}

/** The integers of 16 numbers as bytes. */
// @ts-ignore: decorator
@inline
function sixteen(numbers: usize, factor: v128): v128 {
  const low = i16x8.narrow_i32x4_s(nearest(v128.load(numbers), factor), nearest(v128.load(numbers + 16), factor));
  const high = i16x8.narrow_i32x4_s(nearest(v128.load(numbers + 32), factor), nearest(v128.load(numbers + 48), factor));
  return i8x16.narrow_i16x8_u(low, high);
}
