/** A tokenizer of byte-level BPE from texts, in WebAssembly (assembly/text/train.ts): the most frequent pairs are joined first. */
import { checkOption, ranges } from '../../settings/index.js';
import { byteAlphabet } from '../formats/byteAlphabet.js';
import { TextInstance } from '../instance.js';
import { createTokenizer } from '../tokenizer.js';
import { allocate, bytesAt, copyWords, type TextExports, TextInput, wordsAt } from '../wasm.js';
import type { Training, Wanted } from './training.js';

/** Bytes of text between two calls into WebAssembly, which let the engine swap in optimised code. */
const COUNT_STEP = 1 << 16;
/** Words that are spelt in a call. */
const SPELL_STEP = 1 << 14;
/** Merges in a call, at most: the first ones touch most words. */
const MERGE_STEP = 64;
/** Milliseconds that a call should take, at most. */
const CALL_MS = 20;

/** @throws OptionError for a vocabulary that has no room for special tokens and bytes */
export function bpeWords(where: string, { vocabSize, special, specialTokens }: Wanted): Training {
  checkOption(where, 'vocabSize', vocabSize, ranges.integer(special.length + 256, 2 ** 24 - 1));
  const instance = new TextInstance('The trainer');
  const input = new TextInput();
  instance.use().openTrainer(special.length + 256);
  return {
    add(text) {
      const wasm = instance.use();
      const { at, length } = input.write(wasm, text);
      const end = at + length;
      for (let p = at; p < end; ) p = wasm.countWords(p, Math.min(p + COUNT_STEP, end), end) >>> 0;
    },
    *run() {
      const { tokens, byteIds } = addTokens(instance.use(), special);
      const idsAt = copyWords(instance.use(), byteIds);
      instance.use().startMerges(vocabSize);
      while (!instance.use().spellSome(idsAt, SPELL_STEP)) yield;
      let merges = 1;
      for (let isDone = false; !isDone; ) {
        yield;
        const started = performance.now();
        isDone = instance.use().trainSome(merges, vocabSize) !== 0;
        const ms = performance.now() - started;
        merges = ms > CALL_MS ? Math.max(1, merges >> 1) : Math.min(MERGE_STEP, 2 * merges);
      }
      const vocabulary = mergedTokens(instance.use(), tokens);
      return createTokenizer({ ...vocabulary, specialTokens });
    },
    free: () => instance.dispose(),
  };
}

/** Special tokens get the first ids, then the bytes. */
function addTokens(wasm: TextExports, special: readonly string[]) {
  const tokens = [...special];
  const alphabet = byteAlphabet();
  const byteIds = new Uint32Array(256);
  const add = (bytes: readonly number[]) => {
    const at = allocate(wasm, bytes.length);
    bytesAt(wasm, at, bytes.length).set(bytes);
    wasm.addTrainedToken(at, bytes.length);
    wasm.release(at);
  };
  for (const token of special) {
    // A special token that merges could spell as well keeps its id when they do.
    const bytes = Array.from(token, (character) => alphabet.indexOf(character));
    add(bytes.includes(-1) ? [] : bytes);
  }
  // The trainer orders the bytes by their characters.
  const ordered = Array.from(alphabet.keys()).sort((a, b) =>
    (alphabet[a] as string) < (alphabet[b] as string) ? -1 : 1,
  );
  for (const byte of ordered) {
    byteIds[byte] = tokens.length;
    add([byte]);
    tokens.push(alphabet[byte] as string);
  }
  return { tokens, byteIds };
}

/** @param first tokens before the merges */
function mergedTokens(wasm: TextExports, first: readonly string[]) {
  const tokens = [...first];
  const trained = wordsAt(wasm, wasm.trainedAt(), wasm.trainedLength() * 3);
  const merges: [string, string][] = [];
  for (let i = 0; i < trained.length; i += 3) {
    const left = tokens[trained[i] as number] as string;
    const right = tokens[trained[i + 1] as number] as string;
    merges.push([left, right]);
    tokens[trained[i + 2] as number] = left + right;
  }
  return { vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges };
}
