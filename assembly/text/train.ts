/*
 * Byte-level BPE training with the result of Hugging Face's BpeTrainer: pairs by count, then by the ids of left and
 * right. Counts of pairs are kept up to date merge by merge: a merge visits only the words that hold its pair.
 *
 * Ids: the caller's special tokens, then the 256 bytes in the order of their characters, then merges.
 */
import { Buffer, powerOfTwo } from './buffer';
import { openClasses } from './characters';
import { equalBytes, hash64, hashBytes } from './hash';
import { wordEnd } from './preTokenizers/gpt2';

// Words: distinct pre-tokens. Of those that are spelt, `wordAt` is the index of the first symbol.
let wordTable: Buffer<u32> = changetype<Buffer<u32>>(0); // hash slots: word + 1
let wordAt: Buffer<u32> = changetype<Buffer<u32>>(0);
let wordLength: Buffer<u32> = changetype<Buffer<u32>>(0);
let wordHash: Buffer<u32> = changetype<Buffer<u32>>(0);
let wordCount: Buffer<u64> = changetype<Buffer<u64>>(0);
let wordBytes: Buffer<u8> = changetype<Buffer<u8>>(0);
let symbols: Buffer<u32> = changetype<Buffer<u32>>(0);
let spelt: u32 = 0; // words whose symbols are there

// Tokens: their bytes, so that two ways to the same token give one id.
let tokenAt: Buffer<u32> = changetype<Buffer<u32>>(0);
let tokenLength: Buffer<u32> = changetype<Buffer<u32>>(0);
let tokenTable: Buffer<u32> = changetype<Buffer<u32>>(0); // hash slots: token + 1
let tokenBytes: Buffer<u8> = changetype<Buffer<u8>>(0);

// Pairs: left << 32 | right, how often they occur, and the words of the current merge where they are new.
let pairTable: Buffer<u32> = changetype<Buffer<u32>>(0); // hash slots: pair + 1
let pairKey: Buffer<u64> = changetype<Buffer<u64>>(0);
let pairCount: Buffer<i64> = changetype<Buffer<i64>>(0);
let pairNews: Buffer<u32> = changetype<Buffer<u32>>(0); // head of a list in nodes, 0: none
let touched: Buffer<u32> = changetype<Buffer<u32>>(0); // pairs with news

// Lists of words: nodes of (word, next); node 0 ends a list.
let nodeWord: Buffer<u32> = changetype<Buffer<u32>>(0);
let nodeNext: Buffer<u32> = changetype<Buffer<u32>>(0);

// Binary heap of candidates, best on top: the pair, its count when it was queued, the words where to look for it.
let queueCount: Buffer<i64> = changetype<Buffer<i64>>(0);
let queuePair: Buffer<u32> = changetype<Buffer<u32>>(0);
let queueNodes: Buffer<u32> = changetype<Buffer<u32>>(0);

/** (left, right, merged) of each merge. */
export let merged: Buffer<u32> = changetype<Buffer<u32>>(0);

/** `tokens`: how many special tokens and bytes will be added before `startMerges`. */
export function openTrainer(tokens: u32): void {
  openClasses();
  wordTable = table(1 << 14);
  wordAt = Buffer.create<u32>();
  wordLength = Buffer.create<u32>();
  wordHash = Buffer.create<u32>();
  wordCount = Buffer.create<u64>();
  wordBytes = Buffer.create<u8>();
  tokenAt = Buffer.create<u32>();
  tokenLength = Buffer.create<u32>();
  tokenBytes = Buffer.create<u8>();
  tokenTable = table(powerOfTwo(tokens << 1));
  merged = Buffer.create<u32>();
}

/** A table of `size` free slots, a power of two. */
function table(size: u32): Buffer<u32> {
  const slots = Buffer.create<u32>();
  slots.reserve(size);
  slots.length = size;
  memory.fill(slots.data, 0, <usize>size << 2);
  return slots;
}

/** Appends bytes, with room after them for `hashBytes`. */
function appendBytes(to: Buffer<u8>, from: usize, length: u32): u32 {
  const at = to.length;
  to.reserve(at + length + 8);
  memory.copy(to.data + at, from, length);
  to.length = at + length;
  return at;
}

/** Counts the words of [p, stop) of a text that ends at `end`; returns where the last one ends. */
export function countWords(p: usize, stop: usize, end: usize): usize {
  while (p < stop) {
    const next = wordEnd(p, end);
    countWord(p, <u32>(next - p));
    p = next;
  }
  return p;
}

function countWord(from: usize, length: u32): void {
  const hash = hashBytes(from, length);
  const mask = wordTable.length - 1;
  let slot = hash & mask;
  while (wordTable.at(slot)) {
    const word = wordTable.at(slot) - 1;
    if (
      wordHash.at(word) == hash && wordLength.at(word) == length &&
      equalBytes(wordBytes.data + wordAt.at(word), from, length)
    ) {
      wordCount.set(word, wordCount.at(word) + 1);
      return;
    }
    slot = (slot + 1) & mask;
  }
  wordTable.set(slot, wordAt.length + 1);
  wordAt.push(appendBytes(wordBytes, from, length));
  wordLength.push(length);
  wordHash.push(hash);
  wordCount.push(1);
  if (wordAt.length << 1 > wordTable.length) growWords();
}

