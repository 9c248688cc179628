// One token from each row of logits. Same contract as kernels/rows/sample.wgsl, computed otherwise: thresholds are
// found one bit a pass instead of two, over weights that are computed once, and the race skips tokens that cannot win
// any more.
import { keyOf } from './shared/keys';
import { constant, HALF, lowLanes, ONE } from '../shared/constants';
import { exp4, log1p4, log4 } from '../shared/math';
import { scratch } from '../shared/scratch';
import { fillFloats, maxLanes, sumPair } from '../shared/simd';

/** Keys of -infinity and of +infinity. */
const NO_LOGIT: u32 = 0x007fffff;
const TOO_LARGE: u32 = 0xff800000;

// @ts-ignore: decorator
@inline
function cellsOf(vocab: u32): u32 {
  return (vocab + 7) & ~7;
}

/**
 * Working memory of a thread, in bytes: two sums, then keys (u32) and sizes (f32) of a row, rounded up to pairs of
 * vectors.
 */
export function sampleScratch(rows: u32, vocab: u32): usize {
  return 32 + ((<usize>cellsOf(vocab)) << 3);
}

// @ts-ignore: decorator
@inline
function logitOf(key: u32): f32 {
  return reinterpret<f32>(key >= 0x80000000 ? key & 0x7fffffff : ~key);
}

/** The next token of each row, one of the first `drawable`, or -1 or -2. Range: rows. */
export function sample(
  logits: usize, seeds: usize, ids: usize, rows: u32, vocab: u32, temperature: f32, topK: u32, topP: f32, step: u32,
  drawable: u32, begin: u32, end: u32,
): void {
  for (let r = begin; r < end; r++) {
    const row = logits + ((<usize>r * vocab) << 2);
    const seed = seeds + (r << 3);
    const id = sampleRow(row, load<u32>(seed), load<u32>(seed, 4), drawable, temperature, topK, topP, step);
    store<i32>(ids + (r << 2), id);
  }
}

function sampleRow(
  row: usize, seedLow: u32, seedHigh: u32, vocab: u32, temperature: f32, topK: u32, topP: f32, step: u32,
): i32 {
  const cells = cellsOf(vocab);
  const keys = scratch() + 32;
  const sizes = keys + ((<usize>cells) << 2);
  let topKey: u32 = 0;
  let likeliest: u32 = 0;
  for (let j: u32 = 0; j < vocab; j++) {
    const key = keyOf(load<u32>(row + (j << 2)));
    store<u32>(keys + (j << 2), key);
    if (key > topKey) {
      topKey = key;
      likeliest = j;
    }
  }
  if (topKey >= TOO_LARGE) return -1;
  if (topKey <= NO_LOGIT) return -2;
  if (temperature == 0) return likeliest;
  for (let j = vocab; j < cells; j++) store<u32>(keys + (j << 2), 0);

  let lowest: u32 = 0;
  if (topK > 0 && topK < vocab) {
    fillFloats(sizes, cells, 1);
    lowest = threshold(keys, sizes, cells, topK);
  }
  const top = load<f32>(row + (likeliest << 2));
  weigh(keys, sizes, cells, lowest, top, temperature);
  if (topP < 1) {
    const wanted = <f64>topP * sumAtLeast(keys, sizes, cells, 0);
    lowest = threshold(keys, sizes, cells, wanted);
    cutBelow(keys, sizes, vocab, lowest, wanted - sumAtLeast(keys, sizes, cells, lowest + 1));
  }
  return race(sizes, cells, seedLow, seedHigh, step);
}

/** sizes = e^((logit - top) / temperature), 0 where the key is below `lowest`. */
function weigh(keys: usize, sizes: usize, cells: u32, lowest: u32, top: f32, temperature: f32): void {
  const least = i32x4.splat(lowest);
  const from = f32x4.splat(top);
  const divisor = f32x4.splat(temperature);
  const sign = i32x4.splat(0x80000000);
  for (let at: usize = 0; at < (<usize>cells) << 2; at += 16) {
    const key = v128.load(keys + at);
    // Keys with the highest bit are positive floats without it; the others are negative floats, inverted.
    const logit = v128.xor(key, v128.or(sign, v128.not(i32x4.shr_s(key, 31))));
    const weight = exp4(f32x4.div(f32x4.sub(logit, from), divisor));
    v128.store(sizes + at, v128.and(v128.and(weight, i32x4.ge_u(key, least)), i32x4.gt_u(key, i32x4.splat(NO_LOGIT))));
  }
}

/** Elements whose sum is kept in f32 before it joins the whole in f64. */
const BLOCK: u32 = 2048;

/** Sum of the sizes whose key is at least `least`, in one order whatever `least` is: it never rises with it. */
function sumAtLeast(keys: usize, sizes: usize, cells: u32, least: u32): f64 {
  const from = i32x4.splat(least);
  const sums = scratch();
  let total: f64 = 0;
  for (let begin: u32 = 0; begin < cells; begin += BLOCK) {
    let lo = f32x4.splat(0);
    let hi = f32x4.splat(0);
    const end = min(begin + BLOCK, cells);
    for (let i = begin; i < end; i += 8) {
      const at = (<usize>i) << 2;
      lo = f32x4.add(lo, v128.and(v128.load(sizes + at), i32x4.ge_u(v128.load(keys + at), from)));
      hi = f32x4.add(hi, v128.and(v128.load(sizes + at, 16), i32x4.ge_u(v128.load(keys + at, 16), from)));
    }
    v128.store(sums, lo);
    v128.store(sums, hi, 16);
    total += <f64>sumPair(sums);
  }
  return total;
}

/**
 * The largest key at and above which the sizes still add up to `wanted`, or a lower one that leaves the same tokens.
 */
