// What changes a block of scores or probabilities in place: the bias by relative position, and dropout. Neither costs
// anything when unused.
import { BLOCK } from './attentionShape';
import { highLanes, lowLanes } from '../../shared/constants';
import { kept } from '../../shared/hash';
import { madd } from '../../shared/simd';

/** Bytes of the biases of one block: pairs of 64 queries and 64 keys have 127 relative positions. */
export const WINDOW_BYTES: usize = BLOCK << 3;

/**
 * The biases of a block: window[x] = row[at + (x - 63) * step], 0 beyond the table (no pair that is seen is there).
 * `at` is the entry of the block's first query and first key. Row r of the block finds the bias of its columns from
 * window[63 - r] on: step 1 when rows are queries and columns keys, else -1.
 */
export function fillWindow(row: usize, offsets: u32, at: i32, step: i32, window: usize): void {
  let entry = at - <i32>(BLOCK - 1) * step;
  for (let x: u32 = 0; x < 2 * BLOCK; x++) {
    store<f32>(window + (x << 2), <u32>entry < offsets ? load<f32>(row + (<usize>entry << 2)) : <f32>0);
    entry += step;
  }
}

/** The part of a window that belongs to row r of the block. */
// @ts-ignore: decorator
@inline
export function biasOfRow(window: usize, r: u32): usize {
  return window + ((BLOCK - 1 - r) << 2);
}

/** scores = scale * scores + bias, `count` of them, rounded up to 8. */
export function addBias(scores: usize, bias: usize, count: u32, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let i: u32 = 0; i < count; i += 8) {
    const at = (<usize>i) << 2;
    const lo = madd(v128.load(scores + at), factor, v128.load(bias + at));
    const hi = madd(v128.load(scores + at, 16), factor, v128.load(bias + at, 16));
    v128.store(scores + at, lo);
    v128.store(scores + at, hi, 16);
  }
}

/**
 * Dropout of `count` weights (rounded up to 8): element t is that of index first + t * step of the whole. Steps along
 * the keys are 1, along the queries `capacity`.
 */
export function dropRow(
  weights: usize, count: u32, first: u32, step: u32, seed: u32, threshold: u32, keepScale: f32,
): void {
  const s = i32x4.splat(seed);
  const least = i32x4.splat(threshold);
  const by = f32x4.splat(keepScale);
  const low = i32x4.mul(lowLanes(), i32x4.splat(step));
  const high = i32x4.mul(highLanes(), i32x4.splat(step));
  for (let i: u32 = 0; i < count; i += 8) {
    const at = (<usize>i) << 2;
    const index = i32x4.splat(first + i * step);
    const lo = v128.and(f32x4.mul(v128.load(weights + at), by), kept(i32x4.add(index, low), s, least));
    const hi = v128.and(f32x4.mul(v128.load(weights + at, 16), by), kept(i32x4.add(index, high), s, least));
    v128.store(weights + at, lo);
    v128.store(weights + at, hi, 16);
  }
}
