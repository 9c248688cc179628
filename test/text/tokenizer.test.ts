import { describe, expect, it } from 'vitest';
import { CheckpointError, CompatibilityError, DisposedError, LimitError, OptionError } from '../../src/errors.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { createRng, createTokenizer, loadTokenizer, tokenizerFromFiles } from '../../src/text/index.js';
import cases from '../oracles/tokenizer/cases.json' with { type: 'json' };
import base from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };

type Model = { vocab: Record<string, number>; merges: string[][] };
interface Variant {
  changes: { model?: { without: string } };
  texts: string[];
  ids: number[][];
  decoded: Record<string, string>;
  skipped: Record<string, string>;
}

/** tokenizer.json of a variant, made as test/oracles/make/tokenizer.py makes it. */
function variantJson({ model, ...changes }: Variant['changes']): object {
  const { vocab, merges }: Model = base.model;
  const { without = '', ...options } = model ?? {};
  const keep = (token: string) => ![...without].some((character) => token.includes(character));
  return {
    ...base,
    ...changes,
    model: {
      ...base.model,
      ...options,
      vocab: Object.fromEntries(Object.entries(vocab).filter(([token]) => keep(token))),
      merges: merges.filter((pair) => pair.every(keep)),
    },
  };
}

const gpt2Like = () => createTokenizer({ tokenizerJson: base });
const eot = '<|endoftext|>';

describe('against Hugging Face tokenizers', () => {
  it.each(Object.entries(cases as unknown as Record<string, Variant>))('%s', (_, variant) => {
    const json = variantJson(variant.changes);
    const tokenizer = createTokenizer({ tokenizerJson: json });
    const saved = createTokenizer({ tokenizerJson: tokenizer.save()['tokenizer.json'] as string });
    const got = variant.texts.map((text) => ({ text, ids: [...tokenizer.encode(text)] }));
    expect(got).toEqual(variant.texts.map((text, i) => ({ text, ids: variant.ids[i] })));
    expect(variant.texts.map((text) => [...saved.encode(text)])).toEqual(variant.ids);
    variant.texts.forEach((text, i) => {
      const ids = variant.ids[i] as number[];
      const decoded = variant.decoded[i] ?? text;
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(variant.skipped[i] ?? decoded);
      const stream = tokenizer.stream();
      expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(decoded);
    });
  });

  it('vocab.json and merges.txt give what tokenizer.json gives', () => {
    const { vocab, merges } = base.model;
    const tokenizer = tokenizerFromFiles({
      'vocab.json': JSON.stringify(vocab),
      'merges.txt': `#version: 0.2\n${merges.map((pair) => pair.join(' ')).join('\n')}\n`,
      'special_tokens_map.json': JSON.stringify({ eos_token: eot, pad_token: { content: '<|pad|>', lstrip: false } }),
    });
    const { texts, ids } = cases.plain;
    expect(texts.map((text) => [...tokenizer.encode(text)])).toEqual(ids);
    expect([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.padTokenId]).toEqual([undefined, 0, 1]);
  });
});

