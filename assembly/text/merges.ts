/*
 * BPE merges: a hash table from pairs of ids to the rank and the result of their merge, and the loop that applies them
 * to a word. Short words scan for the best pair; long ones keep a heap, so that a word of n symbols takes O(n log n).
 *
 * A word starts as one symbol a byte (byte-level) or a character. Over characters the word may be the whole text. Such a
 * text is cut first, between any two characters that stand next to each other in no token that merges make: no merge can
 * reach over such a place, so each part has the ids that it has in the whole, and the word tables know most parts.
 */
import { powerOfTwo } from './buffer';
import { characterLength, codePoint } from './characters';
import { hash64 } from './hash';
import { alloc, free } from './memory';
import { encodeWord } from './model';
import { byteIds, closeLookup, isByteLevel, isByteToken, lookup } from './vocabulary';
import { out } from './words';

/** No merge: compares as the worst rank. */
const NONE: u64 = u64.MAX_VALUE;

/** Slots of 16 bytes: the pair (left << 32 | right), then rank << 32 | merged id. Pairs that are free are NONE. */
let pairs: usize = 0;
let pairsMask: u32 = 0;
/** u32 [mergeCount, 2]: left and right of each rank, to write the files again. */
export let mergeList: usize = 0;
export let mergeCount: u32 = 0;

/** Id for bytes or characters that the vocabulary lacks, -1 to leave them out. */
let unknown: i32 = -1;
let fuseUnknown: bool = false;
/** Characters that the vocabulary lacks become the tokens of their bytes. */
let fallsBack: bool = false;

/** Whether texts are cut where no merge reaches over. */
export let isCut: bool = false;
/** Bits, by a hash of two characters: set for two that meet in a token. Others may have the same bit: that only cuts less. */
let joins: usize = 0;
let joinsMask: u32 = 0;
/** Where the ids of the piece under way begin. */
let pieceStart: u32 = 0;

// @ts-ignore: decorator
@inline function slotOf(pair: u64): usize {
  let slot = hash64(pair) & pairsMask;
  while (true) {
    const at = pairs + (<usize>slot << 4);
    const found = load<u64>(at);
    if (found == pair || found == NONE) return at;
    slot = (slot + 1) & pairsMask;
  }
}

/** rank << 32 | merged id of a pair, or NONE. */
// @ts-ignore: decorator
@inline function mergeOf(left: u32, right: u32): u64 {
  return load<u64>(slotOf(((<u64>left) << 32) | right), 8);
}

/** What becomes of bytes or characters that the vocabulary lacks. `unknownId` -1: they are left out. */
export function setUnknown(unknownId: i32, fuse: bool, byteFallback: bool): void {
  unknown = unknownId;
  fuseUnknown = fuse;
  fallsBack = byteFallback;
}

/**
 * `count` merges as texts, best first: left, `separator` (a space or 0), right, 0. `cuts`: texts may be cut before they
 * are merged. Returns -1, or the index of the first that is malformed or names a token outside the vocabulary.
 */
