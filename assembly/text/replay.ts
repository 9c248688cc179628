/*
 * Samples, oldest first, in a ring of `capacity` slots. Each sample is one block of its own: tokens of 2 bytes where
 * all its ids are below 65536, else of 4.
 *
 *   slot: | block (4) | length (4) | prompt length (4) | bytes a token (4) |
 */
import { alloc, free } from './memory';
import { below, RNG_BYTES } from './rng';

const SLOT: u32 = 16;

let slots: usize = 0;
let order: usize = 0; // u32 [capacity]: 0, 1, 2, ...; shuffled in part while drawing, then put back
let capacity: u32 = 0;
let start: u32 = 0;
let size: u32 = 0;

/** State of the generator that draws. */
export let replayRng: usize = 0;

export function openReplay(slotCount: u32): void {
  capacity = slotCount;
  slots = alloc(<u64>slotCount * SLOT);
  order = alloc(<u64>slotCount << 2);
  replayRng = alloc(RNG_BYTES);
  for (let i: u32 = 0; i < slotCount; i++) store<u32>(order + (<usize>i << 2), i);
}

export function replaySize(): u32 {
  return size;
}

// @ts-ignore: decorator
@inline function slot(index: u32): usize {
  return slots + <usize>((start + index) % capacity) * SLOT;
}

/** Adds a sample of `length` ids (u32 at `ids`); a full buffer drops its oldest. */
export function pushSample(ids: usize, length: u32, promptLength: u32): void {
  if (size == capacity) {
    free(load<u32>(slot(0)));
    start = (start + 1) % capacity;
    size -= 1;
  }
  let all: u32 = 0;
  for (let i: u32 = 0; i < length; i++) all |= load<u32>(ids + (<usize>i << 2));
  const width: u32 = all < 65536 ? 2 : 4;
  const block = alloc(<u64>length * width);
  for (let i: u32 = 0; i < length; i++) {
    const id = load<u32>(ids + (<usize>i << 2));
    if (width == 2) store<u16>(block + (<usize>i << 1), <u16>id);
    else store<u32>(block + (<usize>i << 2), id);
  }
  size += 1;
  const at = slot(size - 1);
  store<u32>(at, <u32>block);
  store<u32>(at, length, 4);
  store<u32>(at, promptLength, 8);
  store<u32>(at, width, 12);
}

export function sampleLength(index: u32): u32 {
  return load<u32>(slot(index), 4);
}
export function samplePromptLength(index: u32): u32 {
  return load<u32>(slot(index), 8);
}

/** Writes the ids of sample `index`, counted from the oldest, to `to` (u32 [sampleLength]). */
export function readSample(index: u32, to: usize): void {
  const at = slot(index);
  const block: usize = load<u32>(at);
  const length = load<u32>(at, 4);
  const wide = load<u32>(at, 12) == 4;
  for (let i: u32 = 0; i < length; i++) {
    store<u32>(to + (<usize>i << 2), wide ? load<u32>(block + (<usize>i << 2)) : load<u16>(block + (<usize>i << 1)));
  }
}

/** Draws `count` different indices (u32 at `to`), each set of them and each order as likely as any other. */
export function drawIndices(count: u32, to: usize): void {
  // The first steps of Fisher-Yates; `order` is put back by undoing its swaps, so that a draw depends on the state of
  // the generator and the size alone.
  for (let i: u32 = 0; i < count; i++) swap(i, keep(to, i, i + below(replayRng, size - i)));
  for (let i = count; i > 0; i--) {
    const other = load<u32>(to + (<usize>(i - 1) << 2));
    const drawn = load<u32>(order + (<usize>(i - 1) << 2));
    store<u32>(to + (<usize>(i - 1) << 2), drawn);
    swap(i - 1, other);
  }
}

// @ts-ignore: decorator
@inline function keep(to: usize, i: u32, value: u32): u32 {
  store<u32>(to + (<usize>i << 2), value);
  return value;
}

// @ts-ignore: decorator
@inline function swap(i: u32, j: u32): void {
  const a = order + (<usize>i << 2);
  const b = order + (<usize>j << 2);
  const kept = load<u32>(a);
  store<u32>(a, load<u32>(b));
  store<u32>(b, kept);
}
