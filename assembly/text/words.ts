/*
 * Words (pre-tokens) whose tokens are known. For byte-level BPE it starts as the vocabulary itself: nearly every word of
 * a text is one token; a word that had to be merged is added. Two open-addressing tables:
 *
 *   short (at most 12 bytes), one 16-byte slot, compared in one instruction:
 *     | bytes, padded with zeros (12) | length << 28 | value |    length 0: free
 *   long (at most 64 bytes, or as long as the vocabulary's longest word):
 *     | hash | length | address of the bytes | value |            length 0: free
 *
 * value, 28 bits: a token id, or MANY | index in `runs`, which holds a count and then as many ids.
 */
import { Buffer, powerOfTwo } from './buffer';
import { equalBytes, hash64, hashBytes } from './hash';
import { alloc } from './memory';
import { ids, tokenize } from './model';
import { bytesLength, bytesOf, idCount, isByteLevel, isSpelt } from './vocabulary';

export const SHORT: u32 = 12;
const LONG: u32 = 64;
const VALUE: u32 = (1 << 28) - 1;
const MANY: u32 = 1 << 27;

/** Words that may be added before all added ones are dropped: bounds the memory, whatever the texts. */
const SHORT_ADDED: u32 = 1 << 15;
let longRoom: u32 = 1 << 13;
const RUN_IDS: u32 = 1 << 19;

let shortTable: usize = 0;
let shortMask: u32 = 0;
let shortAdded: u32 = 0;
let longTable: usize = 0;
let longMask: u32 = 0;
let longAdded: u32 = 0;
let longBytes: usize = 0;
let longBytesUsed: u32 = 0;
let runs: Buffer<u32> = changetype<Buffer<u32>>(0);
/** u8 [idCount]: 1 where merging the token's own bytes gives that token. */
let whole: usize = 0;
/** A word that is a token is that token, whatever the merges make of it. */
let ignoresMerges: bool = false;
/** Bytes of the longest word in the long table. */
let longest: u32 = LONG;

/** Receives the ids. */
export let out: Buffer<u32> = changetype<Buffer<u32>>(0);

/** u8 [13, 16]: row n keeps the first n bytes of a vector and clears the rest. */
const keep: usize = memory.data<i64>([
  0, 0, 0xff, 0, 0xffff, 0, 0xffffff, 0, 0xffffffff, 0, 0xffffffffff, 0, 0xffffffffffff, 0, 0xffffffffffffff, 0, -1, 0,
  -1, 0xff, -1, 0xffff, -1, 0xffffff, -1, 0xffffffff,
], 16);

/** Ids in [first, last): which of them are words? In parts, so that the engine can optimise between calls. */
export function checkWords(first: u32, last: u32): void {
  for (let id = first; id < last; id++) {
    const length = bytesLength(id);
    let same: bool = false;
    if (ignoresMerges) {
      same = isSpelt(id) && length > 0;
      if (same) longest = max(longest, length);
    } else if (isSpelt(id) && length > 0 && length <= LONG) {
      const count = tokenize(bytesOf(id), length);
      same = count == 1 && load<u32>(ids) == id;
    }
    store<u8>(whole + id, same ? 1 : 0);
  }
}

export function openWords(ignoreMerges: bool): void {
  ignoresMerges = ignoreMerges;
  // Over characters, the mark for a space takes three bytes of a word, and more words are long.
  if (!isByteLevel) longRoom = SHORT_ADDED;
  out = Buffer.create<u32>();
  runs = Buffer.create<u32>();
  whole = alloc(idCount);
  memory.fill(whole, 0, idCount);
}

/** Sizes the tables once `whole` is known, and fills them. */
export function fillWords(): void {
  let shorts: u32 = 0;
  let longs: u32 = 0;
  for (let id: u32 = 0; id < idCount; id++) {
    if (!load<u8>(whole + id)) continue;
    if (bytesLength(id) <= SHORT) shorts += 1;
    else longs += 1;
  }
  shortMask = powerOfTwo(shorts + (shorts >> 1) + SHORT_ADDED + (SHORT_ADDED >> 1)) - 1;
  shortTable = alloc(<u64>(shortMask + 1) << 4);
  longMask = powerOfTwo((longs + longRoom) << 1) - 1;
  longTable = alloc(<u64>(longMask + 1) << 4);
  longBytes = alloc(longRoom * LONG + 8);
  restart();
}