function growWords(): void {
  const size = wordTable.length << 1;
  wordTable.dispose();
  wordTable = table(size);
  for (let word: u32 = 0; word < wordAt.length; word++) {
    let slot = wordHash.at(word) & (size - 1);
    while (wordTable.at(slot)) slot = (slot + 1) & (size - 1);
    wordTable.set(slot, word + 1);
  }
}

/** Gives the next id to `length` bytes; length 0: to a token that merges cannot make. */
export function addTrainedToken(from: usize, length: u32): void {
  const id = tokenAt.length;
  tokenAt.push(appendBytes(tokenBytes, from, length));
  tokenLength.push(length);
  if (!length) return;
  const mask = tokenTable.length - 1;
  let slot = hashBytes(from, length) & mask;
  while (tokenTable.at(slot)) slot = (slot + 1) & mask;
  tokenTable.set(slot, id + 1);
}

function findToken(from: usize, length: u32): i32 {
  const mask = tokenTable.length - 1;
  for (let slot = hashBytes(from, length) & mask; tokenTable.at(slot); slot = (slot + 1) & mask) {
    const id = tokenTable.at(slot) - 1;
    if (tokenLength.at(id) == length && equalBytes(tokenBytes.data + tokenAt.at(id), from, length)) return <i32>id;
  }
  return -1;
}

/** All texts are counted: makes room for their pairs. */
export function startMerges(vocabSize: u32): void {
  tokenTable.dispose();
  tokenTable = table(powerOfTwo(max(vocabSize, tokenAt.length) << 1));
  for (let id: u32 = 0; id < tokenAt.length; id++) {
    if (!tokenLength.at(id)) continue;
    let slot = hashBytes(tokenBytes.data + tokenAt.at(id), tokenLength.at(id)) & (tokenTable.length - 1);
    while (tokenTable.at(slot)) slot = (slot + 1) & (tokenTable.length - 1);
    tokenTable.set(slot, id + 1);
  }
  symbols = Buffer.create<u32>();
  symbols.reserve(wordBytes.length);
  pairTable = table(1 << 16);
  pairKey = Buffer.create<u64>();
  pairCount = Buffer.create<i64>();
  pairNews = Buffer.create<u32>();
  touched = Buffer.create<u32>();
  nodeWord = Buffer.create<u32>();
  nodeNext = Buffer.create<u32>();
  nodeWord.push(0);
  nodeNext.push(0);
  queueCount = Buffer.create<i64>();
  queuePair = Buffer.create<u32>();
  queueNodes = Buffer.create<u32>();
  spelt = 0;
}

/** Spells up to `words` of the words (`byteIds`: u32 [256]) and counts their pairs; true when all are spelt. */
export function spellSome(byteIds: usize, words: u32): bool {
  const end = min(wordAt.length, spelt + words);
  for (; spelt < end; spelt++) {
    const first = symbols.length;
    for (let i: u32 = 0; i < wordLength.at(spelt); i++) {
      symbols.push(load<u32>(byteIds + (<usize>wordBytes.at(wordAt.at(spelt) + i) << 2)));
      if (i) change(symbols.at(first + i - 1), symbols.at(first + i), 1, spelt);
    }
    wordAt.set(spelt, first);
  }
  if (spelt < wordAt.length) return false;
  queueNews();
  return true;
}

/** Adds `times` occurrences of a pair in each occurrence of a word, and notes the word when they are new. */
function change(left: u32, right: u32, times: i64, word: u32): void {
  const pair = pairOf((<u64>left << 32) | right);
  pairCount.set(pair, pairCount.at(pair) + times * <i64>wordCount.at(word));
  if (times < 0) return;
  const head = pairNews.at(pair);
  if (head && nodeWord.at(head) == word) return;
  if (!head) touched.push(pair);
  pairNews.set(pair, nodeWord.length);
  nodeWord.push(word);
  nodeNext.push(head);
}

function pairOf(key: u64): u32 {
  let mask = pairTable.length - 1;
  let slot = hash64(key) & mask;
  while (pairTable.at(slot)) {
    const pair = pairTable.at(slot) - 1;
    if (pairKey.at(pair) == key) return pair;
    slot = (slot + 1) & mask;
  }
  const pair = pairKey.length;
  pairTable.set(slot, pair + 1);
  pairKey.push(key);
  pairCount.push(0);
  pairNews.push(0);
  if (pairKey.length << 1 > pairTable.length) {
    const size = pairTable.length << 1;
    pairTable.dispose();
    pairTable = table(size);
    mask = size - 1;
    for (let i: u32 = 0; i < pairKey.length; i++) {
      slot = hash64(pairKey.at(i)) & mask;
      while (pairTable.at(slot)) slot = (slot + 1) & mask;
      pairTable.set(slot, i + 1);
    }
  }
  return pair;
}

