/*
 * Unigram: the pieces whose scores have the greatest sum (Viterbi over the trie of the vocabulary). A character that is
 * no token by itself may be unknown, at a price. Hugging Face adds scores in 64 bits, SentencePiece in 32.
 */
import { Buffer } from './buffer';
import { characterLength } from './characters';
import { Trie } from './trie';
import { byteIds, hasToken, idCount, textLength, textOf } from './vocabulary';

export let isUnigram: bool = false;

let trie: Trie = changetype<Trie>(0);
let scores: usize = 0; // f64 [idCount]
let unknown: i32 = -1;
let unknownScore: f64 = 0;
let fallsBack: bool = false;
let single: bool = false;

// Of each place in the piece: the best sum of scores up to there, where its last token starts (-1: none) and its id.
let bestScore: Buffer<f64> = changetype<Buffer<f64>>(0);
let bestStart: Buffer<i32> = changetype<Buffer<i32>>(0);
let bestId: Buffer<u32> = changetype<Buffer<u32>>(0);

/** The ids of the last `segment`. */
export let path: Buffer<u32> = changetype<Buffer<u32>>(0);

/**
 * `scores` has an f64 for each id and is kept; a token whose score is NaN is never a piece of a text. `unknownId` -1:
 * unknown characters are left out.
 */
export function openUnigram(
  scoresAt: usize, unknownId: i32, priceOfUnknown: f64, byteFallback: bool, singlePrecision: bool,
): void {
  isUnigram = true;
  scores = scoresAt;
  unknown = unknownId;
  unknownScore = priceOfUnknown;
  fallsBack = byteFallback;
  single = singlePrecision;
  trie = Trie.create(1);
  bestScore = Buffer.create<f64>();
  bestStart = Buffer.create<i32>();
  bestId = Buffer.create<u32>();
  path = Buffer.create<u32>();
}

/** Puts ids in [first, last) into the trie. In parts, so that the engine can optimise between calls. */
export function growUnigram(first: u32, last: u32): void {
  for (let id = first; id < min(last, idCount); id++) {
    if (!hasToken(id) || isNaN(scoreOf(id)) || !textLength(id)) continue;
    trie.insert(0, textOf(id), textLength(id), id + 1);
  }
}

// @ts-ignore: decorator
@inline function scoreOf(id: u32): f64 {
  return load<f64>(scores + (<usize>id << 3));
}

// @ts-ignore: decorator
@inline function offer(stop: u32, sum: f64, start: u32, id: u32): void {
  if (single) sum = <f64>(<f32>sum);
  if (bestStart.at(stop) >= 0 && !(sum > bestScore.at(stop))) return;
  bestScore.set(stop, sum);
  bestStart.set(stop, start);
  bestId.set(stop, id);
}

/** Returns the number of ids in `path`. */
export function segment(from: usize, length: u32): u32 {
  bestScore.reserve(length + 1);
  bestStart.reserve(length + 1);
  bestId.reserve(length + 1);
  memory.fill(bestStart.data, 0xff, (<usize>length + 1) << 2);
  bestScore.set(0, 0);
  const end = from + length;
  for (let start: u32 = 0; start < length; ) {
    const p = from + start;
    const width = characterLength(load<u8>(p));
    const before = bestScore.at(start);
    let isToken = false;
    let node: u32 = 0;
    for (let q = p; q < end; ) {
      node = trie.child(node, load<u8>(q));
      if (!node) break;
      q += 1;
      const value = trie.values.at(node);
      if (!value) continue;
      const id = value - 1;
      if (<u32>(q - p) == width) isToken = true;
      offer(<u32>(q - from), before + scoreOf(id), start, id);
    }
    // u32.MAX_VALUE marks the unknown: a token may have the unknown's id and be in the text all the same.
    if (!isToken) offer(start + width, before + unknownScore, start, u32.MAX_VALUE);
    start += width;
  }
  return walkBack(from, length);
}

/** Puts the best path into `path`, from its end, and turns it round. */
function walkBack(from: usize, length: u32): u32 {
  path.length = 0;
  path.reserve(length);
  let wasUnknown = false;
  for (let stop = length; stop > 0; ) {
    const start: u32 = bestStart.at(stop);
    const id = bestId.at(stop);
    if (id != u32.MAX_VALUE) path.push(id);
    else if (fallsBack) for (let i = stop; i > start; i--) path.push(load<u32>(byteIds + (<usize>load<u8>(from + i - 1) << 2)));
    else if (unknown >= 0 && !wasUnknown) path.push(unknown);
    wasUnknown = id == u32.MAX_VALUE;
    stop = start;
  }
  const count = path.length;
  for (let i: u32 = 0; i < count >> 1; i++) {
    const id = path.at(i);
    path.set(i, path.at(count - 1 - i));
    path.set(count - 1 - i, id);
  }
  return count;
}
