/*
 * The normalizer of a SentencePiece model: the longest text of its charsmap at each place is replaced, spaces become
 * U+2581 and, where the model says so, runs of spaces become one, those at the ends go, and the text begins with one.
 */
import { Buffer } from '../buffer';
import { codePoint } from '../characters';
import { Charsmap, find, foundLength, foundText, foundTextLength } from './precompiled';

const REMOVE_EXTRA_SPACES: u32 = 1;
const DUMMY_PREFIX: u32 = 2;
const ESCAPE_SPACES: u32 = 4;
/** The dummy prefix stands at the end. */
const SUFFIX: u32 = 8;

function putSpace(flags: u32, to: Buffer<u8>): void {
  if (!(flags & ESCAPE_SPACES)) {
    to.push(0x20);
    return;
  }
  to.push(0xe2);
  to.push(0x96);
  to.push(0x81);
}

function endsWithSpace(flags: u32, to: Buffer<u8>, from: u32): bool {
  const length = to.length;
  if (!(flags & ESCAPE_SPACES)) return length > from && to.at(length - 1) == 0x20;
  return length >= from + 3 && to.at(length - 3) == 0xe2 && to.at(length - 2) == 0x96 && to.at(length - 1) == 0x81;
}

/** `first`, `last`: whether it starts, ends what is encoded. `before`: it is followed by a symbol of the user's own. */
export function sentencePieceText(
  map: Charsmap, flags: u32, from: usize, length: u32, first: bool, last: bool, before: bool, to: Buffer<u8>,
): void {
  const start = to.length;
  const end = from + length;
  const removes = (flags & REMOVE_EXTRA_SPACES) != 0;
  let afterSpace = first && removes;
  let begun = !first;
  for (let p = from; p < end; ) {
    let text = p;
    let size: u32;
    if (changetype<usize>(map) && find(map, p, end, true)) {
      text = foundText;
      size = foundTextLength;
      p += foundLength;
    } else {
      size = codePoint(p) & 7;
      p += size;
    }
    if (removes && !begun && size == 1 && load<u8>(text) == 0x20) continue;
    if (!begun) {
      begun = true;
      if (flags & DUMMY_PREFIX && !(flags & SUFFIX)) putSpace(flags, to);
    }
    while (afterSpace && size && load<u8>(text) == 0x20) {
      text += 1;
      size -= 1;
    }
    if (!size) continue;
    for (let i: u32 = 0; i < size; i++) {
      const byte = load<u8>(text + i);
      if (byte == 0x20) putSpace(flags, to);
      else to.push(byte);
    }
    afterSpace = removes && load<u8>(text + size - 1) == 0x20;
  }
  // The symbol is text as well, which the prefix stands before.
  if (before && !begun && flags & DUMMY_PREFIX && !(flags & SUFFIX)) putSpace(flags, to);
  if (last && removes) {
    const width: u32 = flags & ESCAPE_SPACES ? 3 : 1;
    while (endsWithSpace(flags, to, start)) to.length -= width;
  }
  if (last && begun && flags & DUMMY_PREFIX && flags & SUFFIX) putSpace(flags, to);
}