describe('files', () => {
  const file = (change: object) => JSON.stringify({ ...base, ...change });
  const model = (change: object) => file({ model: { ...base.model, ...change } });

  it('names special tokens: the tokenizer config first, then the ids of the model config', () => {
    const tokenizer = tokenizerFromFiles({
      'tokenizer.json': file({}),
      'tokenizer_config.json': JSON.stringify({ pad_token: '<|pad|>', bos_token: null, model_max_length: 1024 }),
      'generation_config.json': JSON.stringify({ eos_token_id: [0, 5], bos_token_id: 0, pad_token_id: 7 }),
    });
    expect([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.padTokenId]).toEqual([undefined, 0, 1]);
    expect(tokenizer.eosTokenIds).toEqual([0, 5]);
    const saved = tokenizer.save();
    expect(JSON.parse(saved['tokenizer_config.json'] as string)).toMatchObject({
      pad_token: '<|pad|>',
      eos_token: eot,
      model_max_length: 1024,
    });
    const again = tokenizerFromFiles(new Map(Object.entries(saved)));
    expect([again.eosTokenId, again.padTokenId, again.vocabSize]).toEqual([0, 1, 600]);
  });

  it.each([
    ['the tokenizer alone', { 'tokenizer_config.json': { eos_token: eot } }, [0]],
    ['generation_config.json beside it', { 'generation_config.json': { eos_token_id: [7, 0, 9] } }, [0, 7, 9]],
    ['one id that is another', { 'generation_config.json': { eos_token_id: 7 } }, [0, 7]],
    ['config.json where generation_config.json is silent', { 'config.json': { eos_token_id: [3, 0] } }, [0, 3]],
    [
      'generation_config.json before config.json',
      { 'generation_config.json': { eos_token_id: [7] }, 'config.json': { eos_token_id: [3] } },
      [0, 7],
    ],
    ['ids that name no token', { 'generation_config.json': { eos_token_id: [5000, '4', null, 2 ** 40] } }, [0]],
    ['no EOS token at all', { 'tokenizer_config.json': { eos_token: null }, 'config.json': { eos_token_id: 3 } }, []],
  ])('knows every id at which a model stops: %s', (_, files, expected) => {
    const all = { 'tokenizer_config.json': { eos_token: eot }, 'tokenizer.json': base, ...files };
    const texts = Object.fromEntries(Object.entries(all).map(([name, json]) => [name, JSON.stringify(json)]));
    expect(tokenizerFromFiles(texts).eosTokenIds).toEqual(expected);
  });

  it('takes a role from an id without making its token special', () => {
    const tokenizer = tokenizerFromFiles({
      'tokenizer.json': file({}),
      'config.json': JSON.stringify({ pad_token_id: 2, eos_token_id: 0 }),
    });
    expect([tokenizer.padTokenId, tokenizer.eosTokenId]).toEqual([2, 0]);
    expect([...tokenizer.specialTokenIds]).toEqual([0, 1]);
    expect(tokenizer.decode([2], { skipSpecialTokens: true })).toBe('!');
  });

  it('gives special tokens that the vocabulary lacks the next ids, and BOS where it is asked for', () => {
    const { vocab, merges } = base.model;
    const files = {
      'vocab.json': JSON.stringify(vocab),
      'merges.txt': merges.map((pair) => pair.join(' ')).join('\r\n'),
    };
    const config = { bos_token: '<bos>', eos_token: eot, add_bos_token: true };
    const tokenizer = tokenizerFromFiles({ ...files, 'tokenizer_config.json': JSON.stringify(config) });
    expect(tokenizer.bosTokenId).toBe(600);
    expect(tokenizer.vocabSize).toBe(601);
    expect(tokenizer.encode('the')[0]).toBe(600);
    expect(tokenizer.encode('the', { addSpecialTokens: false })).toEqual(tokenizer.encode('the').slice(1));
    expect(tokenizer.decode(tokenizer.encode('the<bos>'), { skipSpecialTokens: true })).toBe('the');
  });

  it.each([
    [
      'a normalizer that is not known',
      file({ normalizer: { type: 'BertNormalizer' } }),
      /normalizer BertNormalizer is not supported, expected one of NFC, .*Precompiled, Sequence of these \(normalizers\)/,
    ],
    [
      'one in a sequence',
      file({ normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Nmt' }] } }),
      /normalizer Nmt is not supported/,
    ],
    ['another model', model({ type: 'WordPiece' }), /model WordPiece is not supported, expected one of BPE, Unigram/],
    [
      'another model with stages of its own',
      file({
        ...{ model: { type: 'WordPiece', vocab: {} }, normalizer: { type: 'BertNormalizer' } },
        ...{ pre_tokenizer: { type: 'BertPreTokenizer' }, decoder: null },
      }),
      /model WordPiece is not supported, expected one of BPE, Unigram/,
    ],
    ['a model of the name of a method', model({ type: 'toString' }), /model toString is not supported/],
    [
      'another pre-tokenizer',
      file({ pre_tokenizer: { type: 'BertPreTokenizer' } }),
      /pre_tokenizer BertPreTokenizer is not supported, expected one of ByteLevel, Split, Digits, Metaspace/,
    ],
    [
      'bytes before another step',
      file({ pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'ByteLevel' }, { type: 'Digits' }] } }),
      /pre_tokenizer Sequence \[ByteLevel, Digits\] is not supported, expected ByteLevel at its end/,
    ],
    [
      'bytes before, but not after',
      file({ decoder: { type: 'Fuse' } }),
      /decoder Fuse with pre_tokenizer ByteLevel is not supported, expected ByteLevel in both, or in neither/,
    ],
    ['no decoder', file({ decoder: null }), /decoder null with pre_tokenizer ByteLevel/],
    [
      'another decoder',
      file({ decoder: { type: 'WordPiece' } }),
      /decoder WordPiece is not supported, expected one of/,
    ],
    [
      'another post-processor',
      file({ post_processor: { type: 'Padding' } }),
      /post_processor Padding is not supported, expected one of TemplateProcessing/,
    ],
    ['byte fallback of bytes', model({ byte_fallback: true }), /byte_fallback with ByteLevel/],
    [
      'byte fallback without tokens of bytes',
      file({ pre_tokenizer: null, decoder: { type: 'Fuse' }, model: { ...base.model, byte_fallback: true } }),
      /byte_fallback needs a token for each byte, but there is no <0x00>/,
    ],
    [
      'a field that is no flag',
      file({ pre_tokenizer: { type: 'Digits', individual_digits: 'yes' } }),
      /pre_tokenizer Digits: individual_digits/,
    ],
    [
      'a charsmap that is none',
      file({ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } }),
      /normalizer Precompiled: precompiled_charsmap is malformed/,
    ],
    ...(
      [
        ['\\bword', '"\\\\b" at character 0'],
        ['(?<=a)b', '"\\(\\?<="'],
        ['(a)\\1', '"\\\\1"'],
        ['\\p{Greek}', 'the property "Greek"'],
        ['a(?!bc)', 'a look-ahead at more than one character'],
        ['(', 'a "\\(" without "\\)"'],
        ['a)', 'a "\\)" without "\\("'],
        ['[a', 'a "\\[" without "\\]"'],
        ['a{5000}', 'the count \\{5000\\}'],
        ['[b-a]', 'a range without ends'],
        ['a++ab', 'a possessive repetition that takes what follows it'],
        ['(a{500}){500}', 'more than 20000 steps'],
      ] as const
    ).map(([regex, what]): [string, string, RegExp] => [
      `the regular expression ${regex}`,
      file({
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated' },
            { type: 'ByteLevel', use_regex: false },
          ],
        },
      }),
      new RegExp(`pre_tokenizer Split: the regular expression .* has ${what}`),
    ]),
    [
      'a component without a field',
      file({ normalizer: { type: 'Replace', pattern: { String: 'a' } } }),
      /normalizer Replace: content is missing, expected a string\./,
    ],
    [
      'a pattern of another kind',
      file({ normalizer: { type: 'Replace', pattern: 7, content: '' } }),
      /normalizer Replace: pattern is 7, expected an object\./,
    ],
    [
      'a word that is none of the known ones',
      file({ pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'Odd' } }),
      /pre_tokenizer Split: behavior is "Odd", expected one of "Removed", /,
    ],
    ['text that is not JSON', '{"model"', /tokenizer.json: not valid JSON/],
    ['no model', '{}', /tokenizer.json: model/],
    ['an id that is no integer', model({ vocab: { a: 0.5 } }), /id of "a" is 0.5/],
    ['a huge id', model({ vocab: { a: 4e9 } }), /id of "a" is 4000000000/],
    ['two tokens with one id', model({ vocab: { a: 0, b: 0 }, merges: [] }), /id 0 belongs to two tokens, "b"/],
    ['a merge of strangers', model({ merges: [['a', 'qqq']] }), /merges: entry 0, "a qqq"/],
    ['a merge of three', model({ merges: ['a b', 'a b c'] }), /merges: entry/],
    ['a merge that is no pair', model({ merges: [7] }), /merges: entry 0 is 7/],
    ['a merge of lists', model({ merges: [[['a'], 'b']] }), /merges: entry 0 is \[\["a"\],"b"\]/],
    [
      'half of a character in the vocabulary',
      model({ vocab: { 'a\ud83d': 0 }, merges: [] }),
      /vocab: entry 0, .*half of/,
    ],
    ['half of a character in a merge', model({ merges: ['a \ud83d'] }), /merges: entry 0, .*half of a character/],
    [
      'half of a character in an added token',
      file({ added_tokens: [{ id: 900, content: '\ude00' }] }),
      /added_tokens: entry 0, .*half of a character/,
    ],
    [
      'sequences nested without end',
      `{"model":{"vocab":{}},"post_processor":${'{"type":"Sequence","processors":['.repeat(1e5)}${']}'.repeat(1e5)}}`,
      /nested 200001 deep/,
    ],
    ...(
      [
        [
          'TemplateProcessing',
          {
            single: [{ SpecialToken: { id: 'x' } }, { Sequence: { id: 'A' } }],
            special_tokens: { x: { ids: [99999] } },
          },
        ],
        ['BertProcessing', { cls: ['a', 0], sep: ['b', 99999] }],
        ['RobertaProcessing', { cls: ['a', 99999], sep: ['b', 0] }],
      ] as const
    ).map(([type, fields]): [string, string, RegExp] => [
      `${type} with an id that no token has`,
      file({ post_processor: { type, ...fields } }),
      /post_processor: it puts id 99999 around texts, which no token has, expected one of the \d+ ids/,
    ]),
    ...['__proto__', 'constructor', 'toString'].map((id): [string, string, RegExp] => [
      `a template's token ${id} that is not listed`,
      file({
        post_processor: {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id } }, { Sequence: { id: 'A' } }],
          special_tokens: {},
        },
      }),
      new RegExp(`special token "${id}" is not listed`),
    ]),
    [
      "a template's token without ids",
      file({
        post_processor: {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: 'x' } }, { Sequence: { id: 'A' } }],
          special_tokens: { x: { ids: ['1'] } },
        },
      }),
      /post_processor TemplateProcessing: "x": ids\[0\]/,
    ],
    ['an added token with two ids', file({ added_tokens: [{ id: 9, content: eot }] }), /id 9, but id 0/],
  ])('refuses %s', (_, tokenizerJson, message) => {
    expect(() => createTokenizer({ tokenizerJson })).toThrow(CheckpointError);
    expect(() => createTokenizer({ tokenizerJson })).toThrow(message);
  });

  it('reads a special token that is called __proto__, also from what it saved', () => {
    const { vocab, merges } = base.model as unknown as { vocab: object; merges: [string, string][] };
    const made = createTokenizer({ vocab, merges, specialTokens: { bos: '__proto__' }, addBosToken: true });
    const saved = createTokenizer({ tokenizerJson: made.save()['tokenizer.json'] as string });
    expect([...made.encode('the')][0]).toBe(made.tokenToId('__proto__'));
    expect(saved.encode('the')).toEqual(made.encode('the'));
  });

  it.each(['', 'one', '-1', '0x10', '1.5'])('refuses %j as the id of an added token', (id) => {
    const files = {
      'vocab.json': JSON.stringify(base.model.vocab),
      'merges.txt': '',
      'tokenizer_config.json': JSON.stringify({ added_tokens_decoder: { [id]: { content: '<x>' } } }),
    };
    expect(() => tokenizerFromFiles(files)).toThrow(CheckpointError);
    expect(() => tokenizerFromFiles(files)).toThrow(/tokenizer_config.json: added_tokens_decoder: .*id/);
  });

  it('refuses components nested without end in a parsed file', () => {
    const nested = (depth: number): object =>
      Array.from({ length: depth }).reduce<object>((inner) => ({ type: 'Sequence', processors: [inner] }), {});
    const endless = Array.from({ length: 1e5 }).reduce<unknown[]>((inner) => [inner], []);
    const cases: [object, RegExp][] = [
      [{ normalizer: nested(1e5) }, /normalizer Sequence \[Sequence \[.*\.\.\./],
      [{ pre_tokenizer: nested(1e5) }, /pre_tokenizer Sequence/],
      [{ post_processor: nested(1e5) }, /post_processor Sequence/],
      [{ decoder: { type: endless } }, /decoder an array that JSON cannot hold/],
      [{ model: { ...base.model, dropout: endless } }, /dropout = an array that JSON cannot hold/],
      [{ model: { ...base.model, merges: [endless] } }, /merges: entry 0 is an array that JSON cannot hold/],
    ];
    for (const [change, message] of cases) {
      const error = (() => {
        try {
          return createTokenizer({ tokenizerJson: { ...base, ...change } });
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toBeInstanceOf(CheckpointError);
      expect((error as Error).message).toMatch(message);
    }
  });

  it('refuses a folder whose files are not UTF-8', async () => {
    const { vocab } = base.model;
    const files = { 'vocab.json': JSON.stringify(vocab), 'merges.txt': Uint8Array.of(0x61, 0x20, 0xe9) };
    await expect(loadTokenizer(memoryStore(files))).rejects.toThrow(
      'memory: merges.txt: line 1, byte 3 of the file (0xE9) is not UTF-8',
    );
  });

  it('refuses a folder without a tokenizer', () => {
    expect(() => tokenizerFromFiles({ 'config.json': '{}' })).toThrow(/found config.json, expected tokenizer.json/);
  });
});

describe('encode and decode', () => {
  it('takes unpaired surrogates as U+FFFD', () => {
    const tokenizer = gpt2Like();
    for (const text of ['\ud800', 'a\udc00b', '\ud83d \ude00', '\udc00\ud800']) {
      expect(tokenizer.encode(text)).toEqual(tokenizer.encode(text.replace(/[\ud800-\udfff]/g, '\ufffd')));
    }
    expect(tokenizer.decode(tokenizer.encode('\u{1f600}'))).toBe('\u{1f600}');
  });

  it('decodes what it encoded, for 3000 seeded strings', () => {
    const tokenizer = gpt2Like();
    const rng = createRng(11);
    const pools = [0x80, 0x80, 0x250, 0x3000, 0xd7ff, 0x10ffff];
    for (let round = 0; round < 3000; round++) {
      const pool = pools[rng.int(pools.length)] as number;
      const points = Array.from({ length: rng.int(40) }, () => rng.int(pool));
      const text = String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff));
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });

  it('gives one text the same ids in one piece and in a longer text', () => {
    const tokenizer = gpt2Like();
    const text = cases.plain.texts.join('\n');
    const long = `${text}${eot}`.repeat(40);
    const ids = [...tokenizer.encode(`${text}${eot}`)];
    expect([...tokenizer.encode(long)]).toEqual(Array.from({ length: 40 }, () => ids).flat());
    expect(tokenizer.decode(tokenizer.encode(long))).toBe(long);
    expect(tokenizer.encodeBatch([text, '', text])).toEqual([
      tokenizer.encode(text),
      new Int32Array(0),
      tokenizer.encode(text),
    ]);
  });

  it('merges a word of 200,000 letters in a time that is not quadratic', () => {
    const tokenizer = gpt2Like();
    const word = 'understandingtheworld'.repeat(10_000);
    const start = performance.now();
    const ids = tokenizer.encode(word);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(tokenizer.decode(ids)).toBe(word);
    // The merges of a word do not depend on which of the two ways is taken: in the middle the word is periodic.
    const short = [...tokenizer.encode('understandingtheworld'.repeat(2))];
    expect([...ids.slice(0, short.length - 8)]).toEqual(short.slice(0, -8));
  });

  it('refuses a text that would not fit the memory', () => {
    expect(() => gpt2Like().encode('a'.repeat(2 ** 26 + 1))).toThrow(LimitError);
  });

  it('encodes special tokens as text where they are not allowed', () => {
    const tokenizer = gpt2Like();
    const text = `a${eot}<|pad|>`;
    const plain = [...tokenizer.encode(text, { allowedSpecial: 'none' })];
    expect(plain).not.toContain(0);
    expect(plain).not.toContain(1);
    expect(tokenizer.decode(plain)).toBe(text);
    const some = [...tokenizer.encode(text, { allowedSpecial: ['<|pad|>'] })];
    expect(some).not.toContain(0);
    expect(some.at(-1)).toBe(1);
    expect([...tokenizer.encode(text)].slice(-2)).toEqual([0, 1]);
    expect(() => tokenizer.encode(text, { allowedSpecial: ['<x>'] })).toThrow(OptionError);
  });

  it('holds back a character until its last byte', () => {
    const tokenizer = gpt2Like();
    const ids = tokenizer.encode('🦙!');
    expect(ids.length).toBeGreaterThan(2);
    const stream = tokenizer.stream();
    const parts = Array.from(ids, (id) => stream.push(id));
    expect(parts.slice(0, -2)).toEqual(parts.slice(0, -2).map(() => ''));
    expect(parts.slice(-2)).toEqual(['🦙', '!']);
    stream.push(ids[0] as number);
    expect(stream.end()).toBe('\ufffd');
  });

  it('decodes an id without a token to nothing: models may have more rows than the tokenizer has tokens', () => {
    const tokenizer = gpt2Like();
    for (const id of [600, 50_271, 2 ** 31 - 1]) {
      expect(tokenizer.decode([5, id, 6])).toBe(tokenizer.decode([5, 6]));
      expect(tokenizer.decode([id], { skipSpecialTokens: true })).toBe('');
      expect(tokenizer.idToToken(id)).toBeUndefined();
    }
    const stream = tokenizer.stream();
    const llama = tokenizer.encode('🦙');
    expect(Array.from(llama, (id) => stream.push([600, id])).join('')).toBe('🦙');
  });

  it('refuses what is no token id', () => {
    const tokenizer = gpt2Like();
    for (const id of [-100, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32, '5', undefined]) {
      const given = id as number;
      for (const refused of [
        () => tokenizer.decode([5, given]),
        () => tokenizer.decode([given], { skipSpecialTokens: true }),
        () => tokenizer.stream().push([given]),
        () => tokenizer.idToToken(given),
      ]) {
        expect(refused).toThrow(CompatibilityError);
        expect(refused).toThrow(`${id} is no token id, expected an integer from 0 to 2^31 - 1`);
      }
    }
    expect(() => tokenizer.stream().push(2 ** 32)).toThrow(CompatibilityError);
    expect(tokenizer.idToToken(0)).toBe(eot);
    expect(tokenizer.tokenToId('Ġthe')).toBe((base.model.vocab as Record<string, number>).Ġthe);
    expect(tokenizer.tokenToId('no such token')).toBeUndefined();
  });

  it('forgets words rather than grow for ever', () => {
    const tokenizer = gpt2Like();
    const rng = createRng(5);
    const words = () => Array.from({ length: 20_000 }, () => rng.int(2 ** 32 - 1).toString(36)).join(' qx');
    const first = words();
    const ids = tokenizer.encode(first);
    for (let round = 0; round < 6; round++) tokenizer.encode(words());
    expect(tokenizer.encode(first)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(first);
  });

  it('throws after dispose, which may be called twice', () => {
    const tokenizer = gpt2Like();
    tokenizer.dispose();
    tokenizer.dispose();
    expect(() => tokenizer.encode('a')).toThrow(DisposedError);
    expect(() => tokenizer.decode([1])).toThrow(DisposedError);
  });
});
