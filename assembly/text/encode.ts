/*
 * Text -> ids. Added tokens first cut the text into segments, as in Hugging Face tokenizers: those with normalized =
 * false cut the whole text, what lies between is normalized, and there the others cut. The rest goes through the
 * pre-tokenizers to the model.
 */
import { Buffer } from './buffer';
import { endsWithWord, openClasses, spacesAfter, spacesBefore, startsWithWord } from './characters';
import { alloc } from './memory';
import { hasNormalizers, isSentencePiece, normalize } from './normalizers/index';
import { continueText, openPreTokenizers, openText } from './preTokenizers/index';
import { Trie } from './trie';
import { defineAdded } from './vocabulary';
import { out } from './words';

/** Flags of an added token. */
const SINGLE_WORD: u32 = 1;
const LSTRIP: u32 = 2;
const RSTRIP: u32 = 4;
const NORMALIZED: u32 = 8;
/** Matched and then passed over: its text is encoded like any other. */
const AS_TEXT: u32 = 16;
/** No special token: to SentencePiece it is a part of the text, which begins before it and ends after it. */
const OWN: u32 = 32;

// @ts-ignore: decorator
@unmanaged
class Added {
  id: u32;
  flags: u32;
}

/** Pointers to Added. */
let added: Buffer<usize> = changetype<Buffer<usize>>(0);

/** Which texts a cut looks for: the roots of the trie. */
const AS_WRITTEN: u32 = 0;
const AS_NORMALIZED: u32 = 1;
/** Texts of added tokens -> their place in `added` + 1. */
let trie: Trie = changetype<Trie>(0);
/** u8 [2, 256]: for each root, whether a text starts with a byte. */
let starts: usize = 0;
/** i32 [2]: the one byte that all texts start with (most often '<'), -1 for several, -2 for no text. */
let onlyStart: usize = 0;

/**
 * Parts of the text: begin, end and the id of the added token that it is, or TEXT, or FIRST_TEXT at the start, or
 * FIRST_BEFORE_OWN for that with a symbol of the user's own behind it, which may be empty.
 */
let segments: Buffer<u32> = changetype<Buffer<u32>>(0);
const SEGMENT_FIELDS: u32 = 3;
const TEXT: i32 = -1;
const FIRST_TEXT: i32 = -2;
const FIRST_BEFORE_OWN: i32 = -3;
let segment: u32 = 0;
let isOpen: bool = false;

/** The segments before they are normalized, and the texts afterwards. */
let written: Buffer<u32> = changetype<Buffer<u32>>(0);
let normalized: Buffer<u8> = changetype<Buffer<u8>>(0);

/** Before normalizers, pre-tokenizers and added tokens are defined. */
export function openEncoder(): void {
  openClasses();
  openPreTokenizers();
  added = Buffer.create<usize>();
  segments = Buffer.create<u32>();
  written = Buffer.create<u32>();
  normalized = Buffer.create<u8>();
  trie = Trie.create(2);
  starts = alloc(512);
  memory.fill(starts, 0, 512);
  onlyStart = alloc(8);
  store<i32>(onlyStart, -2);
  store<i32>(onlyStart, -2, 4);
}

