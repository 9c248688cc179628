/* Normalizers: what changes a text before it is cut into words. A list of steps, each from one buffer to another. */
import { Buffer } from '../buffer';
import { alloc } from '../memory';
import { Charsmap, openCharsmap, replaceByCharsmap } from './precompiled';
import { prepend } from './prepend';
import { replace } from './replace';
import { sentencePieceText } from './sentencePiece';
import { strip } from './strip';
import { unicodeForm } from './unicodeForm';

const PREPEND: u32 = 0;
const REPLACE: u32 = 1;
const STRIP: u32 = 2;
const PRECOMPILED: u32 = 3;
const UNICODE_FORM: u32 = 4;
const SENTENCE_PIECE: u32 = 5;

// @ts-ignore: decorator
@unmanaged
class Normalizer {
  kind: u32;
  text: usize;
  length: u32;
  number: u32;
  charsmap: Charsmap;
}

let steps: Buffer<usize> = changetype<Buffer<usize>>(0);
let even: Buffer<u8> = changetype<Buffer<u8>>(0);
let odd: Buffer<u8> = changetype<Buffer<u8>>(0);

function add(kind: u32, text: usize, length: u32, number: u32): Normalizer {
  if (!changetype<usize>(steps)) {
    steps = Buffer.create<usize>();
    even = Buffer.create<u8>();
    odd = Buffer.create<u8>();
  }
  const step = changetype<Normalizer>(alloc(offsetof<Normalizer>()));
  step.kind = kind;
  step.text = text;
  step.length = length;
  step.number = number;
  step.charsmap = changetype<Charsmap>(0);
  steps.push(changetype<usize>(step));
  return step;
}

/** Puts `text` before a text. Keeps `text`. */
export function addPrepend(text: usize, length: u32): void {
  add(PREPEND, text, length, 0);
}

/** Puts `text` in place of each match of an automaton. Keeps `text`. */
export function addReplace(automaton: u32, text: usize, length: u32): void {
  add(REPLACE, text, length, automaton);
}

export function addStrip(left: bool, right: bool): void {
  add(STRIP, 0, 0, (left ? 1 : 0) | (right ? 2 : 0));
}

/** A charsmap of SentencePiece, as Hugging Face applies it. Keeps it. False when it is malformed. */
export function addPrecompiled(charsmap: usize, length: u32): bool {
  const map = openCharsmap(charsmap, length);
  if (!changetype<usize>(map)) return false;
  add(PRECOMPILED, 0, 0, 0).charsmap = map;
  return true;
}

/** NFC (0), NFD (1), NFKC (2), NFKD (3). */
export function addUnicodeForm(form: u32): void {
  add(UNICODE_FORM, 0, 0, form);
}

/** The whole of SentencePiece's normalizer. `flags` as sentencePiece.ts has them; length 0: no charsmap. */
export function addSentencePiece(charsmap: usize, length: u32, flags: u32): bool {
  const map = length ? openCharsmap(charsmap, length) : changetype<Charsmap>(0);
  if (length && !changetype<usize>(map)) return false;
  add(SENTENCE_PIECE, 0, 0, flags).charsmap = map;
  return true;
}

export function hasNormalizers(): bool {
  return changetype<usize>(steps) != 0;
}

/** Whether texts are normalized as SentencePiece does it: symbols of the user's own are parts of the text. */
export function isSentencePiece(): bool {
  return hasNormalizers() && changetype<Normalizer>(steps.at(0)).kind == SENTENCE_PIECE;
}

/**
 * Appends the normalized text to `to`. `first`, `last`: whether it starts, ends what is encoded. `before`: it is followed
 * by a symbol of the user's own.
 */
export function normalize(
  from: usize, length: u32, to: Buffer<u8>, first: bool, last: bool, before: bool,
): void {
  const count = steps.length;
  for (let i: u32 = 0; i < count; i++) {
    const step = changetype<Normalizer>(steps.at(i));
    const target = i + 1 == count ? to : i & 1 ? odd : even;
    if (i + 1 < count) target.length = 0;
    if (step.kind == PREPEND) prepend(step.text, step.length, from, length, target);
    else if (step.kind == REPLACE) replace(step.number, step.text, step.length, from, length, target);
    else if (step.kind == STRIP) strip((step.number & 1) != 0, (step.number & 2) != 0, from, length, target);
    else if (step.kind == PRECOMPILED) replaceByCharsmap(step.charsmap, from, length, target);
    else if (step.kind == UNICODE_FORM) unicodeForm(step.number, from, length, target);
    else sentencePieceText(step.charsmap, step.number, from, length, first, last, before, target);
    from = target.data;
    length = target.length;
  }
}
