/*
 * Text -> ids. Added tokens first cut the text into segments, as in Hugging Face tokenizers: those with normalized =
 * false cut the whole text, then the others cut the pieces between. The remaining pieces are cut into words.
 */
import { Buffer } from './buffer';
import { endsWithWord, openClasses, spacesAfter, spacesBefore, startsWithWord, wordEnd } from './pretokenize';
import { equalBytes } from './hash';
import { alloc } from './memory';
import { defineAdded } from './vocabulary';
import { longWord, out, SHORT, shortWord } from './words';

/** Flags of an added token. */
const SINGLE_WORD: u32 = 1;
const LSTRIP: u32 = 2;
const RSTRIP: u32 = 4;
const NORMALIZED: u32 = 8;
/** Matched and then passed over: its text is encoded like any other. */
const AS_TEXT: u32 = 16;

// @ts-ignore: decorator
@unmanaged
class Added {
  text: usize;
  length: u32;
  id: u32;
  flags: u32;
}

/** Pointers to Added, longest text first, so that the first match at a place is the longest. */
let added: Buffer<usize> = changetype<Buffer<usize>>(0);
/** u8 [256]: how many added tokens start with each byte. */
let starts: usize = 0;
/** The one byte that added tokens start with (most often '<'), or -1 when they start with several. */
let onlyStart: i32 = -1;

/** Parts of the text: begin, end and the id of the added token that it is, or -1 for text. */
let segments: Buffer<u32> = changetype<Buffer<u32>>(0);
const SEGMENT_FIELDS: u32 = 3;
let segment: u32 = 0;
let cursor: usize = 0;

export function openEncoder(): void {
  openClasses();
  added = Buffer.create<usize>();
  segments = Buffer.create<u32>();
  starts = alloc(256);
  memory.fill(starts, 0, 256);
}

/** An added token. Keeps `text`. */
export function addToken(id: u32, text: usize, length: u32, flags: u32): void {
  defineAdded(id, text, length);
  const token = changetype<Added>(alloc(offsetof<Added>()));
  token.text = text;
  token.length = length;
  token.id = id;
  token.flags = flags;
  added.push(changetype<usize>(token));
  let place = added.length - 1;
  while (place > 0 && changetype<Added>(added.at(place - 1)).length < length) {
    added.set(place, added.at(place - 1));
    place -= 1;
  }
  added.set(place, changetype<usize>(token));
  const first = load<u8>(text);
  store<u8>(starts + first, 1);
  onlyStart = added.length == 1 || onlyStart == <i32>first ? <i32>first : -1;
}

/** Whether the added token `id` is cut out of texts (the default) or encoded like any other text. */
export function setAsText(id: u32, asText: bool): void {
  for (let i: u32 = 0; i < added.length; i++) {
    const token = changetype<Added>(added.at(i));
    if (token.id == id) token.flags = asText ? token.flags | AS_TEXT : token.flags & ~AS_TEXT;
  }
}

function pushSegment(begin: usize, end: usize, id: i32): void {
  segments.push(<u32>begin);
  segments.push(<u32>end);
  segments.push(<u32>id);
}

/** First place in [p, end) where an added token may start. */
function candidate(p: usize, end: usize): usize {
  if (onlyStart >= 0) {
    const wanted = i8x16.splat(<i8>onlyStart);
    for (; p + 16 <= end; p += 16) {
      const hits = i8x16.bitmask(i8x16.eq(v128.load(p), wanted));
      if (hits) return p + ctz(hits);
    }
  }
  while (p < end && !load<u8>(starts + load<u8>(p))) p += 1;
  return p;
}

/**
 * Cuts [begin, end) at the added tokens whose `normalized` flag is `normalized`; the pieces between are cut at the
 * others.
 */
function cut(begin: usize, end: usize, normalized: u32): void {
  let rest = begin;
  let p = candidate(begin, end);
  while (p < end) {
    let found = changetype<Added>(0);
    for (let i: u32 = 0; i < added.length; i++) {
      const token = changetype<Added>(added.at(i));
      if ((token.flags & NORMALIZED) != normalized || p + token.length > end) continue;
      if (equalBytes(p, token.text, token.length)) {
        found = token;
        break;
      }
    }
    if (!changetype<usize>(found)) {
      p = candidate(p + 1, end);
      continue;
    }
    let from = p;
    let to = p + found.length;
    p = candidate(to, end);
    if (found.flags & AS_TEXT) continue;
    if (found.flags & SINGLE_WORD && (endsWithWord(begin, from) || startsWithWord(to, end))) continue;
    if (found.flags & LSTRIP) from = max(spacesBefore(begin, from), rest);
    if (found.flags & RSTRIP) to = spacesAfter(to, end);
    if (rest < from) leave(rest, from, normalized);
    pushSegment(from, to, <i32>found.id);
    rest = to;
  }
  if (rest < end) leave(rest, end, normalized);
}

function leave(begin: usize, end: usize, normalized: u32): void {
  if (normalized) pushSegment(begin, end, -1);
  else cut(begin, end, NORMALIZED);
}

/**
 * Starts on `length` bytes of UTF-8 at `text`, which must stay until the end and have 16 readable bytes after it.
 */
export function beginEncode(text: usize, length: u32): void {
  segments.length = 0;
  segment = 0;
  cursor = 0;
  out.length = 0;
  out.reserve((length >> 2) + 64);
  if (length) cut(text, text + length, 0);
}

/** Bytes that `prefixSegments` needs. */
export function prefixedLength(): u32 {
  let length: u32 = 16;
  for (let i: u32 = 0; i < segments.length; i += SEGMENT_FIELDS) length += 1 + segments.at(i + 1) - segments.at(i);
  return length;
}

/** add_prefix_space: copies the text segments to `to`, each starting with a space. */
export function prefixSegments(to: usize): void {
  for (let i: u32 = 0; i < segments.length; i += SEGMENT_FIELDS) {
    if (<i32>segments.at(i + 2) >= 0) continue;
    const begin: usize = segments.at(i);
    const length = segments.at(i + 1) - <u32>begin;
    segments.set(i, <u32>to);
    if (load<u8>(begin) != 0x20) {
      store<u8>(to, 0x20);
      to += 1;
    }
    memory.copy(to, begin, length);
    to += length;
    segments.set(i + 1, <u32>to);
  }
}

/**
 * Encodes about `budget` bytes more; true when all is done. Many short calls let the engine optimise this code early.
 */
export function continueEncode(budget: u32): bool {
  while (segment < segments.length) {
    const id = <i32>segments.at(segment + 2);
    const begin: usize = segments.at(segment);
    const end: usize = segments.at(segment + 1);
    if (id >= 0) {
      out.push(<u32>id);
    } else {
      if (cursor < begin || cursor > end) cursor = begin;
      const stop = <usize>min<u64>(<u64>end, <u64>cursor + budget);
      budget -= <u32>(stop - cursor);
      cursor = encodeWords(cursor, end, stop);
      if (cursor < end) return false;
    }
    segment += SEGMENT_FIELDS;
    cursor = 0;
  }
  return true;
}

/** Encodes the words that start in [p, stop) of a text that ends at `end`; returns the end of the last. */
function encodeWords(p: usize, end: usize, stop: usize): usize {
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