function threshold(keys: usize, sizes: usize, cells: u32, wanted: f64): u32 {
  let found: u32 = 0;
  for (let bit: u32 = 0x80000000; bit > 0; bit >>= 1) {
    const left = sumAtLeast(keys, sizes, cells, found | bit);
    if (left >= wanted) found |= bit;
    if (left == wanted) break;
  }
  return found;
}

/** Clears the sizes below the key `lowest`, and of those at it what comes after they have added up to `rest`. */
function cutBelow(keys: usize, sizes: usize, vocab: u32, lowest: u32, rest: f64): void {
  for (let j: u32 = 0; j < vocab; j++) {
    const key = load<u32>(keys + (j << 2));
    if (key > lowest) continue;
    if (key == lowest && rest > 0) rest -= <f64>load<f32>(sizes + (j << 2));
    else store<f32>(sizes + (j << 2), 0);
  }
}

// @ts-ignore: decorator
@inline
function turn(sum: v128, y: v128, by: i32): v128 {
  return v128.xor(sum, v128.or(i32x4.shl(y, by), i32x4.shr_u(y, 32 - by)));
}

/** -log(1 - (h + 1/2) / 2^32), relatively accurate at both ends. */
// @ts-ignore: decorator
@inline
function waiting4(h: v128): v128 {
  const isShort = i32x4.ge_s(h, i32x4.splat(0));
  const near = v128.xor(h, v128.not(isShort));
  const v = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(near), constant(HALF)), f32x4.splat(<f32>2.3283064365386963e-10));
  const odds = f32x4.div(v, f32x4.sub(constant(ONE), v));
  return v128.bitselect(log1p4(odds, f32x4.add(constant(ONE), odds)), f32x4.neg(log4(v)), isShort);
}

/** 2^-32, which turns words into u, less what the roundings of a score come to. */
const REACH: f32 = 2.3282e-10;

/** The first token to arrive, each waiting an exponential time of rate `weights`; the lowest id among equals. */
function race(weights: usize, cells: u32, seedLow: u32, seedHigh: u32, step: u32): i32 {
  const k0 = i32x4.splat(seedLow);
  const k1 = i32x4.splat(seedHigh);
  const third = seedLow ^ seedHigh ^ 0x1bd11bda;
  let best = f32x4.splat(0);
  let winners = i32x4.splat(0);
  let reach = f32x4.splat(0);
  for (let j: u32 = 0; j < cells; j += 8) {
    const at = weights + ((<usize>j) << 2);
    const w0 = v128.load(at);
    const w1 = v128.load(at, 16);
    if (!v128.any_true(v128.or(w0, w1))) continue;
    // threefry2x32 with 13 rounds of four counters (j / 2, step): two words each, for two tokens
    let x = i32x4.add(i32x4.add(i32x4.splat(j >> 1), lowLanes()), k0);
    let y = i32x4.add(i32x4.splat(step), k1);
    x = i32x4.add(x, y); y = turn(x, y, 13);
    x = i32x4.add(x, y); y = turn(x, y, 15);
    x = i32x4.add(x, y); y = turn(x, y, 26);
    x = i32x4.add(x, y); y = turn(x, y, 6);
    x = i32x4.add(x, k1);
    y = i32x4.add(y, i32x4.splat(third + 1));
    x = i32x4.add(x, y); y = turn(x, y, 17);
    x = i32x4.add(x, y); y = turn(x, y, 29);
    x = i32x4.add(x, y); y = turn(x, y, 16);
    x = i32x4.add(x, y); y = turn(x, y, 24);
    x = i32x4.add(x, i32x4.splat(third));
    y = i32x4.add(y, i32x4.splat(seedLow + 2));
    x = i32x4.add(x, y); y = turn(x, y, 13);
    x = i32x4.add(x, y); y = turn(x, y, 15);
    x = i32x4.add(x, y); y = turn(x, y, 26);
    x = i32x4.add(x, y); y = turn(x, y, 6);
    x = i32x4.add(x, k0);
    y = i32x4.add(y, i32x4.splat(seedHigh + 3));
    x = i32x4.add(x, y); y = turn(x, y, 17);
    const words0 = i8x16.shuffle(x, y, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const words1 = i8x16.shuffle(x, y, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    // A token waits longer than u: where weight / u is below the best score by more than roundings, the logarithm is
    // not needed.
    const open0 = f32x4.gt(w0, f32x4.mul(f32x4.convert_i32x4_u(words0), reach));
    const open1 = f32x4.gt(w1, f32x4.mul(f32x4.convert_i32x4_u(words1), reach));
    if (!v128.any_true(v128.or(open0, open1))) continue;
    const score0 = f32x4.div(w0, waiting4(words0));
    const score1 = f32x4.div(w1, waiting4(words1));
    const first = i32x4.add(i32x4.splat(j), lowLanes());
    const wins0 = f32x4.gt(score0, best);
    best = v128.bitselect(score0, best, wins0);
    winners = v128.bitselect(first, winners, wins0);
    const wins1 = f32x4.gt(score1, best);
    best = v128.bitselect(score1, best, wins1);
    winners = v128.bitselect(i32x4.add(first, i32x4.splat(4)), winners, wins1);
    reach = f32x4.splat(maxLanes(best) * REACH);
  }
  const lanes = scratch();
  v128.store(lanes, best);
  v128.store(lanes, winners, 16);
  let winner = load<i32>(lanes, 16);
  let most = load<f32>(lanes);
  for (let lane: usize = 4; lane < 16; lane += 4) {
    const score = load<f32>(lanes + lane);
    const id = load<i32>(lanes + lane, 16);
    if (score > most || (score == most && id < winner)) {
      most = score;
      winner = id;
    }
  }
  return winner;
}
