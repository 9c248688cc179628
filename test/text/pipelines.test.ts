/**
 * Tokenizers of every kind against their own libraries: Hugging Face tokenizers, sentencepiece, tiktoken. The expected
 * digests are made by test/oracles/make/pipelines.py.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointError, OptionError } from '../../src/errors.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { fieldsOf, floatOf } from '../../src/text/formats/protobuf.js';
import { createTokenizer, loadTokenizer, type TiktokenOptions, type Tokenizer } from '../../src/text/index.js';
import oracle from '../oracles/pipelines/cases.json' with { type: 'json' };
import characters from '../oracles/pipelines/characters.json' with { type: 'json' };
import locales from '../oracles/pipelines/locales.json' with { type: 'json' };
import cases from '../oracles/tokenizer/cases.json' with { type: 'json' };
import bytes from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };

type Json = Record<string, unknown> & { model: Record<string, unknown> };
interface Case {
  base: 'bytes' | 'characters' | 'unigram';
  changes: Record<string, unknown> & { model?: object; dropMerges?: number; byteTokens?: boolean };
  digests: number[];
}

const texts = [...new Set([...cases.plain.texts, ...cases['added tokens'].texts, ...locales, ...oracle.extra])];
const modelFile = (name: string) => readFile(new URL(`../oracles/pipelines/${name}.model`, import.meta.url));
const byteTokens = Array.from({ length: 256 }, (_, byte) => [
  `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  0,
]);

/** @param value the digest of what came before, where there was something */
function digest(ids: ArrayLike<number>, text: string, value = 0x811c9dc5): number {
  for (const number of [...Array.from(ids), 0xffffffff, ...new TextEncoder().encode(text)]) {
    value = Math.imul(value ^ number, 0x01000193);
  }
  return value >>> 0;
}

/** Texts of two to four pieces of others, cut anywhere, as pipelines.py draws them. */
const mixed = (() => {
  const pieces = texts.filter((text) => text !== '').map((text) => [...text]);
  let state = 1;
  const draw = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
  const piece = () => {
    const text = pieces[draw(pieces.length)] as string[];
    const start = draw(text.length);
    return text.slice(start, start + 1 + draw(24)).join('');
  };
  return Array.from({ length: 2400 }, () => Array.from({ length: 2 + draw(3) }, piece).join(''));
})();
const mixedGroup = 50;

/** The first texts of the groups of mixed ones of which some ids, or the text of them, are not as expected. */
function differentMixed(
  expected: readonly number[],
  encode: (text: string) => Int32Array,
  decode: (ids: Int32Array) => string,
  of: readonly string[] = mixed,
): string[] {
  expect(expected).toHaveLength(Math.ceil(of.length / mixedGroup));
  return expected.flatMap((wanted, group) => {
    const [first = '', ...others] = of.slice(group * mixedGroup, (group + 1) * mixedGroup);
    const found = [first, ...others].reduce<number | undefined>((value, text) => {
      const ids = encode(text);
      return digest(ids, decode(ids), value);
    }, undefined);
    return found === wanted ? [] : [first];
  });
}

/** tokenizer.json of the pieces in unigram.model, as pipelines.py makes it. */
async function unigramJson(): Promise<Json> {
  const file = [...fieldsOf(await modelFile('unigram'), 'unigram.model')];
  const pieces = file
    .filter(({ number }) => number === 1)
    .map(({ bytes: piece }) => {
      const fields = [...fieldsOf(piece, 'piece')];
      const [text, score, type] = [1, 2, 3].map((number) => fields.find((field) => field.number === number));
      return {
        text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(text?.bytes),
        score: score ? floatOf(score) : 0,
        type: type?.value ?? 1,
      };
    });
  const rules = [...fieldsOf(file.find(({ number }) => number === 3)?.bytes ?? new Uint8Array(), 'rules')];
  const charsmap = Buffer.from(rules.find(({ number }) => number === 2)?.bytes ?? []).toString('base64');
  const metaspace = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true };
  return {
    added_tokens: pieces.flatMap(({ text, type }, id) =>
      type === 2 || type === 3 ? [{ id, content: text, special: true }] : [],
    ),
    normalizer: { type: 'Precompiled', precompiled_charsmap: charsmap },
    pre_tokenizer: metaspace,
    post_processor: null,
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: 2, vocab: pieces.map(({ text, score }) => [text, score]), byte_fallback: false },
  };
}

