/*
 * One token from one row of logits, in the order and with the meaning of Hugging Face's logits processors:
 * repetition penalty, no repeated n-grams, banned tokens, temperature, top-k, top-p. Everything is plain WebAssembly
 * arithmetic in a fixed order, so a row, a history and a generator's state give the same token on every machine.
 */
import { Buffer } from './buffer';
import { alloc, free } from './memory';
import { RNG_BYTES, seedRng, uniform } from './rng';

let temperature: f32 = 1;
let topK: u32 = 0;
let topP: f64 = 1;
let penalty: f32 = 1;
let ngram: u32 = 0;
let banned: Buffer<u32> = changetype<Buffer<u32>>(0);

/** Sums are kept by blocks of this many cells; rows are padded to it with -infinity. */
const BLOCK: u32 = 256;

let vocab: u32 = 0;
let cells: u32 = 0; // vocab rounded up to BLOCK
let row: usize = 0; // f32 [cells]: logits
let weights: usize = 0; // f32 [cells]: exp((logit - largest) / temperature), 0 for what was cut
let sums: usize = 0; // f64 [cells / BLOCK]
let marks: usize = 0; // u32 [vocab]: number of the last row that saw the token in its history
let mark: u32 = 0;

/** temperature 0 is greedy; topK 0, topP 1, penalty 1 and ngram 0 are off. */
export function openSampler(temperature_: f32, topK_: u32, topP_: f64, penalty_: f32, ngram_: u32): void {
  temperature = temperature_;
  topK = topK_;
  topP = topP_;
  penalty = penalty_;
  ngram = ngram_;
  banned = Buffer.create<u32>();
}

export function banToken(id: u32): void {
  banned.push(id);
}

/** Address of the row of `size` logits (f32) that the caller fills before each `sampleRow`. */
export function openRow(size: u32): usize {
  if (size == vocab) return row;
  if (vocab) {
    free(row);
    free(weights);
    free(sums);
    free(marks);
  }
  vocab = size;
  cells = (size + BLOCK - 1) & ~(BLOCK - 1);
  row = alloc(<u64>cells << 2);
  weights = alloc(<u64>cells << 2);
  sums = alloc(<u64>(cells / BLOCK) << 3);
  marks = alloc(<u64>size << 2);
  memory.fill(marks, 0, <usize>size << 2);
  mark = 0;
  for (let i = size; i < cells; i++) store<f32>(row + (<usize>i << 2), -f32.POSITIVE_INFINITY);
  return row;
}

/** A sequence: its generator's state, then its tokens so far. */
// @ts-ignore: decorator
@unmanaged
class Sequence {
  rng0: u64;
  rng1: u64;
  rng2: u64;
  rng3: u64;
  tokens: Buffer<u32>;
}

/** Address of a new sequence; its first 32 bytes are the generator's state. `seed` is an integer. */
export function openSequence(seed: f64): usize {
  const sequence = changetype<Sequence>(alloc(offsetof<Sequence>()));
  seedRng(changetype<usize>(sequence), <u64>seed);
  sequence.tokens = Buffer.create<u32>();
  return changetype<usize>(sequence);
}

/** Room for `count` more tokens of a sequence: the address where to write them. */
export function extendSequence(at: usize, count: u32): usize {
  const tokens = changetype<Sequence>(at).tokens;
  tokens.reserve(tokens.length + count);
  tokens.length += count;
  return tokens.data + (<usize>(tokens.length - count) << 2);
}

export function closeSequence(at: usize): void {
  changetype<Sequence>(at).tokens.dispose();
  free(at);
}

/** A logit is NaN or +infinity; no logit is finite. */
const NOT_A_NUMBER: i32 = -1;
const NOTHING_LEFT: i32 = -2;

