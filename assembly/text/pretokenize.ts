/*
 * GPT-2's pre-tokenizer by hand over valid UTF-8:
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 */
import { alloc } from './memory';
import {
  LETTERS, LETTERS_RANGES, NUMBERS, NUMBERS_RANGES, SPACES, SPACES_RANGES, WORDS, WORDS_RANGES,
} from './unicode';

const OTHER: u32 = 0;
const LETTER: u32 = 1;
const NUMBER: u32 = 2;
const SPACE: u32 = 3;

/** One byte a code point. */
let classes: usize = 0;

function fill(ranges: usize, count: i32, value: u32): void {
  for (let i = 0; i < count; i++, ranges += 8) {
    const first: usize = load<u32>(ranges);
    const last: usize = load<u32>(ranges, 4);
    memory.fill(classes + first, <u8>value, last - first + 1);
  }
}

/** Expands the class tables. Call once before anything else here. */
export function openClasses(): void {
  if (classes) return;
  classes = alloc(0x110000);
  memory.fill(classes, <u8>OTHER, 0x110000);
  fill(LETTERS, LETTERS_RANGES, LETTER);
  fill(NUMBERS, NUMBERS_RANGES, NUMBER);
  fill(SPACES, SPACES_RANGES, SPACE);
}

/** The code point at `p`, shifted left by 3, with its length in bytes in the low bits. */
function codePoint(p: usize): u32 {
  const a: u32 = load<u8>(p);
  if (a < 0x80) return (a << 3) | 1;
  const b: u32 = load<u8>(p, 1) & 63;
  if (a < 0xe0) return ((((a & 31) << 6) | b) << 3) | 2;
  const c: u32 = load<u8>(p, 2) & 63;
  if (a < 0xf0) return ((((a & 15) << 12) | (b << 6) | c) << 3) | 3;
  return ((((a & 7) << 18) | (b << 12) | (c << 6) | (load<u8>(p, 3) & 63)) << 3) | 4;
}

/** Class of the character at `p`, with its length in bytes shifted left by 2. */
// @ts-ignore: decorator
@inline function classAt(p: usize): u32 {
  const a: u32 = load<u8>(p);
  if (a < 0x80) return <u32>load<u8>(classes + a) | (1 << 2);
  const c = codePoint(p);
  return <u32>load<u8>(classes + (c >> 3)) | ((c & 7) << 2);
}

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
    if ((next & 3) != SPACE) {
      p += 1;
      current = next;
    }
  }
  const kind = current & 3;
  let last: usize;
  do {
    last = p;
    p += current >> 2;
    if (p >= end) return p;
    current = classAt(p);
  } while ((current & 3) == kind);
  // \s+(?!\S): a run of spaces leaves its last character to the word that follows, unless it has only that one.
  return kind == SPACE && last > at ? last : p;
}

function isWord(code: u32): bool {
  let low = 0;
  let high = WORDS_RANGES;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u32>(WORDS + (<usize>middle << 3), 4) < code) low = middle + 1;
    else high = middle;
  }
  return low < WORDS_RANGES && load<u32>(WORDS + (<usize>low << 3)) <= code;
}

// @ts-ignore: decorator
@inline function previous(p: usize): usize {
  do p -= 1;
  while ((load<u8>(p) & 0xc0) == 0x80);
  return p;
}

export function startsWithWord(p: usize, end: usize): bool {
  return p < end && isWord(codePoint(p) >> 3);
}

export function endsWithWord(begin: usize, p: usize): bool {
  return p > begin && isWord(codePoint(previous(p)) >> 3);
}

/** Start of the spaces that end at `p`. */
export function spacesBefore(begin: usize, p: usize): usize {
  while (p > begin) {
    const q = previous(p);
    if ((classAt(q) & 3) != SPACE) break;
    p = q;
  }
  return p;
}

/** End of the spaces that start at `p`. */
export function spacesAfter(p: usize, end: usize): usize {
  while (p < end) {
    const c = classAt(p);
    if ((c & 3) != SPACE) break;
    p += c >> 2;
  }
  return p;
}