async function jsonOf({ base, changes }: Case): Promise<object> {
  const { model, dropMerges, byteTokens: addsBytes, ...stages } = changes;
  const bases = { bytes: bytes as unknown as Json, characters: characters as unknown as Json };
  const content = base === 'unigram' ? await unigramJson() : bases[base];
  const { vocab, merges } = content.model as { vocab: unknown[]; merges?: unknown[] };
  return {
    ...content,
    ...stages,
    model: {
      ...content.model,
      ...(addsBytes && { vocab: [...vocab, ...byteTokens] }),
      ...model,
      ...(dropMerges && { merges: merges?.filter((_, i) => i % dropMerges > 0) }),
    },
  };
}

/** The texts whose ids, or the text of them, are not as expected. */
function different(
  tokenizer: Tokenizer,
  expected: readonly number[],
  decode = (ids: Int32Array) => tokenizer.decode(ids),
) {
  expect(expected).toHaveLength(texts.length);
  return texts
    .map((text, i) => ({ text, ids: tokenizer.encode(text), wanted: expected[i] }))
    .map((each) => ({ ...each, decoded: decode(each.ids) }))
    .filter(({ ids, decoded, wanted }) => digest(ids, decoded) !== wanted)
    .map(({ text, ids, decoded }) => ({ text, ids: [...ids], decoded }));
}

describe('against Hugging Face tokenizers', () => {
  it.each(Object.entries(oracle.cases as unknown as Record<string, Case>))('%s', async (name, each) => {
    const tokenizer = createTokenizer({ tokenizerJson: await jsonOf(each) });
    expect(different(tokenizer, each.digests)).toEqual([]);
    const groups = (oracle.mixed.cases as Record<string, number[]>)[name] as number[];
    const encode = (text: string) => tokenizer.encode(text);
    expect(differentMixed(groups, encode, (ids) => tokenizer.decode(ids))).toEqual([]);
    const skipping = (ids: Int32Array) => tokenizer.decode(ids, { skipSpecialTokens: true });
    const skipped = (oracle.mixed.skipped as Record<string, number[]>)[name] as number[];
    expect(differentMixed(skipped, encode, skipping, [...texts, ...mixed])).toEqual([]);
    const saved = createTokenizer({ tokenizerJson: tokenizer.save()['tokenizer.json'] as string });
    expect(different(saved, each.digests)).toEqual([]);
    // Id by id the same text comes out.
    const streamed = (ids: Int32Array) => {
      const stream = tokenizer.stream();
      return Array.from(ids, (id) => stream.push(id)).join('') + stream.end();
    };
    expect(different(tokenizer, each.digests, streamed)).toEqual([]);
    tokenizer.dispose();
    saved.dispose();
  });
});

describe('against sentencepiece', () => {
  it.each(Object.entries(oracle.sentencePiece))('%s.model', async (name, expected) => {
    const tokenizer = createTokenizer({ sentencePiece: await modelFile(name) });
    const unknown = tokenizer.tokenToId('<unk>') as number;
    const wrong = texts
      .map((text, i) => ({ text, ids: tokenizer.encode(text, { allowedSpecial: 'none' }), wanted: expected[i] }))
      .map((each) => ({ ...each, decoded: each.ids.includes(unknown) ? '' : tokenizer.decode(each.ids) }))
      .filter(({ ids, decoded, wanted }) => digest(ids, decoded) !== wanted);
    expect(wrong.map(({ text, ids, decoded }) => ({ text, ids: [...ids], decoded }))).toEqual([]);
    const groups = (oracle.mixed.sentencePiece as Record<string, number[]>)[name] as number[];
    const encode = (text: string) => tokenizer.encode(text, { allowedSpecial: 'none' });
    const decode = (ids: Int32Array) => (ids.includes(unknown) ? '' : tokenizer.decode(ids));
    expect(differentMixed(groups, encode, decode)).toEqual([]);
    for (const text of texts) {
      const ids = tokenizer.encode(text);
      const stream = tokenizer.stream();
      expect(Array.from(ids, (id) => stream.push(id)).join('') + stream.end()).toBe(tokenizer.decode(ids));
    }
  });
});

