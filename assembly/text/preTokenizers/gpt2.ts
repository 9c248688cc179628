/*
 * GPT-2's pre-tokenizer by hand over valid UTF-8:
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 */
import { classAt, KIND, LENGTH_SHIFT, SPACE } from '../characters';
import { out, SHORT, longWord, shortWord } from '../words';

/** Length of the contraction ('s, 'll, ...) that starts at the apostrophe at `p`, or 0. */
function contraction(p: usize, end: usize): usize {
  if (p + 2 > end) return 0;
  const a = load<u8>(p, 1);
  if (a == 0x73 /* s */ || a == 0x74 /* t */ || a == 0x6d /* m */ || a == 0x64 /* d */) return 2;
  if (p + 3 > end) return 0;
  const b = load<u8>(p, 2);
  if (b == 0x65 /* e */) return a == 0x72 /* r */ || a == 0x76 /* v */ ? 3 : 0;
  return a == 0x6c && b == 0x6c /* ll */ ? 3 : 0;
}

/** End of the pre-token that starts at `at`; `at < end`. */
export function wordEnd(at: usize, end: usize): usize {
  let p = at;
  let current = classAt(p);
  const first = load<u8>(p);
  if (first == 0x27) {
    const length = contraction(p, end);
    if (length) return p + length;
  } else if (first == 0x20 && p + 1 < end) {
    const next = classAt(p + 1);
    if ((next & KIND) != SPACE) {
      p += 1;
      current = next;
    }
  }
  const kind = current & KIND;
  let last: usize;
  do {
    last = p;
    p += current >> LENGTH_SHIFT;
    if (p >= end) return p;
    current = classAt(p);
  } while ((current & KIND) == kind);
  // \s+(?!\S): a run of spaces leaves its last character to the word that follows, unless it has only that one.
  return kind == SPACE && last > at ? last : p;
}

/** Encodes the words that start in [p, stop) of a text that ends at `end`; returns the end of the last. */
export function encodeGpt2Words(p: usize, end: usize, stop: usize): usize {
  const a = i8x16.splat(0x61);
  const alphabet = i8x16.splat(26);
  const small = i8x16.splat(0x20);
  while (p < stop) {
    // A run of ASCII letters, with or without a space before it, that ends inside one vector.
    const bytes = v128.load(p);
    let letters = i8x16.bitmask(i8x16.lt_u(i8x16.sub(v128.or(bytes, small), a), alphabet));
    if (load<u8>(p) == 0x20) letters |= (letters >> 1) & 1;
    let length = <u32>ctz(~letters);
    const nonAscii = i8x16.bitmask(bytes);
    if (length == 0 || length == 16 || (nonAscii >> length) & 1 || p + length > end) {
      length = <u32>(wordEnd(p, end) - p);
    }
    if (out.length + length > out.capacity) out.reserve(out.length + length);
    if (length <= SHORT) shortWord(p, bytes, length);
    else longWord(p, length);
    p += length;
  }
  return p;
}
