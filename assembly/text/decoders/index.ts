/*
 * Ids -> text. Byte-level tokens are bytes, one after another. Otherwise the texts of the tokens go through a list of
 * steps. What was decoded can go on: `seen` is all that a step need know of what came before.
 */
import { Buffer } from '../buffer';
import { alloc } from '../memory';
import { bytesLength, bytesOf, hasToken, isByteToken } from '../vocabulary';
import { joinBytes } from './byteFallback';
import { spaceOut } from './metaspace';
import { replaceIn } from './replace';
import { stripEnds } from './strip';
import { TokenList } from './tokenList';

const REPLACE: u32 = 0;
const BYTE_FALLBACK: u32 = 1;
const FUSE: u32 = 2;
const STRIP: u32 = 3;
const METASPACE: u32 = 4;

// @ts-ignore: decorator
@unmanaged
class Decoder {
  kind: u32;
  text: usize;
  length: u32;
  automaton: u32;
  start: u32;
  stop: u32;
}

// What was seen before: tokens; text, of what was fused; and how much was stripped from the start of that.
const SEEN: u32 = 1;
const BEGUN: u32 = 2;
const STRIPPED_SHIFT: u32 = 2;

let steps: Buffer<usize> = changetype<Buffer<usize>>(0);
let even: TokenList = changetype<TokenList>(0);
let odd: TokenList = changetype<TokenList>(0);
/** Byte tokens at the end may belong together with those that follow. */
let holdsBytes: bool = false;

/** The text of the last call. */
export let decoded: Buffer<u8> = changetype<Buffer<u8>>(0);
/** Ids at the end of the last call that it left for the next. */
export let heldBack: u32 = 0;

export function openDecoder(): void {
  steps = Buffer.create<usize>();
  decoded = Buffer.create<u8>();
  even = TokenList.create();
  odd = TokenList.create();
}

function add(kind: u32, text: usize, length: u32): Decoder {
  const step = changetype<Decoder>(alloc(offsetof<Decoder>()));
  step.kind = kind;
  step.text = text;
  step.length = length;
  steps.push(changetype<usize>(step));
  return step;
}

/** Each match of an automaton becomes `text`, which is kept. */
export function addReplaceDecoder(automaton: u32, text: usize, length: u32): void {
  add(REPLACE, text, length).automaton = automaton;
}
export function addByteFallbackDecoder(): void {
  add(BYTE_FALLBACK, 0, 0);
  holdsBytes = true;
}
export function addFuseDecoder(): void {
  add(FUSE, 0, 0);
}
/** Up to `start` times `text`, one character, goes from the start of each token, and up to `stop` times from its end. */
export function addStripDecoder(text: usize, length: u32, start: u32, stop: u32): void {
  const step = add(STRIP, text, length);
  step.start = start;
  step.stop = stop;
}
/** `text`, one character, becomes a space, and goes from the first token where `strips`. */
export function addMetaspaceDecoder(text: usize, length: u32, strips: bool): void {
  add(METASPACE, text, length).start = strips ? 1 : 0;
}

/**
 * Decodes `count` ids (u32 at `ids`). An id without a token adds nothing. `seen`: what this function returned for the
 * ids before, 0 at the start. `isLast`: no ids follow; otherwise some at the end may be held back.
 */
export function decode(ids: usize, count: u32, seen: u32, isLast: bool): u32 {
  decoded.length = 0;
  heldBack = 0;
  if (!steps.length) {
    for (let i: u32 = 0; i < count; i++) {
      const id = load<u32>(ids + (<usize>i << 2));
      if (hasToken(id)) decoded.append(bytesOf(id), bytesLength(id));
    }
    return 1;
  }
  if (holdsBytes && !isLast) {
    while (heldBack < count) {
      const id = load<u32>(ids + (<usize>(count - 1 - heldBack) << 2));
      if (hasToken(id) && !isByteToken(id)) break;
      heldBack += 1;
    }
    count -= heldBack;
  }
  let from = even;
  let to = odd;
  from.clear();
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize>i << 2));
    if (!hasToken(id)) continue;
    from.bytes.append(bytesOf(id), bytesLength(id));
    from.close();
  }
  if (!from.ends.length) return seen;
  let isFused = false;
  for (let i: u32 = 0; i < steps.length; i++) {
    const step = changetype<Decoder>(steps.at(i));
    to.clear();
    if (step.kind == REPLACE) replaceIn(step.automaton, step.text, step.length, from, to);
    else if (step.kind == BYTE_FALLBACK) joinBytes(from, to);
    else if (step.kind == METASPACE) spaceOut(step.text, step.length, step.start != 0 && !seen, from, to);
    else if (step.kind == STRIP) {
      if (isFused) seen = stripStart(step, seen, from, to);
      else stripEnds(step.text, step.length, step.start, step.stop, from, to);
    } else {
      isFused = true;
      to.bytes.append(from.bytes.data, from.bytes.length);
      to.close();
    }
    const made = to;
    to = from;
    from = made;
  }
  decoded.append(from.bytes.data, from.bytes.length);
  return seen | SEEN;
}

/** Strips what was fused to one token, whose start may lie in earlier calls. Returns what is seen of it. */
function stripStart(step: Decoder, seen: u32, from: TokenList, to: TokenList): u32 {
  const stripped = seen >> STRIPPED_SHIFT;
  stripEnds(step.text, step.length, seen & BEGUN ? 0 : step.start - min(stripped, step.start), step.stop, from, to);
  if (to.bytes.length) return seen | BEGUN;
  return seen + ((from.bytes.length / step.length) << STRIPPED_SHIFT);
}