/** The next token after a sequence, from the row's logits, which are changed. Appends it. Negative: see above. */
export function sampleRow(at: usize): i32 {
  const sequence = changetype<Sequence>(at);
  const tokens = sequence.tokens;
  if (penalty != 1) penalise(tokens);
  if (ngram) banRepeats(tokens);
  for (let i: u32 = 0; i < banned.length; i++) if (banned.at(i) < vocab) forbid(banned.at(i));
  const largest = largestLogit();
  if (largest != largest || largest == f32.POSITIVE_INFINITY) return NOT_A_NUMBER;
  if (largest == -f32.POSITIVE_INFINITY) return NOTHING_LEFT;
  let id: u32 = 0;
  if (temperature == 0) {
    while (logit(id) != largest) id += 1;
  } else {
    if (topK && topK < vocab) cutTopK();
    weigh(largest);
    let total = addUp();
    if (topP < 1) {
      cutTopP(total * topP);
      total = addUp();
    }
    id = pick(uniform(at) * total);
  }
  tokens.push(id);
  return <i32>id;
}

// @ts-ignore: decorator
@inline function logit(id: u32): f32 {
  return load<f32>(row + (<usize>id << 2));
}
// @ts-ignore: decorator
@inline function forbid(id: u32): void {
  store<f32>(row + (<usize>id << 2), -f32.POSITIVE_INFINITY);
}
// @ts-ignore: decorator
@inline function weight(id: u32): f32 {
  return load<f32>(weights + (<usize>id << 2));
}

/** Divides positive logits of tokens seen so far by the penalty and multiplies negative ones, once a token. */
function penalise(tokens: Buffer<u32>): void {
  mark += 1;
  for (let i: u32 = 0; i < tokens.length; i++) {
    const id = tokens.at(i);
    if (id >= vocab || load<u32>(marks + (<usize>id << 2)) == mark) continue;
    store<u32>(marks + (<usize>id << 2), mark);
    const value = logit(id);
    store<f32>(row + (<usize>id << 2), value < 0 ? value * penalty : value / penalty);
  }
}

/** Forbids tokens that would complete an n-gram which the sequence already has. */
function banRepeats(tokens: Buffer<u32>): void {
  const prefix = ngram - 1;
  if (tokens.length < ngram) return;
  const last = tokens.length - prefix;
  for (let i: u32 = 0; i < last; i++) {
    let same: u32 = 0;
    while (same < prefix && tokens.at(i + same) == tokens.at(last + same)) same += 1;
    const id = tokens.at(i + prefix);
    if (same == prefix && id < vocab) forbid(id);
  }
}

function largestLogit(): f32 {
  let best = f32x4.splat(-f32.POSITIVE_INFINITY);
  for (let p = row, end = row + (<usize>cells << 2); p < end; p += 16) best = f32x4.max(best, v128.load(p));
  return max(
    max(f32x4.extract_lane(best, 0), f32x4.extract_lane(best, 1)),
    max(f32x4.extract_lane(best, 2), f32x4.extract_lane(best, 3)),
  );
}

/** exp(x) for x <= 0, 0 below -87: at most 2 ULP off. Cephes' expf. */
// @ts-ignore: decorator
@inline function exp4(x: v128): v128 {
  const low = f32x4.splat(-87);
  const clamped = f32x4.max(x, low);
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1));
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.and(f32x4.mul(p, scale), f32x4.ge(x, low));
}

function weigh(largest: f32): void {
  const shift = f32x4.splat(largest);
  const divisor = f32x4.splat(temperature);
  for (let offset: usize = 0, end = <usize>cells << 2; offset < end; offset += 16) {
    v128.store(weights + offset, exp4(f32x4.div(f32x4.sub(v128.load(row + offset), shift), divisor)));
  }
}

/** Sums of the blocks, and of all. */
function addUp(): f64 {
  let total: f64 = 0;
  let p = weights;
  for (let block: u32 = 0; block < cells / BLOCK; block++) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (const end = p + BLOCK * 4; p < end; p += 16) {
      const w = v128.load(p);
      low = f64x2.add(low, f64x2.promote_low_f32x4(w));
      high = f64x2.add(high, f64x2.promote_low_f32x4(i8x16.shuffle(w, w, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)));
    }
    const both = f64x2.add(low, high);
    const sum = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
    store<f64>(sums + (<usize>block << 3), sum);
    total += sum;
  }
  return total;
}

