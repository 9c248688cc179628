// The only file that chooses instructions. Hot loops elsewhere work on pairs of adjacent v128 (8 floats) and end in
// stores of adjacent pairs: V8 packs such pairs into 256-bit instructions (--experimental-wasm-revectorize). Every
// lane sees the same operations in the vector loop and in the tail, so an element's bits do not depend on where a
// range of elements was split.

/**
 * a * b + c. Plain arithmetic rounds twice. Fused arithmetic rounds once: a relaxed multiply-add may round twice too,
 * so the host looks at what it does before it uses the fused module (src/backend/wasm/selfCheck.ts).
 */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (isFused()) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Whether this is the module of fused arithmetic, for formulas that are more accurate in one of the two. */
// @ts-ignore: decorator
@inline
export function isFused(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

/** c - a * b, as madd. */
// @ts-ignore: decorator
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (isFused()) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** a * b + c of single floats, as madd: WebAssembly has a fused multiply-add for vectors only. */
// @ts-ignore: decorator
@inline
export function madd1(a: f32, b: f32, c: f32): f32 {
  return f32x4.extract_lane(madd(f32x4.splat(a), f32x4.splat(b), f32x4.splat(c)), 0);
}

/** `count` (1 to 4) floats at `pointer`; the other lanes are those of `fill`. Reads nothing behind them. */
// @ts-ignore: decorator
@inline
export function loadUpTo(pointer: usize, count: u32, fill: v128): v128 {
  if (count >= 4) return v128.load(pointer);
  let v = v128.load_lane<f32>(pointer, fill, 0);
  if (count > 1) v = v128.load_lane<f32>(pointer, v, 1, 4);
  if (count > 2) v = v128.load_lane<f32>(pointer, v, 2, 8);
  return v;
}

/** Four floats from element `at` on, `left` of which exist; the others are zeros. */
// @ts-ignore: decorator
@inline
export function loadPadded(from: usize, left: u32, at: u32): v128 {
  return left > at ? loadUpTo(from + (at << 2), left - at, zero()) : zero();
}

/** Stores the first `count` (1 to 4) lanes at `pointer`. */
// @ts-ignore: decorator
@inline
export function storeUpTo(pointer: usize, v: v128, count: u32): void {
  if (count >= 4) {
    v128.store(pointer, v);
    return;
  }
  v128.store_lane<f32>(pointer, v, 0);
  if (count > 1) v128.store_lane<f32>(pointer, v, 1, 4);
  if (count > 2) v128.store_lane<f32>(pointer, v, 2, 8);
}

// @ts-ignore: decorator
@inline
export function zero(): v128 {
  return f32x4.splat(0);
}

/** Stores four pairs of vectors, one after another. */
// @ts-ignore: decorator
@inline
export function storePairs(
  to: usize, lo0: v128, hi0: v128, lo1: v128, hi1: v128, lo2: v128, hi2: v128, lo3: v128, hi3: v128,
): void {
  v128.store(to, lo0);
  v128.store(to, hi0, 16);
  v128.store(to, lo1, 32);
  v128.store(to, hi1, 48);
  v128.store(to, lo2, 64);
  v128.store(to, hi2, 80);
  v128.store(to, lo3, 96);
  v128.store(to, hi3, 112);
}

/** Sum of the four lanes, always in this order. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 2) + (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3))
  );
}

// @ts-ignore: decorator
@inline
function add(integers: bool, a: v128, b: v128): v128 {
  return integers ? i32x4.add(a, b) : f32x4.add(a, b);
}

/** The sum of the lanes of each of four vectors, of floats in the order of sumLanes: a lane each. */
// @ts-ignore: decorator
@inline
export function sumLanes4(integers: bool, v0: v128, v1: v128, v2: v128, v3: v128): v128 {
  const t0 = add(integers, v128.shuffle<i32>(v0, v1, 0, 4, 1, 5), v128.shuffle<i32>(v0, v1, 2, 6, 3, 7));
  const t1 = add(integers, v128.shuffle<i32>(v2, v3, 0, 4, 1, 5), v128.shuffle<i32>(v2, v3, 2, 6, 3, 7));
  return add(integers, v128.shuffle<i32>(t0, t1, 0, 1, 4, 5), v128.shuffle<i32>(t0, t1, 2, 3, 6, 7));
}

/** Sum of the eight floats at `pointer`, always in this order. */
// @ts-ignore: decorator
@inline
export function sumPair(pointer: usize): f32 {
  return sumLanes(f32x4.add(v128.load(pointer), v128.load(pointer, 16)));
}

// @ts-ignore: decorator
@inline
export function maxLanes(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 2)),
    max(f32x4.extract_lane(v, 1), f32x4.extract_lane(v, 3)),
  );
}

/** Largest of the eight floats at `pointer`. */
// @ts-ignore: decorator
@inline
export function maxPair(pointer: usize): f32 {
  return maxLanes(f32x4.max(v128.load(pointer), v128.load(pointer, 16)));
}

/** Copies `count` floats. */
export function copyFloats(from: usize, to: usize, count: u32): void {
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const lo = v128.load(from + (i << 2));
    const hi = v128.load(from + (i << 2), 16);
    v128.store(to + (i << 2), lo);
    v128.store(to + (i << 2), hi, 16);
  }
  for (; i < count; i++) store<f32>(to + (i << 2), load<f32>(from + (i << 2)));
}

/** Sets `count` floats to `value`. */
export function fillFloats(to: usize, count: u32, value: f32): void {
  const v = f32x4.splat(value);
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    v128.store(to + (i << 2), v);
    v128.store(to + (i << 2), v, 16);
  }
  for (; i < count; i++) store<f32>(to + (i << 2), value);
}

/** Adds `count` floats to those at `to`. */
export function addFloats(from: usize, to: usize, count: u32): void {
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const lo = f32x4.add(v128.load(to + (i << 2)), v128.load(from + (i << 2)));
    const hi = f32x4.add(v128.load(to + (i << 2), 16), v128.load(from + (i << 2), 16));
    v128.store(to + (i << 2), lo);
    v128.store(to + (i << 2), hi, 16);
  }
  for (; i < count; i++) store<f32>(to + (i << 2), load<f32>(to + (i << 2)) + load<f32>(from + (i << 2)));
}

/** Multiplies `count` floats in place. */
export function scaleFloats(to: usize, count: u32, factor: f32): void {
  const v = f32x4.splat(factor);
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const lo = f32x4.mul(v128.load(to + (i << 2)), v);
    const hi = f32x4.mul(v128.load(to + (i << 2), 16), v);
    v128.store(to + (i << 2), lo);
    v128.store(to + (i << 2), hi, 16);
  }
  for (; i < count; i++) store<f32>(to + (i << 2), load<f32>(to + (i << 2)) * factor);
}