export function defineMerges(text: usize, length: u32, count: u32, separator: u32, cuts: bool): i32 {
  // What is left out joins its neighbours.
  isCut = cuts && !isByteLevel && (fallsBack || unknown >= 0);
  if (isCut) {
    joinsMask = max<u32>(powerOfTwo(count << 3), 1 << 10) - 1;
    joins = alloc(<u64>(joinsMask + 1) >> 3);
    memory.fill(joins, 0, <usize>(joinsMask + 1) >> 3);
  }
  mergeCount = count;
  mergeList = alloc((<u64>count << 3) + 8);
  pairsMask = powerOfTwo((count << 1) + 1) - 1;
  pairs = alloc(<u64>(pairsMask + 1) << 4);
  memory.fill(pairs, 0xff, <usize>(pairsMask + 1) << 4);
  const joined = alloc(length + 8);
  let p = text;
  const end = text + length;
  for (let rank: u32 = 0; rank < count; rank++) {
    let stop = p;
    let space: usize = 0;
    for (; stop < end; stop++) {
      const byte: u32 = load<u8>(stop);
      if (byte == separator && (byte || !space)) {
        if (space) return <i32>rank;
        space = stop;
      } else if (!byte) break;
    }
    if (!space || stop >= end) return <i32>rank;
    const leftLength = <u32>(space - p);
    const rightLength = <u32>(stop - space - 1);
    const left = lookup(p, leftLength);
    const right = lookup(space + 1, rightLength);
    memory.copy(joined, p, leftLength);
    memory.copy(joined + leftLength, space + 1, rightLength);
    const merged = lookup(joined, leftLength + rightLength);
    if (left < 0 || right < 0 || merged < 0) return <i32>rank;
    store<u32>(mergeList + (<usize>rank << 3), <u32>left);
    store<u32>(mergeList + (<usize>rank << 3), <u32>right, 4);
    const pair = ((<u64>left) << 32) | <u64>right;
    const at = slotOf(pair);
    store<u64>(at, pair);
    store<u64>(at, ((<u64>rank) << 32) | <u64>merged, 8); // a pair that is listed twice has its last rank
    if (isCut) noteJoin(p, leftLength, space + 1, left, right);
    p = stop + 1;
  }
  free(joined);
  if (isByteLevel) closeLookup();
  return -1;
}

// @ts-ignore: decorator
@inline function joinOf(left: u32, right: u32): u32 {
  let h = left * 0x9e3779b1 + right * 0x85ebca6b;
  h ^= h >> 15;
  return (h * 0x2c1b3c6d) >> 7 & joinsMask;
}

/** Notes which characters meet in a merge. With a merge of bytes, which are no characters, nothing can be cut. */
function noteJoin(leftText: usize, leftLength: u32, rightText: usize, left: u32, right: u32): void {
  if (fallsBack && (isByteToken(left) || isByteToken(right))) isCut = false;
  let last = leftText + leftLength - 1;
  while ((load<u8>(last) & 0xc0) == 0x80) last -= 1;
  const join = joinOf(codePoint(last) >> 3, codePoint(rightText) >> 3);
  store<u8>(joins + (join >> 3), <u8>(<u32>load<u8>(joins + (join >> 3)) | (<u32>1 << (join & 7))));
}

/** Starts on a piece: the unknown token stands once for what it lacks in a row, within a piece. */
export function openCut(): void {
  pieceStart = out.length;
}

/** Cuts and encodes what begins in [p, stop) of a piece that ends at `end`; returns where the last part ends. */
export function cutJoined(p: usize, end: usize, stop: usize): usize {
  while (p < stop) {
    let c = codePoint(p);
    let q = p + (c & 7);
    while (q < end) {
      const next = codePoint(q);
      const join = joinOf(c >> 3, next >> 3);
      if (!((<u32>load<u8>(joins + (join >> 3)) >> (join & 7)) & 1)) break;
      c = next;
      q += next & 7;
    }
    const first = out.length;
    encodeWord(p, <u32>(q - p));
    if (fuseUnknown && unknown >= 0 && first > pieceStart && out.length > first) fuseAt(first);
    p = q;
  }
  return p;
}

/** Two unknown tokens that meet where the text was cut are one. */
function fuseAt(first: u32): void {
  if (out.at(first) != <u32>unknown || out.at(first - 1) != <u32>unknown) return;
  const at = out.data + (<usize>first << 2);
  memory.copy(at, at + 4, (<usize>(out.length - first - 1)) << 2);
  out.length -= 1;
}

/** Words up to this many symbols look for the best pair by scanning; longer ones keep a heap. */
const SCAN: u32 = 48;
const scanMerges: usize = memory.data(SCAN * 8, 16);
const scanSymbols: usize = memory.data(SCAN * 4, 16);

