/**
 * A Unigram tokenizer from texts: what its words are, and the tokenizer.json around the trained pieces. Texts lose nothing:
 * spaces become U+2581, with one more before the text, and characters that are no piece are spelt in bytes.
 */
import { DisposedError } from '../../errors.js';
import { checkOption, ranges } from '../../settings/index.js';
import { createTokenizer } from '../tokenizer.js';
import type { Training, Wanted } from './training.js';
import { trainUnigram } from './unigram.js';

const space = '\u2581';
/** Far below every piece, so that a text that spells such a token is not taken for it: its characters are pieces always. */
const byteScore = -1000;
const required = [...'<0x123456789ABCDEF>'];
const byteTokens = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

/** The stages around the model, as tokenizer.json has them. */
const stages = {
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: space },
      { type: 'Replace', pattern: { String: ' ' }, content: space },
    ],
  },
  pre_tokenizer: { type: 'Metaspace', replacement: space, prepend_scheme: 'never', split: true },
  post_processor: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: space }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
};

/** With U+FFFD for half of a character, as texts reach the tokenizer. */
const wellFormed = (text: string) => text.replace(/\p{Surrogate}/gu, '\ufffd');

/** @throws OptionError for a vocabulary that has no room for special tokens, the unknown, bytes and a few pieces */
export function unigramWords(where: string, { vocabSize, special, specialTokens }: Wanted): Training {
  const unk = specialTokens.unk ?? '<unk>';
  const tokens = [...new Set([...special, unk])];
  checkOption(
    where,
    'vocabSize',
    vocabSize,
    ranges.integer(tokens.length + byteTokens.length + required.length + 1, 2 ** 24 - 1),
  );
  const counts = new Map<string, number>();
  let isFree = false;
  const requireThere = () => {
    if (isFree) throw new DisposedError('The trainer was disposed. Make a new one.');
  };
  return {
    add(text) {
      if (text === '') return;
      const spaced = `${space}${wellFormed(text).replaceAll(' ', space)}`;
      for (let at = 0; at < spaced.length; ) {
        const next = spaced.indexOf(space, at + 1);
        const word = spaced.slice(at, next < 0 ? undefined : next);
        counts.set(word, (counts.get(word) ?? 0) + 1);
        at += word.length;
      }
    },
    *run() {
      requireThere();
      const taken = new Set([...tokens, ...byteTokens]);
      const wanted = vocabSize - taken.size;
      const training = trainUnigram(counts, { wanted, required, reserved: tokens.length });
      let step = training.next();
      for (; !step.done; step = training.next()) {
        yield;
        requireThere();
      }
      const trained = step.value;
      const pieces = trained.filter(([text]) => !taken.has(text));
      const vocab = [
        ...tokens.map((token) => [token, 0]),
        ...byteTokens.map((token) => [token, byteScore]),
        ...pieces.map(([text, score]) => [text, score]),
      ];
      const model = { type: 'Unigram', unk_id: tokens.indexOf(unk), vocab, byte_fallback: true };
      const tokenizerJson = { version: '1.0', truncation: null, padding: null, added_tokens: [], ...stages, model };
      return createTokenizer({ tokenizerJson, specialTokens: { ...specialTokens, unk } });
    },
    free() {
      isFree = true;
      counts.clear();
    },
  };
}