/** Queues the pairs that a step made, each with the words where it made them. */
function queueNews(): void {
  for (let i: u32 = 0; i < touched.length; i++) {
    const pair = touched.at(i);
    if (pairCount.at(pair) > 0) enqueue(pairCount.at(pair), pair, pairNews.at(pair));
    pairNews.set(pair, 0);
  }
  touched.length = 0;
}

// @ts-ignore: decorator
@inline function better(countA: i64, pairA: u32, countB: i64, pairB: u32): bool {
  return countA != countB ? countA > countB : pairKey.at(pairA) < pairKey.at(pairB);
}

// @ts-ignore: decorator
@inline function place(hole: u32, count: i64, pair: u32, nodes: u32): void {
  queueCount.set(hole, count);
  queuePair.set(hole, pair);
  queueNodes.set(hole, nodes);
}

function enqueue(count: i64, pair: u32, nodes: u32): void {
  let hole = queuePair.length;
  queueCount.push(count);
  queuePair.push(pair);
  queueNodes.push(nodes);
  while (hole > 0) {
    const parent = (hole - 1) >> 1;
    if (!better(count, pair, queueCount.at(parent), queuePair.at(parent))) break;
    place(hole, queueCount.at(parent), queuePair.at(parent), queueNodes.at(parent));
    hole = parent;
  }
  place(hole, count, pair, nodes);
}

/** Removes the top. */
function dequeue(): void {
  const length = queuePair.length - 1;
  const count = queueCount.at(length);
  const pair = queuePair.at(length);
  const nodes = queueNodes.at(length);
  queueCount.length = length;
  queuePair.length = length;
  queueNodes.length = length;
  if (!length) return;
  let hole: u32 = 0;
  while (true) {
    let child = (hole << 1) + 1;
    if (child >= length) break;
    if (child + 1 < length && better(queueCount.at(child + 1), queuePair.at(child + 1), queueCount.at(child), queuePair.at(child))) child += 1;
    if (!better(queueCount.at(child), queuePair.at(child), count, pair)) break;
    place(hole, queueCount.at(child), queuePair.at(child), queueNodes.at(child));
    hole = child;
  }
  place(hole, count, pair, nodes);
}

/** Makes up to `steps` merges, to at most `vocabSize` tokens; true when there is nothing more to do. */
export function trainSome(steps: u32, vocabSize: u32): bool {
  while (tokenAt.length < vocabSize) {
    if (!queuePair.length) return true;
    if (!steps--) return false;
    const count = queueCount.at(0);
    const pair = queuePair.at(0);
    const nodes = queueNodes.at(0);
    dequeue();
    if (count != pairCount.at(pair)) {
      enqueue(pairCount.at(pair), pair, nodes);
      continue;
    }
    if (count < 1) return true;
    const left = <u32>(pairKey.at(pair) >> 32);
    const right = <u32>pairKey.at(pair);
    const id = join(left, right);
    merged.push(left);
    merged.push(right);
    merged.push(id);
    for (let node = nodes; node; node = nodeNext.at(node)) mergeIn(nodeWord.at(node), left, right, id);
    queueNews();
  }
  return true;
}

/** Id of the token that two make together, new or not. */
function join(left: u32, right: u32): u32 {
  const length = tokenLength.at(left) + tokenLength.at(right);
  const at = tokenBytes.length;
  tokenBytes.reserve(at + length + 8);
  memory.copy(tokenBytes.data + at, tokenBytes.data + tokenAt.at(left), tokenLength.at(left));
  memory.copy(tokenBytes.data + at + tokenLength.at(left), tokenBytes.data + tokenAt.at(right), tokenLength.at(right));
  const known = findToken(tokenBytes.data + at, length);
  if (known >= 0) return <u32>known;
  const id = tokenAt.length;
  addTrainedToken(tokenBytes.data + at, length);
  return id;
}

/** Replaces left, right by `id` in a word, from left to right, and counts what that changes at its edges. */
function mergeIn(word: u32, left: u32, right: u32, id: u32): void {
  const from = symbols.data + (<usize>wordAt.at(word) << 2);
  const length = wordLength.at(word);
  let kept: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const symbol = load<u32>(from + (<usize>i << 2));
    if (symbol != left || i + 1 == length || load<u32>(from + (<usize>i << 2), 4) != right) {
      store<u32>(from + (<usize>kept << 2), symbol);
      kept += 1;
      continue;
    }
    if (kept) {
      const before = load<u32>(from + (<usize>(kept - 1) << 2));
      change(before, left, -1, word);
      change(before, id, 1, word);
    }
    store<u32>(from + (<usize>kept << 2), id);
    kept += 1;
    i += 1;
    if (i + 1 < length) {
      const after = load<u32>(from + (<usize>i << 2), 4);
      change(right, after, -1, word);
      change(id, after, 1, word);
    }
  }
  wordLength.set(word, kept);
}