/** Symbols of the last `mergeWord`. */
export let symbols: usize = scanSymbols;

/** One symbol a character. Returns their number. */
function spellCharacters(from: usize, length: u32, to: usize): u32 {
  const end = from + length;
  let count: u32 = 0;
  let lastUnknown = false;
  while (from < end) {
    const width = characterLength(load<u8>(from));
    let id = lookup(from, width);
    const missing = id < 0;
    if (missing && fallsBack) {
      for (let i: u32 = 0; i < width; i++, count++) {
        store<u32>(to + (<usize>count << 2), load<u32>(byteIds + (<usize>load<u8>(from + i) << 2)));
      }
    } else if (!missing || (unknown >= 0 && !(fuseUnknown && lastUnknown))) {
      if (missing) id = unknown;
      store<i32>(to + (<usize>count << 2), id);
      count += 1;
    }
    lastUnknown = missing;
    from += width;
  }
  return count;
}

/**
 * The symbols of a word, before merging. Returns their number: what the vocabulary lacks is left out or becomes the
 * unknown token.
 */
function spell(from: usize, length: u32, to: usize): u32 {
  if (!isByteLevel) return spellCharacters(from, length, to);
  let count: u32 = 0;
  let lastUnknown = false;
  for (let i: u32 = 0; i < length; i++) {
    let id = load<i32>(byteIds + (<usize>load<u8>(from + i) << 2));
    const missing = id < 0;
    if (missing) {
      if (unknown < 0 || (fuseUnknown && lastUnknown)) continue;
      id = unknown;
    }
    lastUnknown = missing;
    store<i32>(to + (<usize>count << 2), id);
    count += 1;
  }
  return count;
}

/** Applies the merges to `length` bytes: always the best rank, leftmost first. Returns the number of `symbols`. */
export function mergeWord(from: usize, length: u32): u32 {
  return length <= SCAN ? mergeShort(from, length) : mergeLong(from, length);
}

function mergeShort(from: usize, length: u32): u32 {
  symbols = scanSymbols;
  let count = spell(from, length, scanSymbols);
  if (count < 2) return count;
  for (let i: u32 = 0; i < count - 1; i++) {
    const at = scanSymbols + (<usize>i << 2);
    store<u64>(scanMerges + (<usize>i << 3), mergeOf(load<u32>(at), load<u32>(at, 4)));
  }
  while (true) {
    let best = NONE;
    let where: u32 = 0;
    for (let i: u32 = 0; i < count - 1; i++) {
      const merge = load<u64>(scanMerges + (<usize>i << 3));
      if (merge < best) {
        best = merge;
        where = i;
      }
    }
    if (best == NONE) return count;
    count -= 1;
    store<u32>(scanSymbols + (<usize>where << 2), <u32>best);
    for (let i = where + 1; i < count; i++) {
      store<u32>(scanSymbols + (<usize>i << 2), load<u32>(scanSymbols + (<usize>i << 2), 4));
      store<u64>(scanMerges + (<usize>(i - 1) << 3), load<u64>(scanMerges + (<usize>i << 3)));
    }
    const at = scanSymbols + (<usize>where << 2);
    if (where > 0) store<u64>(scanMerges + (<usize>(where - 1) << 3), mergeOf(load<u32>(at - 4), <u32>best));
    if (where + 1 < count) store<u64>(scanMerges + (<usize>where << 3), mergeOf(<u32>best, load<u32>(at, 4)));
  }
}

/** Work space of long words; grows to the longest word seen. */
let longCapacity: u32 = 0;
let longSymbols: usize = 0; // u32 [n]
let longNext: usize = 0; // u32 [n]: next living symbol, n at the end
let longPrevious: usize = 0; // u32 [n]: previous living symbol, u32.MAX at the start
let longMerges: usize = 0; // u64 [n]: merge of a symbol with the next, NONE without
let queue: usize = 0; // u64 [3 n]: heap of rank << 32 | position, four children to a node: few levels, few cache misses
let queueLength: u32 = 0;

