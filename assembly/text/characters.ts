/*
 * Characters of valid UTF-8: their code points, and the classes that pre-tokenizers, normalizers and added tokens ask
 * for.
 */
import { alloc } from './memory';
import { CATEGORIES, CATEGORIES_RANGES, SPACES, SPACES_RANGES, WORDS, WORDS_RANGES } from './unicode';

/** What GPT-2's pre-tokenizer tells apart: the low two bits of a class. */
export const OTHER: u32 = 0;
export const LETTER: u32 = 1;
export const NUMBER: u32 = 2;
export const SPACE: u32 = 3;
export const KIND: u32 = 3;
/** Belongs to one user-perceived character with what stands before it. */
export const EXTENDS: u32 = 4;
/** Ends a user-perceived character: nothing extends it. */
export const CONTROL: u32 = 8;
/** A class is followed by the length of the character in bytes. */
export const LENGTH_SHIFT: u32 = 4;

// General categories, as CATEGORIES numbers them: in alphabetical order of their two letters.
const CC: u32 = 0;
const CF: u32 = 1;
const LL: u32 = 5;
const LU: u32 = 9;
const MC: u32 = 10;
const MN: u32 = 12;
const ND: u32 = 13;
const NO: u32 = 15;
const ZL: u32 = 27;
const ZP: u32 = 28;

/** One byte a code point. */
let classes: usize = 0;

function classOf(category: u32): u32 {
  if (category >= LL && category <= LU) return LETTER;
  if (category >= ND && category <= NO) return NUMBER;
  if (category >= MC && category <= MN) return EXTENDS;
  if (category == CC || category == CF || category == ZL || category == ZP) return CONTROL;
  return OTHER;
}

/** Says of [first, last] whether they extend what stands before them, whatever their category. */
function setExtends(first: u32, last: u32, bits: u32): void {
  for (let code = first; code <= last; code++) {
    store<u8>(classes + code, <u8>((load<u8>(classes + code) & ~(CONTROL | EXTENDS)) | bits));
  }
}

/** Expands the class tables. Call once before anything else here. */
export function openClasses(): void {
  if (classes) return;
  classes = alloc(0x110000);
  for (let i = 0; i < CATEGORIES_RANGES; i++) {
    const entry = load<u32>(CATEGORIES + (<usize>i << 2));
    const first = entry >> 5;
    const next = i + 1 < CATEGORIES_RANGES ? load<u32>(CATEGORIES + (<usize>i << 2), 4) >> 5 : 0x110000;
    memory.fill(classes + first, <u8>classOf(entry & 31), next - first);
  }
  for (let i = 0; i < SPACES_RANGES; i++) {
    const last = load<u32>(SPACES + (<usize>i << 3), 4);
    for (let code = load<u32>(SPACES + (<usize>i << 3)); code <= last; code++) {
      store<u8>(classes + code, <u8>((load<u8>(classes + code) & CONTROL) | SPACE));
    }
  }
  for (let i: usize = 0; i < EXCEPTIONS; i++) {
    const first = load<u32>(exceptions + (i << 3));
    setExtends(first & 0xffffff, load<u32>(exceptions + (i << 3), 4), first >> 24 ? 0 : EXTENDS);
  }
}

/**
 * Ranges whose category does not say whether they extend (Unicode Standard Annex 29). Two Thai and Lao vowels, marks newer
 * than the table, joiners, voiced sound marks, skin tones and tags do; with 1 << 24, marks of Myanmar, Tai Tham and others that
 * do not.
 */
const exceptions: usize = memory.data<u32>([
  0xe33, 0xe33, 0xeb3, 0xeb3, 0x1acf, 0x1add, 0x1ae0, 0x1aeb, 0x200c, 0x200d, 0xff9e, 0xff9f, 0x1f3fb, 0x1f3ff,
  0xe0020, 0xe007f, 0x100102b, 0x102c, 0x1001038, 0x1038, 0x1001062, 0x1064, 0x1001067, 0x106d, 0x1001083, 0x1083,
  0x1001087, 0x108c, 0x100108f, 0x108f, 0x100109a, 0x109c, 0x1001a61, 0x1a61, 0x1001a63, 0x1a64, 0x100aa7b, 0xaa7b,
  0x100aa7d, 0xaa7d, 0x1011720, 0x11721,
]);
const EXCEPTIONS: usize = 21;

/** The code point at `p`, shifted left by 3, with its length in bytes in the low bits. */
export function codePoint(p: usize): u32 {
  const a: u32 = load<u8>(p);
  if (a < 0x80) return (a << 3) | 1;
  const b: u32 = load<u8>(p, 1) & 63;
  if (a < 0xe0) return ((((a & 31) << 6) | b) << 3) | 2;
  const c: u32 = load<u8>(p, 2) & 63;
  if (a < 0xf0) return ((((a & 15) << 12) | (b << 6) | c) << 3) | 3;
  return ((((a & 7) << 18) | (b << 12) | (c << 6) | (load<u8>(p, 3) & 63)) << 3) | 4;
}

/** Bytes of the character that starts with `byte`. */
// @ts-ignore: decorator
@inline export function characterLength(byte: u32): u32 {
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/** Class of the character at `p`, with its length in bytes shifted left by LENGTH_SHIFT. */
// @ts-ignore: decorator
@inline export function classAt(p: usize): u32 {
  const a: u32 = load<u8>(p);
  if (a < 0x80) return <u32>load<u8>(classes + a) | (1 << LENGTH_SHIFT);
  const c = codePoint(p);
  return <u32>load<u8>(classes + (c >> 3)) | ((c & 7) << LENGTH_SHIFT);
}

// @ts-ignore: decorator
@inline export function previous(p: usize): usize {
  do p -= 1;
  while ((load<u8>(p) & 0xc0) == 0x80);
  return p;
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
    if ((classAt(q) & KIND) != SPACE) break;
    p = q;
  }
  return p;
}

/** End of the spaces that start at `p`. */
export function spacesAfter(p: usize, end: usize): usize {
  while (p < end) {
    const c = classAt(p);
    if ((c & KIND) != SPACE) break;
    p += c >> LENGTH_SHIFT;
  }
  return p;
}
