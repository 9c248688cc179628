/**
 * SentencePiece's `.model` (spiece.model, tokenizer.model): a protocol buffer with the pieces, their scores, and how texts
 * are normalized. Ids are those of the sentencepiece library.
 */
import { CheckpointError } from '../../errors.js';
import { inWords } from '../../inWords.js';
import type { AddedToken, SpecialTokens } from '../addedTokens.js';
import type { Install } from '../components/component.js';
import { bpeModel } from '../components/models/bpe.js';
import type { Model } from '../components/models/model.js';
import { unigramModel } from '../components/models/unigram.js';
import { vocabularyOfList } from '../vocabulary.js';
import { type Field, fieldsOf, floatOf } from './protobuf.js';
import { rankedMerges } from './rankedMerges.js';

/** Types of pieces. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;
/** Types of models. */
const UNIGRAM = 1;
const BPE = 2;

const SPACE = '\u2581';
const MANY = 2 ** 16;
/** The largest finite f32. */
const mostF32 = (2 - 2 ** -23) * 2 ** 127;

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: number;
}

/** What a model file says of a tokenizer. */
export interface SentencePieceParts {
  readonly model: Model;
  readonly added: readonly AddedToken[];
  /**
   * Ids of symbols of the user's own that the model finds by their scores, as SentencePiece does. tokenizer.json does not
   * list them: what it lists is cut out before the rest is normalized, piece by piece.
   */
  readonly foundByScore: ReadonlySet<number>;
  readonly specialTokens: SpecialTokens;
  /** SentencePiece's own normalizer. */
  readonly normalizer: Install;
  /** The stages as Hugging Face has them for such models: tokenizer.json gets these. */
  readonly stages: { readonly normalizer: object; readonly decoder: object };
}

/** @throws CheckpointError when the file is malformed or has a model that is not BPE or Unigram. `where`: its name */
export function readSentencePiece(file: Uint8Array, where: string): SentencePieceParts {
  const pieces: Piece[] = [];
  let trainer: Field[] = [];
  let normalizer: Field[] = [];
  for (const { number, bytes } of fieldsOf(file, where)) {
    if (number === 1) pieces.push(pieceOf(bytes, where));
    if (number === 2) trainer = [...fieldsOf(bytes, where)];
    if (number === 3) normalizer = [...fieldsOf(bytes, where)];
  }
  if (pieces.length === 0) throw new CheckpointError(`${where}: no SentencePiece model: there are no pieces.`);
  const ids = (field: number, fallback: number) =>
    trainer.findLast(({ number }) => number === field)?.value ?? fallback;
  const type = ids(3, UNIGRAM);
  if (type !== UNIGRAM && type !== BPE) {
    throw new CheckpointError(`${where}: model type ${type} is not supported, expected Unigram (1) or BPE (2).`, {
      found: type,
      expected: [UNIGRAM, BPE],
    });
  }
  const strange = pieces.find(
    ({ type: kind }) => ![NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE].includes(kind),
  );
  if (strange) {
    throw new CheckpointError(
      `${where}: piece ${inWords(strange.text)} has type ${strange.type}, which is not supported.`,
      {
        found: strange.type,
      },
    );
  }
  const byteFallback = ids(35, 0) !== 0;
  const role = (field: number, fallback: number) => {
    const piece = pieces[ids(field, fallback)];
    return piece?.type === CONTROL || piece?.type === UNKNOWN ? piece.text : undefined;
  };
  const roles = { unk: role(40, 0), bos: role(41, 1), eos: role(42, 2), pad: role(43, -1) };
  const isFound = ({ type: kind, text }: Piece) => type === UNIGRAM && kind === USER_DEFINED && !text.includes(' ');
  return {
    foundByScore: new Set(pieces.flatMap((piece, id) => (isFound(piece) ? [id] : []))),
    model: type === BPE ? bpeOf(pieces, byteFallback) : unigramOf(pieces, byteFallback),
    added: pieces.flatMap(({ text, type: kind }, id) =>
      kind === NORMAL || kind === BYTE || kind === UNUSED
        ? []
        : [
            {
              id,
              content: text,
              single_word: false,
              lstrip: false,
              rstrip: false,
              normalized: false,
              special: kind !== USER_DEFINED,
            },
          ],
    ),
    specialTokens: Object.fromEntries(Object.entries(roles).filter(([, text]) => text !== undefined)),
    ...normalizerOf(normalizer, ids(24, 0) !== 0, where),
  };
}

/** How many pieces a model has. @throws CheckpointError for what is no model */
export const pieceCount = (file: Uint8Array): number =>
  [...fieldsOf(file, 'SentencePiece')].filter(({ number }) => number === 1).length;