/** The token at `target` of the cumulated weights. */
function pick(target: f64): u32 {
  // The sum of the weights may round below `target`: then the last token with weight is drawn.
  let last: u32 = 0;
  for (let block: u32 = 0; block < cells / BLOCK; block++) {
    const sum = load<f64>(sums + (<usize>block << 3));
    if (sum == 0) continue;
    if (target >= sum) {
      target -= sum;
      last = block;
      continue;
    }
    last = block;
    break;
  }
  let id: u32 = 0;
  for (let i = last * BLOCK, end = i + BLOCK; i < end; i++) {
    const w = <f64>weight(i);
    if (w == 0) continue;
    id = i;
    if (target < w) break;
    target -= w;
  }
  return id;
}

/*
 * Top-k and top-p by radix selection, without sorting: a histogram of the highest digits finds the digit in which the
 * cut lies, a histogram of the next digits among those finds the next, and three rounds give all 32 bits.
 */
const DIGITS: u32 = 2048;
const histogram: usize = memory.data(DIGITS * 8, 16);

/** Digits from the highest: bits [21, 32), [10, 21), [0, 10). */
// @ts-ignore: decorator
@inline function digitShift(round: u32): u32 {
  return round == 0 ? 21 : round == 1 ? 10 : 0;
}
// @ts-ignore: decorator
@inline function digitMask(round: u32): u32 {
  return round == 2 ? 1023 : 2047;
}

/** Unsigned integers in the order of the floats; -0 is 0. */
// @ts-ignore: decorator
@inline function orderOf(value: f32): u32 {
  const bits = reinterpret<u32>(value + 0);
  return bits >> 31 ? ~bits : bits | 0x80000000;
}

/** Forbids logits below the topK-th largest; those equal to it stay. */
function cutTopK(): void {
  let prefix: u32 = 0;
  let known: u32 = 0; // mask of the bits of `prefix` that are settled
  let wanted = topK;
  for (let round: u32 = 0; round < 3; round++) {
    const shift = digitShift(round);
    memory.fill(histogram, 0, DIGITS * 8);
    for (let id: u32 = 0; id < vocab; id++) {
      const key = orderOf(logit(id));
      if ((key & known) != prefix) continue;
      const at = histogram + (<usize>((key >> shift) & digitMask(round)) << 3);
      store<u32>(at, load<u32>(at) + 1);
    }
    let digit = digitMask(round);
    while (digit > 0 && load<u32>(histogram + (<usize>digit << 3)) < wanted) {
      wanted -= load<u32>(histogram + (<usize>digit << 3));
      digit -= 1;
    }
    prefix |= digit << shift;
    known |= digitMask(round) << shift;
  }
  for (let id: u32 = 0; id < vocab; id++) if (orderOf(logit(id)) < prefix) forbid(id);
}

/** Keeps the largest weights until they add up to `wanted`, among equal ones the lower ids; clears the others. */
function cutTopP(wanted: f64): void {
  let prefix: u32 = 0;
  let known: u32 = 0;
  for (let round: u32 = 0; round < 3; round++) {
    const shift = digitShift(round);
    memory.fill(histogram, 0, DIGITS * 8);
    for (let id: u32 = 0; id < vocab; id++) {
      const key = reinterpret<u32>(weight(id));
      if (!key || (key & known) != prefix) continue;
      const at = histogram + (<usize>((key >> shift) & digitMask(round)) << 3);
      store<f64>(at, load<f64>(at) + <f64>weight(id));
    }
    let digit = digitMask(round);
    while (digit > 0 && load<f64>(histogram + (<usize>digit << 3)) < wanted) {
      wanted -= load<f64>(histogram + (<usize>digit << 3));
      digit -= 1;
    }
    prefix |= digit << shift;
    known |= digitMask(round) << shift;
  }
  for (let id: u32 = 0; id < vocab; id++) {
    const w = weight(id);
    const key = reinterpret<u32>(w);
    if (key > prefix) continue;
    if (key == prefix && wanted > 0) wanted -= <f64>w;
    else store<f32>(weights + (<usize>id << 2), 0);
  }
}