describe('against tiktoken', () => {
  it('ranks, a pattern and special tokens', async () => {
    const { pattern, special, digests } = oracle.tiktoken;
    const visible = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
    let next = 0x100;
    const byteOf = new Map(
      Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(visible(byte) ? byte : next++), byte]),
    );
    const lines = Object.entries(bytes.model.vocab)
      .filter(([token]) => !Object.hasOwn(special, token))
      .map(
        ([token, id]) =>
          `${Buffer.from([...token].map((each) => byteOf.get(each) as number)).toString('base64')} ${id}`,
      );
    const store = memoryStore({ 'ranks.tiktoken': `${lines.join('\n')}\n` });
    const [eos] = Object.keys(special) as [string];
    const tiktoken = { file: 'ranks.tiktoken', pattern, specialTokens: special, eos };
    const tokenizer = await loadTokenizer(store, { tiktoken });
    expect(different(tokenizer, digests)).toEqual([]);
    const encode = (text: string) => tokenizer.encode(text);
    expect(differentMixed(oracle.mixed.tiktoken, encode, (ids) => tokenizer.decode(ids))).toEqual([]);
    expect(tokenizer.eosTokenId).toBe((special as Record<string, number>)[eos]);
    const saved = createTokenizer({ tokenizerJson: tokenizer.save()['tokenizer.json'] as string });
    expect(different(saved, digests)).toEqual([]);
  });
});

