/** Unigram: the tokens whose scores have the greatest sum. */
import * as z from 'zod';
import { CheckpointError } from '../../../errors.js';
import { inWords } from '../../../inWords.js';
import { byteTokens, type Vocabulary, vocabularyOfList } from '../../vocabulary.js';
import { check } from '../component.js';
import type { Model } from './model.js';

/** What an unknown character costs, below the lowest score. */
const unknownPenalty = 10;

const fields = z.object({
  unk_id: z.int().min(0).nullish(),
  byte_fallback: z.boolean().nullish(),
  vocab: z.unknown().optional(),
});

export function readUnigram(json: unknown): Model {
  const model = check(fields, json, 'tokenizer.json: model');
  const { vocab } = model;
  if (!Array.isArray(vocab)) throw new CheckpointError('vocab: expected a list of [token, score].');
  const scores = new Float64Array(vocab.length);
  const tokens = vocab.map((entry: unknown, id) => {
    const [token, score] = Array.isArray(entry) && entry.length === 2 ? entry : [];
    if (typeof token !== 'string' || typeof score !== 'number') {
      throw new CheckpointError(`vocab: entry ${id} is ${inWords(entry)}, expected [token, score].`, { found: entry });
    }
    // JSON.parse takes 1e999 for infinity.
    if (!Number.isFinite(score)) {
      throw new CheckpointError(
        `vocab: entry ${id}, ${inWords(token)}, has the score ${score}, expected a finite number.`,
        { found: score },
      );
    }
    scores[id] = score;
    return token;
  });
  const unknownId = model.unk_id ?? undefined;
  if (unknownId !== undefined && unknownId >= tokens.length) {
    throw new CheckpointError(`tokenizer.json: model: unk_id is ${unknownId}, there are ${tokens.length} tokens.`, {
      found: unknownId,
      expected: tokens.length,
    });
  }
  return unigramModel(vocabularyOfList(tokens), scores, {
    unknownId,
    byteFallback: model.byte_fallback ?? false,
    lowest: scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY),
  });
}

/** How unknown characters are taken, and how scores are added. */
export interface UnigramOptions {
  readonly unknownId: number | undefined;
  readonly byteFallback: boolean;
  /** The lowest score, from which the price of the unknown follows. */
  readonly lowest: number;
  /** Sums in 32 bits, as SentencePiece has them. Default false. */
  readonly singlePrecision?: boolean;
}

/** @param scores one for each id; NaN for a token that no text is made of */
export function unigramModel(
  vocab: Vocabulary,
  scores: Float64Array,
  { unknownId, byteFallback, lowest, singlePrecision = false }: UnigramOptions,
): Model {
  if (byteFallback) byteTokens(vocab);
  return {
    vocab,
    knowsWords: false,
    ignoresMerges: false,
    install(into, specialIds) {
      const { wasm } = into;
      const usable = scores.map((score, id) => (specialIds.has(id) ? Number.NaN : score));
      const { at } = into.bytes(new Uint8Array(usable.buffer));
      const price = singlePrecision ? Math.fround(lowest - unknownPenalty) : lowest - unknownPenalty;
      wasm.openUnigram(at, unknownId ?? -1, price, byteFallback, singlePrecision);
      const step = 1 << 10;
      for (let first = 0; first < scores.length; first += step) wasm.growUnigram(first, first + step);
    },
    json: ({ tokenOf }) => ({
      type: 'Unigram',
      unk_id: unknownId ?? null,
      vocab: Array.from(scores, (score, id) => [tokenOf(id), Number.isNaN(score) ? 0 : score]),
      byte_fallback: byteFallback,
    }),
  };
}
