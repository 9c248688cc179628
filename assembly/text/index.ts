/*
 * Tokenizer, BPE trainer, sampler, replay buffer and random numbers: ordinary AssemblyScript on one thread.
 *
 * One instance of this module is one object: a tokenizer, or a trainer, or a sampler, or a replay buffer. Its state is
 * the module's globals and blocks of the memory that all instances share (memory.ts); nothing is garbage collected.
 * Addresses and lengths are in bytes unless said otherwise. src/text/ is the only caller and checks arguments.
 */
import { decoded, heldBack } from './decoders/index';
import { alloc, free } from './memory';
import { mergeCount, mergeList } from './merges';
import { CATEGORIES, CATEGORIES_RANGES, SPACES, SPACES_RANGES } from './unicode';
import { textLength, textOf } from './vocabulary';
import { replayRng } from './replay';
import { seedRng } from './rng';
import { merged } from './train';
import { out } from './words';

// memory
/** Memory for the caller to fill. 16 bytes more than asked for are readable and zero. */
export function allocate(size: u32): usize {
  const at = alloc(<u64>size + 16);
  memory.fill(at + size, 0, 16);
  return at;
}
export function release(at: usize): void {
  free(at);
}
export { freeAll, heapAllocate, heapFree, intact } from './memory';

// tokenizer
export { openVocabulary, defineModel, hasToken } from './vocabulary';
export { defineMerges, setUnknown } from './merges';
export { openUnigram, growUnigram } from './unigram';
export { openWords, checkWords, fillWords } from './words';
export { defineAutomaton } from './automaton';
export {
  addPrepend, addReplace, addStrip, addPrecompiled, addUnicodeForm, addSentencePiece,
} from './normalizers/index';
export {
  addGpt2Words, addSplit, addDigits, addSpaced, addSplitBefore,
} from './preTokenizers/index';
export { openEncoder, addToken, setAsText, beginEncode, continueEncode } from './encode';

/** The ids of the last encoding: u32 [encodedLength()]. */
export function encodedAt(): usize {
  return out.data;
}
export function encodedLength(): u32 {
  return out.length;
}

export {
  openDecoder, addReplaceDecoder, addByteFallbackDecoder, addFuseDecoder, addStripDecoder, addMetaspaceDecoder, decode,
} from './decoders/index';
export function decodedAt(): usize {
  return decoded.data;
}
export function decodedLength(): u32 {
  return decoded.length;
}
export function decodedHeldBack(): u32 {
  return heldBack;
}

/** u32 [categoriesLength()]: first code point << 5 | general category, of each range. */
export function categoriesAt(): usize {
  return CATEGORIES;
}
export function categoriesLength(): u32 {
  return CATEGORIES_RANGES;
}
/** u32 [spacesLength(), 2]: first and last code point of each range of white space. */
export function spacesAt(): usize {
  return SPACES;
}
export function spacesLength(): u32 {
  return SPACES_RANGES;
}

/** The text of a token in the files. */
export function tokenTextAt(id: u32): usize {
  return textOf(id);
}
export function tokenTextLength(id: u32): u32 {
  return textLength(id);
}
/** u32 [mergeLength(), 2]: left and right id of each merge, best first. */
export function mergesAt(): usize {
  return mergeList;
}
export function mergesLength(): u32 {
  return mergeCount;
}

// trainer
export { openTrainer, countWords, addTrainedToken, startMerges, spellSome, trainSome } from './train';
/** u32 [trainedLength(), 3]: left, right and merged id of each merge. */
export function trainedAt(): usize {
  return merged.data;
}
export function trainedLength(): u32 {
  return merged.length / 3;
}

// random numbers: `state` is 32 bytes
/** `seed` is an integer. */
export function seedGenerator(state: usize, seed: f64): void {
  seedRng(state, <u64>seed);
}
export { uniform, below, shuffle } from './rng';

// sampler
export { openSampler, banToken, openRow, openSequence, extendSequence, closeSequence, sampleRow } from './sampler';

// replay buffer
/** State of the generator that draws: 32 bytes. */
export function replayRngAt(): usize {
  return replayRng;
}
export {
  openReplay, replaySize, pushSample, sampleLength, samplePromptLength, readSample, drawIndices,
} from './replay';