/** An added token. Keeps `text`. Where texts are normalized, so is the token's: it is found and decoded by that. */
export function addToken(id: u32, text: usize, length: u32, flags: u32): void {
  let root = AS_WRITTEN;
  if (flags & NORMALIZED) {
    root = AS_NORMALIZED;
    if (hasNormalizers()) {
      normalized.length = 0;
      normalize(text, length, normalized, true, true, false);
      length = normalized.length;
      text = alloc(<u64>length + 8);
      memory.copy(text, normalized.data, length);
    }
  }
  defineAdded(id, text, length);
  if (!length) return;
  const token = changetype<Added>(alloc(offsetof<Added>()));
  token.id = id;
  token.flags = flags;
  added.push(changetype<usize>(token));
  trie.insert(root, text, length, added.length);
  const first: i32 = load<u8>(text);
  store<u8>(starts + (root << 8) + first, 1);
  const only = onlyStart + (root << 2);
  store<i32>(only, load<i32>(only) == -2 || load<i32>(only) == first ? first : -1);
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
function candidate(p: usize, end: usize, root: u32): usize {
  const only = load<i32>(onlyStart + (root << 2));
  if (only == -2) return end;
  if (only >= 0) {
    const wanted = i8x16.splat(<i8>only);
    for (; p + 16 <= end; p += 16) {
      const hits = i8x16.bitmask(i8x16.eq(v128.load(p), wanted));
      if (hits) return p + ctz(hits);
    }
  }
  const table = starts + (root << 8);
  while (p < end && !load<u8>(table + load<u8>(p))) p += 1;
  return p;
}

/** Cuts [begin, end) at the added tokens under `root`. `text`: what the pieces between are. */
function cut(begin: usize, end: usize, root: u32, text: i32): void {
  const isWhole = root == AS_WRITTEN && isSentencePiece();
  let rest = begin;
  // Where the run of spaces ends that was looked through last: many tokens may stand in one run.
  let spacesEnd = begin;
  let p = candidate(begin, end, root);
  while (p < end) {
    let found: u32 = 0;
    let to = p;
    let node = root;
    for (let q = p; q < end; ) {
      node = trie.child(node, load<u8>(q));
      if (!node) break;
      q += 1;
      if (!trie.values.at(node)) continue;
      found = trie.values.at(node);
      to = q;
    }
    if (!found) {
      p = candidate(p + 1, end, root);
      continue;
    }
    const token = changetype<Added>(added.at(found - 1));
    let from = p;
    p = candidate(to, end, root);
    if (token.flags & AS_TEXT) continue;
    if (token.flags & SINGLE_WORD && (endsWithWord(begin, from) || startsWithWord(to, end))) continue;
    if (token.flags & LSTRIP) from = from > rest ? spacesBefore(rest, from) : rest;
    if (token.flags & RSTRIP) {
      if (to >= spacesEnd) spacesEnd = spacesAfter(to, end);
      to = spacesEnd;
    }
    const isOwn = isWhole && (token.flags & OWN) != 0;
    if (isOwn && rest == begin) pushSegment(rest, from, FIRST_BEFORE_OWN);
    else if (rest < from) pushSegment(rest, from, rest == begin ? text : TEXT);
    pushSegment(from, to, <i32>token.id);
    rest = to;
    if (isOwn && to == end) pushSegment(end, end, TEXT);
  }
  if (rest < end) pushSegment(rest, end, rest == begin ? text : TEXT);
}

/**
 * Starts on `length` bytes of UTF-8 at `text`, which must stay until the end and have 16 readable bytes after it.
 */
export function beginEncode(text: usize, length: u32): void {
  segments.length = 0;
  segment = 0;
  isOpen = false;
  out.length = 0;
  out.reserve((length >> 2) + 64);
  if (!length) return;
  cut(text, text + length, AS_WRITTEN, FIRST_TEXT);
  const normalizes = hasNormalizers();
  if (!normalizes && load<i32>(onlyStart, 4) == -2) return;
  const parts = written;
  written = segments;
  segments = parts;
  segments.length = 0;
  if (normalizes) normalizeAll();
  for (let i: u32 = 0; i < written.length; i += SEGMENT_FIELDS) {
    const id = <i32>written.at(i + 2);
    if (id >= 0) pushSegment(written.at(i), written.at(i + 1), id);
    else cut(written.at(i), written.at(i + 1), AS_NORMALIZED, id);
  }
}

/** Puts the texts among the written segments in normal form into one buffer, and points the segments there. */
function normalizeAll(): void {
  normalized.length = 0;
  const length = written.length;
  for (let i: u32 = 0; i < length; i += SEGMENT_FIELDS) {
    const id = <i32>written.at(i + 2);
    if (id >= 0) continue;
    const begin: usize = written.at(i);
    const from = normalized.length;
    const isLast = i + SEGMENT_FIELDS == length;
    const size = written.at(i + 1) - <u32>begin;
    normalize(begin, size, normalized, id <= FIRST_TEXT, isLast, id == FIRST_BEFORE_OWN);
    written.set(i, from);
    written.set(i + 1, normalized.length);
  }
  normalized.reserve(normalized.length + 16);
  for (let i: u32 = 0; i < length; i += SEGMENT_FIELDS) {
    if (<i32>written.at(i + 2) >= 0) continue;
    written.set(i, <u32>normalized.data + written.at(i));
    written.set(i + 1, <u32>normalized.data + written.at(i + 1));
  }
}

/**
 * Encodes about `budget` bytes more; true when all is done. Many short calls let the engine optimise this code early.
 */
export function continueEncode(budget: u32): bool {
  while (segment < segments.length) {
    const id = <i32>segments.at(segment + 2);
    if (id >= 0) out.push(<u32>id);
    else if (segments.at(segment) < segments.at(segment + 1)) {
      if (!isOpen) openText(segments.at(segment), segments.at(segment + 1), id <= FIRST_TEXT);
      isOpen = true;
      budget = continueText(budget);
      if (!budget) return false;
    }
    segment += SEGMENT_FIELDS;
    isOpen = false;
  }
  return true;
}
