/** BPE: merges of pairs, best first, over bytes or over characters. */
import * as z from 'zod';
import { CheckpointError } from '../../../errors.js';
import { inWords } from '../../../inWords.js';
import { byteTokens, requireText, type Vocabulary, vocabularyOf } from '../../vocabulary.js';
import { writeTexts } from '../../wasm.js';
import { check, unsupportedIn } from '../component.js';
import type { Model } from './model.js';

/** Merges as texts: two tokens with the separator between them, best first. */
export interface Merges {
  /** '\0' where tokens may hold spaces. */
  readonly separator: ' ' | '\0';
  readonly lines: readonly string[];
}

// The vocabulary and the merges are too long for a schema: they are checked in loops.
const fields = z.looseObject({
  unk_token: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  vocab: z.unknown().optional(),
  merges: z.unknown().optional(),
});

/** @param byteLevel tokens are spelt in the byte alphabet */
export function readBpe(json: unknown, byteLevel: boolean): Model {
  const model = check(fields, json, 'tokenizer.json: model');
  for (const option of ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model[option]) throw unsupportedIn(`model option ${option} = ${inWords(model[option])}`, 'none');
  }
  if (model.byte_fallback && byteLevel) throw unsupportedIn('model option byte_fallback with ByteLevel', 'one of both');
  return bpeModel(vocabularyOf(model.vocab), mergesOf(model.merges), {
    byteLevel,
    unknown: model.unk_token ?? undefined,
    fuseUnknown: model.fuse_unk ?? false,
    byteFallback: model.byte_fallback ?? false,
    ignoreMerges: model.ignore_merges ?? false,
  });
}

/** What becomes of what the vocabulary lacks, and of words that it has. */
interface BpeOptions {
  /** Tokens are spelt in the byte alphabet. Default false. */
  readonly byteLevel?: boolean;
  readonly unknown?: string | undefined;
  readonly fuseUnknown?: boolean;
  readonly byteFallback?: boolean;
  readonly ignoreMerges?: boolean;
}

export function bpeModel(
  vocab: Vocabulary,
  merges: Merges,
  { byteLevel = false, unknown, fuseUnknown = false, byteFallback = false, ignoreMerges = false }: BpeOptions,
): Model {
  requireText('merges', merges.lines);
  if (byteFallback) byteTokens(vocab);
  const unknownId = unknown === undefined ? undefined : vocab.idOf(unknown);
  return {
    vocab,
    // Over characters, a look at each of them takes longer than to merge those that a text has.
    knowsWords: byteLevel || ignoreMerges,
    ignoresMerges: ignoreMerges,
    install({ wasm }) {
      wasm.setUnknown(unknownId ?? -1, fuseUnknown, byteFallback);
      const { at, length } = writeTexts(wasm, merges.lines);
      const separator = merges.separator.charCodeAt(0);
      const wrong = wasm.defineMerges(at, length, merges.lines.length, separator, !ignoreMerges);
      wasm.release(at);
      if (wrong < 0) return;
      const found = merges.lines[wrong]?.replace('\0', ' ');
      throw new CheckpointError(
        `merges: entry ${wrong}, ${JSON.stringify(found)}, is not two tokens of the vocabulary whose join is in it too.`,
        { found },
      );
    },
    json: ({ mergePairs, tokenOf }) => ({
      type: 'BPE',
      dropout: null,
      unk_token: unknown ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: fuseUnknown,
      byte_fallback: byteFallback,
      ignore_merges: ignoreMerges,
      vocab: Object.fromEntries(Array.from(vocab.ids, (id) => [tokenOf(id), id])),
      merges: Array.from({ length: mergePairs.length / 2 }, (_, rank) => [
        tokenOf(mergePairs[2 * rank] as number),
        tokenOf(mergePairs[2 * rank + 1] as number),
      ]),
    }),
  };
}

/** @throws CheckpointError for what is no list of "a b" or ["a", "b"] */
export function mergesOf(merges: unknown): Merges {
  if (!Array.isArray(merges)) throw new CheckpointError('merges: expected a list.');
  const separator = merges.some(Array.isArray) ? '\0' : ' ';
  const lines = merges.map((merge: unknown, index) => {
    if (typeof merge === 'string') return separator === ' ' ? merge : merge.replace(' ', separator);
    if (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string')) {
      return `${merge[0]}\0${merge[1]}`;
    }
    throw new CheckpointError(`merges: entry ${index} is ${inWords(merge)}, expected "a b" or ["a", "b"].`);
  });
  return { separator, lines };
}

/** The content of merges.txt. */
export const mergesFromText = (text: string): Merges => ({
  separator: ' ',
  lines: text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version')),
});
