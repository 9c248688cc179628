/*
 * Precompiled: SentencePiece's charsmap. It is a double-array trie (darts-clone) whose values are places in a block of
 * texts, each ended by a 0 byte; before both stands the size of the trie in bytes (u32).
 *
 * Hugging Face looks at user-perceived characters of fewer than 6 bytes first: one that begins with a text of the map
 * is replaced by that text's alone, whatever follows in it. Otherwise each code point is looked up.
 */
import { Buffer } from '../buffer';
import { classAt, codePoint, CONTROL, EXTENDS, LENGTH_SHIFT } from '../characters';
import { alloc, free } from '../memory';

// @ts-ignore: decorator
@unmanaged
export class Charsmap {
  units: usize;
  unitCount: u32;
  texts: usize;
  textsLength: u32;
  /** u8 [128]: whether the map replaces an ASCII character that stands alone. */
  ascii: usize;
}

/** What `find` found: its length in the text, and what takes its place. */
export let foundLength: u32 = 0;
export let foundText: usize = 0;
export let foundTextLength: u32 = 0;

/** A charsmap of `length` bytes, which are kept; 0 when its sizes do not fit. */
export function openCharsmap(from: usize, length: u32): Charsmap {
  const size: u32 = length < 4 ? 0 : load<u32>(from);
  if (!size || size & 3 || size > length - 4) return changetype<Charsmap>(0);
  const map = changetype<Charsmap>(alloc(offsetof<Charsmap>()));
  map.units = from + 4;
  map.unitCount = size >> 2;
  map.texts = from + 4 + size;
  map.textsLength = length - 4 - size;
  map.ascii = alloc(128);
  const probe = alloc(1);
  for (let byte: u32 = 0; byte < 128; byte++) {
    store<u8>(probe, <u8>byte);
    store<u8>(map.ascii + byte, find(map, probe, probe + 1, false) ? 1 : 0);
  }
  free(probe);
  return map;
}

// @ts-ignore: decorator
@inline function offsetIn(unit: u32): u32 {
  return (unit >> 10) << ((unit & (1 << 9)) >> 6);
}

/** Whether the text [p, end) begins with a text of the map; the shortest of them, or the longest. */
export function find(map: Charsmap, p: usize, end: usize, longest: bool): bool {
  const units = map.units;
  const count = map.unitCount;
  let node = offsetIn(load<u32>(units));
  let value: i32 = -1;
  for (let q = p; q < end; q++) {
    const byte: u32 = load<u8>(q);
    node ^= byte;
    if (!byte || node >= count) break;
    const unit = load<u32>(units + (<usize>node << 2));
    if ((unit & 0x800000ff) != byte) break;
    node ^= offsetIn(unit);
    if (node >= count) break;
    if (unit & (1 << 8)) {
      value = load<i32>(units + (<usize>node << 2)) & 0x7fffffff;
      foundLength = <u32>(q + 1 - p);
      if (!longest) break;
    }
  }
  if (value < 0 || <u32>value >= map.textsLength) return false;
  foundText = map.texts + value;
  const last = map.texts + map.textsLength;
  let stop = foundText;
  while (stop < last && load<u8>(stop)) stop += 1;
  foundTextLength = <u32>(stop - foundText);
  return true;
}

/** Arabic and Syriac signs that belong to the character after them. */
function precedes(code: u32): bool {
  return (code >= 0x600 && code <= 0x605) || code == 0x6dd || code == 0x70f;
}

/** End of the user-perceived character at `p`. Those of 6 bytes and more are cut as if they had no rules of their own. */
function graphemeEnd(p: usize, end: usize): usize {
  let c = classAt(p);
  let q = p + (c >> LENGTH_SHIFT);
  if (load<u8>(p) == 0x0d && q < end && load<u8>(q) == 0x0a) return q + 1;
  while (q < end && q == p + 2 && precedes(codePoint(p) >> 3)) {
    p = q;
    c = classAt(q);
    if (c & CONTROL && !precedes(codePoint(q) >> 3)) return q;
    q += c >> LENGTH_SHIFT;
  }
  if (c & CONTROL && !precedes(codePoint(p) >> 3)) return q;
  while (q < end) {
    c = classAt(q);
    if (!(c & EXTENDS)) break;
    q += c >> LENGTH_SHIFT;
  }
  return q;
}

export function replaceByCharsmap(map: Charsmap, from: usize, length: u32, to: Buffer<u8>): void {
  const end = from + length;
  to.reserve(to.length + length);
  for (let p = from; p < end; ) {
    const byte: u32 = load<u8>(p);
    if (byte < 0x80 && byte != 0x0d && (p + 1 == end || load<u8>(p, 1) < 0x80) && !load<u8>(map.ascii + byte)) {
      to.push(<u8>byte);
      p += 1;
      continue;
    }
    const stop = graphemeEnd(p, end);
    if (stop - p < 6 && find(map, p, stop, false)) {
      to.append(foundText, foundTextLength);
      p = stop;
      continue;
    }
    while (p < stop) {
      const next = p + (codePoint(p) & 7);
      if (find(map, p, next, false)) to.append(foundText, foundTextLength);
      else to.append(p, <u32>(next - p));
      p = next;
    }
  }
}
