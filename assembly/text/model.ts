/*
 * What turns a piece of text into ids: BPE over bytes, BPE over characters, or Unigram. The word tables remember what a
 * piece gave.
 */
import { cutJoined, isCut, mergeWord, openCut, symbols } from './merges';
import { isUnigram, path, segment } from './unigram';
import { longWord, out, SHORT, shortWord } from './words';

/** u32: the ids of the last `tokenize`. */
export let ids: usize = 0;

/** Returns the number of `ids`. */
export function tokenize(from: usize, length: u32): u32 {
  if (isUnigram) {
    const count = segment(from, length);
    ids = path.data;
    return count;
  }
  const count = mergeWord(from, length);
  ids = symbols;
  return count;
}

/** Encodes a piece that the tables may know. 16 bytes after it are readable. */
// @ts-ignore: decorator
@inline export function encodeWord(p: usize, length: u32): void {
  if (out.length + length > out.capacity) out.reserve(out.length + length);
  if (length <= SHORT) shortWord(p, v128.load(p), length);
  else longWord(p, length);
}

export function encodePiece(p: usize, end: usize): void {
  openCut();
  encodeSome(p, end, end);
}

/** Encodes what can be cut off from [p, stop) of a piece that ends at `end`; returns where it got to. */
export function encodeSome(p: usize, end: usize, stop: usize): usize {
  if (isCut) return cutJoined(p, end, stop);
  if (p < end) encodeWord(p, <u32>(end - p));
  return end;
}