function reserveLong(length: u32): void {
  if (length <= longCapacity) return;
  if (longCapacity) {
    free(longSymbols);
    free(longNext);
    free(longPrevious);
    free(longMerges);
    free(queue);
  }
  longCapacity = powerOfTwo(length);
  longSymbols = alloc(<u64>longCapacity << 2);
  longNext = alloc(<u64>longCapacity << 2);
  longPrevious = alloc(<u64>longCapacity << 2);
  longMerges = alloc(<u64>longCapacity << 3);
  queue = alloc(<u64>longCapacity * 24);
}

function enqueue(entry: u64): void {
  let hole = queueLength++;
  while (hole > 0) {
    const parent = (hole - 1) >> 2;
    const above = load<u64>(queue + (<usize>parent << 3));
    if (above <= entry) break;
    store<u64>(queue + (<usize>hole << 3), above);
    hole = parent;
  }
  store<u64>(queue + (<usize>hole << 3), entry);
}

function dequeue(): u64 {
  const top = load<u64>(queue);
  queueLength -= 1;
  const entry = load<u64>(queue + (<usize>queueLength << 3));
  let hole: u32 = 0;
  while (true) {
    let child = (hole << 2) + 1;
    if (child >= queueLength) break;
    let below = load<u64>(queue + (<usize>child << 3));
    const last = min(child + 3, queueLength - 1);
    for (let i = child + 1; i <= last; i++) {
      const other = load<u64>(queue + (<usize>i << 3));
      if (other < below) {
        below = other;
        child = i;
      }
    }
    if (entry <= below) break;
    store<u64>(queue + (<usize>hole << 3), below);
    hole = child;
  }
  store<u64>(queue + (<usize>hole << 3), entry);
  return top;
}

/** Looks up the merge of the symbols at `left` and `right`, notes it and queues it. */
function note(left: u32, right: u32): void {
  const merge = mergeOf(load<u32>(longSymbols + (<usize>left << 2)), load<u32>(longSymbols + (<usize>right << 2)));
  store<u64>(longMerges + (<usize>left << 3), merge);
  if (merge != NONE) enqueue((merge & 0xffffffff00000000) | <u64>left);
}

function mergeLong(from: usize, length: u32): u32 {
  reserveLong(length);
  symbols = longSymbols;
  const count = spell(from, length, longSymbols);
  queueLength = 0;
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(longNext + (<usize>i << 2), i + 1);
    store<u32>(longPrevious + (<usize>i << 2), i - 1);
    if (i + 1 < count) note(i, i + 1);
    else store<u64>(longMerges + (<usize>i << 3), NONE);
  }
  while (queueLength > 0) {
    const entry = dequeue();
    const left = <u32>entry;
    const merge = load<u64>(longMerges + (<usize>left << 3));
    if (merge >> 32 != entry >> 32 || merge == NONE) continue; // one of the two symbols has changed since
    const right = load<u32>(longNext + (<usize>left << 2));
    const next = load<u32>(longNext + (<usize>right << 2));
    store<u32>(longSymbols + (<usize>left << 2), <u32>merge);
    store<u64>(longMerges + (<usize>right << 3), NONE);
    store<u32>(longNext + (<usize>left << 2), next);
    if (next < count) {
      store<u32>(longPrevious + (<usize>next << 2), left);
      note(left, next);
    } else store<u64>(longMerges + (<usize>left << 3), NONE);
    const before = load<u32>(longPrevious + (<usize>left << 2));
    if (before != u32.MAX_VALUE) note(before, left);
  }
  let alive: u32 = 0;
  for (let i: u32 = 0; i < count; i = load<u32>(longNext + (<usize>i << 2))) {
    store<u32>(longSymbols + (<usize>alive << 2), load<u32>(longSymbols + (<usize>i << 2)));
    alive += 1;
  }
  return alive;
}
