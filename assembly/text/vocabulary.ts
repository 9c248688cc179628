/*
 * Every token id has a text (as in the files) and the bytes that it decodes to. Unused ids have no text. Ids are below
 * 2^24 (the caller checks), so that a word's id and its flags fit one word of the word table.
 */
import { powerOfTwo } from './buffer';
import { openByteLevel, tokenBytes } from './byteLevel';
import { equalBytes, hashBytes } from './hash';
import { alloc, free } from './memory';

export let idCount: u32 = 0;
let texts: usize = 0; // u32 [idCount]: where the text starts
let textLengths: usize = 0; // i32 [idCount]: bytes of text, -1 for an unused id
let blobs: usize = 0; // u32 [idCount]: where the bytes start
let blobLengths: usize = 0; // u32 [idCount]
let spelt: usize = 0; // u8 [idCount]: 1 for a token of the model that is spelt in the byte alphabet
let heads: usize = 0; // u32 [headsMask + 1]: text hash -> id + 1; of byte-level BPE only while merges are read
let headsMask: u32 = 0;
/** Tokens are spelt in the byte alphabet; otherwise in characters, and a token <0x0A> is a byte. */
export let isByteLevel: bool = false;

/** i32 [256]: id of each byte's own token, -1 where the vocabulary lacks it. */
export let byteIds: usize = 0;

// @ts-ignore: decorator
@inline export function hasToken(id: u32): bool {
  return id < idCount && load<i32>(textLengths + (<usize>id << 2)) >= 0;
}
// @ts-ignore: decorator
@inline export function textOf(id: u32): usize {
  return load<u32>(texts + (<usize>id << 2));
}
// @ts-ignore: decorator
@inline export function textLength(id: u32): u32 {
  return load<u32>(textLengths + (<usize>id << 2));
}
// @ts-ignore: decorator
@inline export function bytesOf(id: u32): usize {
  return load<u32>(blobs + (<usize>id << 2));
}
// @ts-ignore: decorator
@inline export function bytesLength(id: u32): u32 {
  return load<u32>(blobLengths + (<usize>id << 2));
}
// @ts-ignore: decorator
@inline export function isSpelt(id: u32): bool {
  return load<u8>(spelt + id) != 0;
}

/** Room for ids below `count`. */
export function openVocabulary(count: u32, byteLevel: bool): void {
  if (byteLevel) openByteLevel();
  isByteLevel = byteLevel;
  idCount = count;
  texts = alloc(<u64>count << 2);
  textLengths = alloc(<u64>count << 2);
  blobs = alloc(<u64>count << 2);
  blobLengths = alloc(<u64>count << 2);
  spelt = alloc(count);
  memory.fill(textLengths, 0xff, <usize>count << 2);
  memory.fill(spelt, 0, count);
  byteIds = alloc(256 * 4);
  memory.fill(byteIds, 0xff, 256 * 4);
}

/**
 * Gives id its text, and writes the bytes that the text spells to `to`, where it spells any. Returns the result of
 * `tokenBytes`.
 */
function define(id: u32, text: usize, length: u32, to: usize): i32 {
  let count = <i32>length;
  if (isByteLevel) count = tokenBytes(text, length, to);
  else to = text;
  store<u32>(texts + (<usize>id << 2), <u32>text);
  store<u32>(textLengths + (<usize>id << 2), length);
  store<u32>(blobs + (<usize>id << 2), <u32>to);
  store<u32>(blobLengths + (<usize>id << 2), count < 0 ? -1 - count : count);
  return count;
}

/** A token outside the model's vocabulary: never the result of merges. Keeps `text`. */
export function defineAdded(id: u32, text: usize, length: u32): void {
  if (!hasToken(id)) define(id, text, length, isByteLevel ? alloc(length + 8) : 0);
}

/**
 * The model's vocabulary: `count` texts, each ended by a 0 byte, and their ids (u32). Keeps `text`.
 * Returns -1, or the index of the first entry whose id is already taken, or `count` when the zeros do not fit.
 */
export function defineModel(text: usize, length: u32, ids: usize, count: u32): i32 {
  headsMask = powerOfTwo(count + (count >> 1) + 1) - 1;
  heads = alloc(<u64>(headsMask + 1) << 2);
  memory.fill(heads, 0, <usize>(headsMask + 1) << 2);
  let to = alloc(length + 8);
  let p = text;
  const end = text + length;
  for (let i: u32 = 0; i < count; i++) {
    let stop = p;
    while (stop < end && load<u8>(stop)) stop += 1;
    if (stop >= end) return <i32>count;
    const id = load<u32>(ids + (<usize>i << 2));
    if (hasToken(id)) return <i32>i;
    const size = <u32>(stop - p);
    const bytes = define(id, p, size, to);
    if (bytes >= 0) store<u8>(spelt + id, 1);
    if (isByteLevel) {
      if (bytes == 1) store<i32>(byteIds + (<usize>load<u8>(to) << 2), <i32>id);
      to += bytesLength(id);
    } else {
      const byte = byteNamed(p, size);
      if (byte >= 0) store<i32>(byteIds + (<usize>byte << 2), <i32>id);
    }
    let slot = hashBytes(p, size) & headsMask;
    while (load<u32>(heads + (<usize>slot << 2))) slot = (slot + 1) & headsMask;
    store<u32>(heads + (<usize>slot << 2), id + 1);
    p = stop + 1;
  }
  return p == end ? -1 : <i32>count;
}

// @ts-ignore: decorator
@inline function hexDigit(byte: u32): i32 {
  return byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : -1;
}

/** The byte that a text like <0x0A> names, or -1. */
export function byteNamed(text: usize, length: u32): i32 {
  if (length != 6 || load<u8>(text, 5) != 0x3e || (load<u32>(text) & 0xffffff) != 0x78303c) return -1;
  const high = hexDigit(load<u8>(text, 3));
  const low = hexDigit(load<u8>(text, 4));
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}

/** Whether a token is called like <0x0A>. */
export function isByteToken(id: u32): bool {
  return byteNamed(textOf(id), textLength(id)) >= 0;
}

/** Id of a text of the model's vocabulary, or -1. Only until `closeLookup`. */
export function lookup(text: usize, length: u32): i32 {
  let slot = hashBytes(text, length) & headsMask;
  while (true) {
    const head = load<u32>(heads + (<usize>slot << 2));
    if (!head) return -1;
    const id = head - 1;
    if (textLength(id) == length && equalBytes(textOf(id), text, length)) return <i32>id;
    slot = (slot + 1) & headsMask;
  }
}

export function closeLookup(): void {
  if (heads) free(heads);
  heads = 0;
}