describe("tiktoken's files", () => {
  const ranks = Array.from({ length: 256 }, (_, byte) => `${Buffer.of(byte).toString('base64')} ${byte}`).join('\n');
  const load = (file: string, options: Partial<TiktokenOptions> = {}, name = 'a.tiktoken') =>
    loadTokenizer(memoryStore({ [name]: file }), { tiktoken: { file: name, pattern: '\\S+|\\s+', ...options } });

  it('may be short, and are saved as tokenizer.json', async () => {
    const tokenizer = await load(`${ranks}\r\nYWI= 256\r\n`, { specialTokens: { '<end>': 300 }, eos: '<end>' });
    expect([...tokenizer.encode('abab c<end>')]).toEqual([256, 256, 32, 99, 300]);
    expect([...tokenizer.encode('ab ab')]).toEqual([256, 32, 256]);
    expect([tokenizer.vocabSize, tokenizer.eosTokenIds]).toEqual([301, [300]]);
    const again = await loadTokenizer(memoryStore(tokenizer.save()));
    expect(again.encode('ab ab<end>')).toEqual(tokenizer.encode('ab ab<end>'));
    expect(again.eosTokenId).toBe(300);
  });

  it.each([
    // cl100k_base's, and as it was before tiktoken 0.8.
    String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`,
    String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ])("are cut by OpenAI's patterns: %s", async (pattern) => {
    const tokenizer = await load(`${ranks}\nYWI= 256\nIGE= 257\nYWIx 258\nICA= 259`, { pattern });
    // "ab1" and the first two spaces are no pieces, so that their ranks count for nothing.
    expect([...tokenizer.encode('ab1  ab ab  ')]).toEqual([256, 49, 32, 32, 256, 32, 256, 259]);
  });

  it.each([
    ['(a?){1000}{9}', 'has too many places in its states'],
    [`a${'*'.repeat(100_000)}`, 'has repetitions nested more than 100 deep'],
    ['(b(){1000}{1000}{1000}{1000}', 'has a "(" without ")"'],
    ['(){1000}{1000}{1000}{1000}[', 'has a "[" without "]"'],
  ])('refuse soon a pattern that would take long: %.20s', async (pattern, message) => {
    await expect(load(ranks, { pattern })).rejects.toThrow(message);
  });

  it('take nothing a billion times for nothing', async () => {
    const tokenizer = await load(ranks, { pattern: 'a(){1000}{1000}{1000}{1000}' });
    expect([...tokenizer.encode('a')]).toHaveLength(1);
  });

  it('are refused where they are malformed, by their line, and where the options do not fit', async () => {
    await expect(load('IQ== 0\nIQ==\n')).rejects.toThrow(/a.tiktoken: tiktoken: line 2 is "IQ==", expected base64 and/);
    await expect(load('A 0')).rejects.toThrow(CheckpointError);
    await expect(load('\n')).rejects.toThrow('the file is empty');
    const pattern = await load(ranks, { pattern: '(a' }).catch((error: unknown) => error);
    expect(pattern).toBeInstanceOf(OptionError);
    expect(pattern).toMatchObject({
      option: 'tiktoken.pattern',
      found: '(a',
      message:
        'loadTokenizer: tiktoken.pattern: the regular expression "(a" has a "(" without ")" at character 0, which is not supported.',
    });
    await expect(load(ranks, { specialTokens: { '<x>': 5 } })).rejects.toThrow(
      'tiktoken.specialTokens: "<x>" has id 5, which is that of an ordinary token',
    );
    await expect(load(ranks, { eos: '<end>' })).rejects.toThrow(
      'tiktoken.eos is "<end>", expected one of tiktoken.specialTokens',
    );
    await expect(loadTokenizer(memoryStore({}), { tiktoken: { pattern: 'a' } })).rejects.toThrow(OptionError);
    await expect(loadTokenizer(memoryStore({ 'tokenizer.model': ranks }))).rejects.toThrow(
      /tokenizer.model: it is a file of tiktoken's, .* option tiktoken: \{ file: 'tokenizer.model', pattern/,
    );
  });
});

it("a file of tiktoken's without the option is told the option, and a folder without the file the file", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'distillm-tiktoken-'));
  const path = join(folder, 'ranks.tiktoken');
  const inFolder = () => loadTokenizer(folder, { tiktoken: { pattern: 'a' } });
  await expect(inFolder()).rejects.toThrow(
    /is a folder, expected a file of tiktoken's\. Name the file .* tiktoken\.file\.$/,
  );
  await writeFile(path, 'IQ== 0\n');
  await expect(inFolder()).rejects.toThrow(OptionError);
  await expect(inFolder()).rejects.toThrow(/Name the file in it as tiktoken\.file, 'ranks\.tiktoken' perhaps\.$/);
  await expect(loadTokenizer(path)).rejects.toThrow(
    /ranks.tiktoken is a file, .* loadTokenizer takes the option tiktoken: \{ pattern/,
  );
  await rm(folder, { recursive: true });
});

describe('time', () => {
  it.each([
    { lstrip: true, rstrip: true },
    { lstrip: true, rstrip: false },
    { lstrip: false, rstrip: true },
  ])('a token " " with %o, in a run of spaces: four times the run takes at most 2.3^2 times as long', (sides) => {
    const tokenizer = createTokenizer({
      tokenizerJson: {
        ...bytes,
        added_tokens: [
          { id: 700, content: ' ', special: true, ...sides },
          { id: 701, content: '\t', special: true },
        ],
      },
    });
    for (const run of [' ', ' \t']) {
      const seconds = (times: number) => {
        const start = process.cpuUsage();
        tokenizer.encode(`a${run.repeat(times)}b`);
        return process.cpuUsage(start).user;
      };
      const [short, long] = [1, 4].map((times) =>
        Math.min(...Array.from({ length: 3 }, () => seconds(times * 2 ** 15))),
      ) as [number, number];
      expect({ run, short, long }).toSatisfy(() => long < Math.max(short, 5000) * 2.3 ** 2);
    }
    tokenizer.dispose();
  });

  const kinds = ['llama 3', 'smollm 2', 'nfc', 'llama 2', 'gemma', 't5', 'unigram over a whole text'];
  const known = oracle.cases as unknown as Record<string, Case>;

  /** Microseconds of the processor that a tokenizer takes for a text, the least of some calls. */
  const timer =
    (tokenizer: Tokenizer) =>
    (text: string, calls = 3) => {
      const times = Array.from({ length: calls }, () => {
        const start = process.cpuUsage();
        tokenizer.encode(text);
        return process.cpuUsage(start).user;
      });
      return Math.min(...times);
    };

  it.each(kinds)('%s: a run of 2^20 takes at most 2.3^5 times as long as one of 2^15', async (name) => {
    const tokenizer = createTokenizer({ tokenizerJson: await jsonOf(known[name] as Case) });
    const seconds = timer(tokenizer);
    // What grows with the square takes 1,000 times as long, so that no busy machine hides it, nor makes it up.
    for (const run of ['a', ' ', '\u4e2d']) {
      const [short, long] = [seconds(run.repeat(2 ** 15)), seconds(run.repeat(2 ** 20), 1)];
      expect({ run, short, long }).toSatisfy(() => long < Math.max(short, 5000) * 2.3 ** 5);
    }
    tokenizer.dispose();
  });

  it.each(kinds)('%s: four times the text takes at most 2.3^2 times as long', async (name) => {
    const tokenizer = createTokenizer({ tokenizerJson: await jsonOf(known[name] as Case) });
    const seconds = timer(tokenizer);
    for (const run of ['a', ' ', '\n', '1', '\u0301', '\u4e2d', '\u2581', '<']) {
      const [short, long] = [seconds(run.repeat(2 ** 15)), seconds(run.repeat(2 ** 17))];
      // Below 5 ms the clock and the other work of the machine decide.
      expect({ run, short, long }).toSatisfy(() => long < Math.max(short, 5000) * 2.3 ** 2);
    }
    tokenizer.dispose();
  });
});