/** Drops all added words: the vocabulary remains. */
function restart(): void {
  memory.fill(shortTable, 0, <usize>(shortMask + 1) << 4);
  memory.fill(longTable, 0, <usize>(longMask + 1) << 4);
  runs.length = 0;
  longBytesUsed = 0;
  for (let id: u32 = 0; id < idCount; id++) {
    if (!load<u8>(whole + id)) continue;
    const length = bytesLength(id);
    if (length <= SHORT) {
      const key = shortKey(v128.load(bytesOf(id)), length);
      v128.store(shortSlot(key), i32x4.add(key, i32x4(0, 0, 0, id)));
    } else addLong(bytesOf(id), length, id);
  }
  shortAdded = 0;
  longAdded = 0;
}

// @ts-ignore: decorator
@inline function shortKey(bytes: v128, length: u32): v128 {
  const kept = v128.and(bytes, v128.load(keep + (<usize>length << 4)));
  return i32x4.replace_lane(kept, 3, length << 28);
}

/** The slot that holds `key`, or the free slot for it. */
// @ts-ignore: decorator
@inline function shortSlot(key: v128): usize {
  const low = i64x2.extract_lane(key, 0);
  const high = i64x2.extract_lane(key, 1);
  let slot = hash64(low ^ (high * 0x9fb21c651e98df25) ^ (high >> 31)) & shortMask;
  while (true) {
    const at = shortTable + (<usize>slot << 4);
    const found = v128.load(at);
    const differ = v128.and(v128.xor(found, key), i32x4(-1, -1, -1, 0xf0000000));
    if (!v128.any_true(differ) || !i32x4.extract_lane(found, 3)) return at;
    slot = (slot + 1) & shortMask;
  }
}

// @ts-ignore: decorator
@inline function emit(id: u32): void {
  store<u32>(out.data + (<usize>out.length << 2), id);
  out.length += 1;
}

function emitRun(value: u32): void {
  const at = value & (MANY - 1);
  const count = runs.at(at);
  for (let i: u32 = 1; i <= count; i++) emit(runs.at(at + i));
}

/** A word of at most 12 bytes; `bytes` starts with them. `out` has room for as many ids as the word has bytes. */
// @ts-ignore: decorator
@inline export function shortWord(from: usize, bytes: v128, length: u32): void {
  const key = shortKey(bytes, length);
  const at = shortSlot(key);
  const found = load<u32>(at, 12);
  if (found) {
    if (found & MANY) emitRun(found);
    else emit(found & VALUE);
  } else newShort(from, length, key, at);
}

function newShort(from: usize, length: u32, key: v128, at: usize): void {
  const count = tokenize(from, length);
  for (let i: u32 = 0; i < count; i++) emit(load<u32>(ids + (<usize>i << 2)));
  const value = remember(count);
  v128.store(at, i32x4.add(key, i32x4(0, 0, 0, value)));
  shortAdded += 1;
  if (shortAdded == SHORT_ADDED || runs.length > RUN_IDS) restart();
}

/** The value for a run of ids. */
function remember(count: u32): u32 {
  if (count == 1) return load<u32>(ids);
  const at = runs.length;
  runs.push(count);
  for (let i: u32 = 0; i < count; i++) runs.push(load<u32>(ids + (<usize>i << 2)));
  return MANY | at;
}

function addLong(bytes: usize, length: u32, value: u32): void {
  const hash = hashBytes(bytes, length);
  let slot = hash & longMask;
  while (load<u32>(longTable + (<usize>slot << 4), 4)) slot = (slot + 1) & longMask;
  const at = longTable + (<usize>slot << 4);
  store<u32>(at, hash);
  store<u32>(at, length, 4);
  store<u32>(at, <u32>bytes, 8);
  store<u32>(at, value, 12);
}

/** A word of any length above 12 bytes. */
export function longWord(from: usize, length: u32): void {
  if (length <= longest) {
    const hash = hashBytes(from, length);
    for (let slot = hash & longMask; ; slot = (slot + 1) & longMask) {
      const at = longTable + (<usize>slot << 4);
      const size = load<u32>(at, 4);
      if (!size) break;
      if (load<u32>(at) == hash && size == length && equalBytes(load<u32>(at, 8), from, length)) {
        const value = load<u32>(at, 12);
        if (value & MANY) emitRun(value);
        else emit(value);
        return;
      }
    }
  }
  const count = tokenize(from, length);
  for (let i: u32 = 0; i < count; i++) emit(load<u32>(ids + (<usize>i << 2)));
  if (length > LONG) return;
  const bytes = longBytes + longBytesUsed;
  memory.copy(bytes, from, length);
  longBytesUsed += length;
  addLong(bytes, length, remember(count));
  longAdded += 1;
  if (longAdded == longRoom || runs.length > RUN_IDS) restart();
}