function pieceOf(message: Uint8Array, where: string): Piece {
  let [text, score, type] = ['', 0, NORMAL];
  for (const field of fieldsOf(message, where)) {
    if (field.number === 1) text = decodePiece(field.bytes, where);
    if (field.number === 2) score = floatOf(field);
    if (field.number === 3) type = field.value;
  }
  if (!Number.isFinite(score)) {
    throw new CheckpointError(
      `${where}: piece ${inWords(text)} has the score ${score}, expected a finite number. Download the file again.`,
      { found: score },
    );
  }
  return { text, score, type };
}

function decodePiece(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError(`${where}: a piece is not UTF-8. Download the file again.`, { cause });
  }
}

const vocabularyOfPieces = (pieces: readonly Piece[]) => vocabularyOfList(pieces.map(({ text }) => text));
const unknownIn = (pieces: readonly Piece[]) => pieces.findIndex(({ type }) => type === UNKNOWN);

function bpeOf(pieces: readonly Piece[], byteFallback: boolean): Model {
  const normal = pieces.filter(({ type }) => type === NORMAL);
  const texts = new Set(normal.map(({ text }) => text));
  const best = normal.sort((a, b) => b.score - a.score).map(({ text }) => [...text]);
  const unknown = pieces[unknownIn(pieces)]?.text;
  return bpeModel(
    vocabularyOfPieces(pieces),
    rankedMerges(best, (text) => texts.has(text)),
    { unknown, fuseUnknown: true, byteFallback },
  );
}

function unigramOf(pieces: readonly Piece[], byteFallback: boolean): Model {
  const scores = pieces.filter(({ type }) => type === NORMAL).map(({ score }) => score);
  const [lowest, highest] = scores.reduce(
    ([low, high], score) => [Math.min(low, score), Math.max(high, score)],
    scores.length > 0 ? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] : [0, 0],
  );
  const scoreOf = ({ type, score, text }: Piece) => {
    if (type === NORMAL) return score;
    if (type !== USER_DEFINED) return Number.NaN;
    // A piece of the user's own wins over all others.
    const own = Math.fround(new TextEncoder().encode(text).length * highest - 0.1);
    return Math.min(Math.max(own, -mostF32), mostF32);
  };
  const unknownId = unknownIn(pieces);
  return unigramModel(vocabularyOfPieces(pieces), Float64Array.from(pieces, scoreOf), {
    unknownId: unknownId < 0 ? undefined : unknownId,
    byteFallback,
    lowest,
    singlePrecision: true,
  });
}

function normalizerOf(
  fields: readonly Field[],
  suffix: boolean,
  where: string,
): Pick<SentencePieceParts, 'normalizer' | 'stages'> {
  const flag = (field: number) => fields.findLast(({ number }) => number === field)?.value !== 0;
  const charsmap = fields.findLast(({ number }) => number === 2)?.bytes ?? new Uint8Array();
  const [prefix, removes, escapes] = [flag(3), flag(4), flag(5)];
  const begins = prefix && !suffix;
  const steps = [
    charsmap.length > 0 && { type: 'Precompiled', precompiled_charsmap: toBase64(charsmap) },
    ...(removes ? removingSpaces(begins, escapes) : [begins && { type: 'Prepend', prepend: escapes ? SPACE : ' ' }]),
    escapes && { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
    prefix && suffix && { type: 'Replace', pattern: { Regex: '\\z' }, content: escapes ? SPACE : ' ' },
  ].filter((step) => step !== false);
  // Where extra spaces are removed, no text begins with one.
  const strip = { start: removes ? MANY : begins ? 1 : 0, stop: prefix && suffix ? 1 : 0 };
  return {
    normalizer: (into) => {
      const { at, length } = into.bytes(charsmap);
      const flags = (removes ? 1 : 0) | (prefix ? 2 : 0) | (escapes ? 4 : 0) | (suffix ? 8 : 0);
      if (into.wasm.addSentencePiece(at, length, flags)) return;
      throw new CheckpointError(`${where}: the charsmap is malformed. Download the file again.`);
    },
    stages: {
      normalizer: { type: 'Sequence', normalizers: steps },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          ...(strip.start + strip.stop > 0 ? [{ type: 'Strip', content: ' ', ...strip }] : []),
        ],
      },
    },
  };
}

/**
 * What removes runs of U+0020 and those at the ends, and puts one before the text where `begins`. Strip would take other
 * white space too, which SentencePiece keeps. Once no run is longer than one, two more at the start make the only
 * run of several there is, so that the start is found without an anchor.
 */
const removingSpaces = (begins: boolean, escapes: boolean): object[] => [
  { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
  // SentencePiece looks at the end once spaces are escaped: a U+2581 of the text goes with them.
  { type: 'Replace', pattern: { Regex: escapes ? `[ ${SPACE}]+\\z` : ' +\\z' }, content: '' },
  { type: 'Prepend', prepend: '  ' },
  { type: 'Replace', pattern: { Regex: ' {2,}' }, content: begins ? ' ' : '' },
];

function toBase64(bytes: Uint8Array): string {
  let text = '';
  // In parts: a call takes no more than some ten thousand arguments.
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text);
}
