/** SentencePiece models made here, piece by piece: what is saved gives the same ids, and what is malformed is refused. */
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { createTokenizer } from '../../src/text/index.js';

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const number = (field: number, value: number) => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, content: Iterable<number>) => {
  const list = [...content];
  return [...varint(field * 8 + 2), ...varint(list.length), ...list];
};
const float = (field: number, value: number) => [
  ...varint(field * 8 + 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];
const piece = (text: string, score: number, type = 1) =>
  bytes(1, [...bytes(1, new TextEncoder().encode(text)), ...float(2, score), ...number(3, type)]);

interface Rules {
  readonly type?: number;
  readonly prefix?: boolean;
  readonly removes?: boolean;
  readonly escapes?: boolean;
  /** The dummy prefix stands at the end. */
  readonly suffix?: boolean;
}
/** A model with <unk> and further pieces. */
const modelOf = (
  pieces: readonly number[][],
  { type = 1, prefix = true, removes = true, escapes = true, suffix = false }: Rules = {},
) =>
  Uint8Array.from([
    ...piece('<unk>', 0, 2),
    ...pieces.flat(),
    ...bytes(2, [...number(3, type), ...number(24, Number(suffix))]),
    ...bytes(3, [...number(3, Number(prefix)), ...number(4, Number(removes)), ...number(5, Number(escapes))]),
  ]);

const letters = ['a', 'b', ' ', '\n', '\t', '\u00a0', '\u3000', '\u2581', '\u2581a'].map((text) => piece(text, -1));

describe('save', () => {
  const flags = [true, false];
  const rules = flags.flatMap((prefix) =>
    flags.flatMap((removes) =>
      flags.flatMap((escapes) => flags.map((suffix) => ({ prefix, removes, escapes, suffix }))),
    ),
  );
  it.each(rules)('keeps the ids of texts with white space of all kinds: %o', (rule) => {
    const tokenizer = createTokenizer({ sentencePiece: modelOf(letters, rule) });
    const saved = createTokenizer({ tokenizerJson: tokenizer.save()['tokenizer.json'] as string });
    const alphabet = ['a', 'b', ' ', '\n', '\t', '\u00a0', '\u3000', '\u2581'];
    const texts = ['', 'a b\n', '\na b', 'a\t', '\u00a0a', 'a\u00a0'];
    // All texts of up to five of these, of which the first three are in each place most often.
    for (let code = 0; code < 8 ** 5; code++) {
      const digits = code.toString(8).padStart(5, '0');
      if (code % 7 < 3) texts.push(Array.from(digits, (digit) => alphabet[Number(digit)]).join(''));
    }
    texts.push(...texts.slice(0, 3000).map((text) => text.slice(1)));
    // A text of U+2581 alone is empty once spaces at its end are gone; only SentencePiece puts the suffix then.
    const isHeld = (text: string) => !(rule.suffix && rule.prefix && rule.removes && /^[ \u2581]*$/.test(text));
    const wrong = texts.filter(isHeld).filter((text) => tokenizer.encode(text).join() !== saved.encode(text).join());
    expect(wrong).toEqual([]);
    tokenizer.dispose();
    saved.dispose();
  });
});

describe("a symbol of the user's own", () => {
  // As sentencepiece 0.2 cuts these: the symbol is a part of the text, before which and after which the text's space is.
  it.each([
    [{}, '<sep>a', ['\u2581', '<sep>', 'a']],
    [{}, 'a<sep>a', ['\u2581a', '<sep>', 'a']],
    [{}, '  <sep> a', ['\u2581', '<sep>', '\u2581a']],
    [{}, '<sep>', ['\u2581', '<sep>']],
    [{}, '<sep><sep>', ['\u2581', '<sep>', '<sep>']],
    [{}, ' <sep>  <sep> ', ['\u2581', '<sep>', '\u2581', '<sep>']],
    [{ removes: false }, '  <sep> a', ['\u2581', '\u2581', '\u2581', '<sep>', '\u2581a']],
    [{ prefix: false }, '<sep>a', ['<sep>', 'a']],
    [{ suffix: true }, '<sep>a', ['<sep>', 'a', '\u2581']],
    [{ suffix: true }, 'a<sep>', ['a', '<sep>', '\u2581']],
    [{ suffix: true }, '  <sep> a', ['<sep>', '\u2581a', '\u2581']],
    [{ suffix: true, removes: false }, ' <sep> ', ['\u2581', '<sep>', '\u2581', '\u2581']],
  ] as const)('%o: %j is %j', (rule: Rules, text, tokens) => {
    for (const type of [1, 2]) {
      const pieces = [...letters, piece('<sep>', 0, 4)];
      const tokenizer = createTokenizer({ sentencePiece: modelOf(pieces, { ...rule, type }) });
      expect([...tokenizer.encode(text)].map((id) => tokenizer.idToToken(id))).toEqual(tokens);
      tokenizer.dispose();
    }
  });
});

describe('scores', () => {
  it.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN])('refuses %s, with the piece', (score) => {
    for (const type of [1, 2]) {
      const sentencePiece = modelOf([piece('good', -1), piece('spoilt', score)], { type });
      expect(() => createTokenizer({ sentencePiece })).toThrow(CheckpointError);
      expect(() => createTokenizer({ sentencePiece })).toThrow(
        `SentencePiece: piece spoilt has the score ${score}, expected a finite number`,
      );
    }
  });

  it("of the user's own pieces are finite in what is saved", () => {
    for (const pieces of [[], [piece('a', -3.4e38)]]) {
      const tokenizer = createTokenizer({ sentencePiece: modelOf([...pieces, piece('own-piece', 0, 4)]) });
      const saved = createTokenizer({ tokenizerJson: tokenizer.save()['tokenizer.json'] as string });
      for (const text of ['own-piece', 'a own-piece', 'own-pieceown-piecea', 'a  own-piece ']) {
        expect(saved.encode(text)).toEqual(tokenizer.encode(text));
        expect(saved.decode(saved.encode(text))).toBe(tokenizer.decode(tokenizer.encode(text)));
      }
      tokenizer.dispose();
      saved.dispose();
    }
  });

  it('of tokenizer.json are finite too', () => {
    const json = (score: string) =>
      `{"decoder":{"type":"Fuse"},"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["spoilt",${score}]]}}`;
    for (const score of ['1e999', '-1e999']) {
      expect(() => createTokenizer({ tokenizerJson: json(score) })).toThrow(CheckpointError);
      expect(() => createTokenizer({ tokenizerJson: json(score) })).toThrow(
        /vocab: entry 1, spoilt, has the score -?Infinity, expected a finite number/,
      );
    }
    createTokenizer({ tokenizerJson: json('-1') }).dispose();
  });
});
