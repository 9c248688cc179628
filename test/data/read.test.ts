import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInstructions, readPrompts, readText, readTokenizerTexts, type TextSource } from '../../src/data/index.js';
import { DataError, OptionError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const lines = Array.from({ length: 5 }, (_, i) => JSON.stringify({ instruction: `Say ${i}.`, response: `${i}` }));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-data-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('readInstructions', () => {
  it('reads plain and gzipped files and holds records back: drawn ones, or the first', async () => {
    await writeFile(join(folder, 'd.jsonl'), `\ufeff${lines.join('\n')}`);
    await writeFile(join(folder, 'd.jsonl.gz'), gzipSync(lines.join('\n')));
    for (const name of ['d.jsonl', 'd.jsonl.gz']) {
      const drawn = await readInstructions(join(folder, name), { tokenizer, validation: 2 });
      expect(drawn.validation.map(({ instruction }) => instruction)).toEqual(['Say 0.', 'Say 2.']);
      expect(drawn.train.map(({ references }) => references)).toEqual([['1'], ['3'], ['4']]);
      const options = { tokenizer, validation: 2, validationOrder: 'first' } as const;
      const data = await readInstructions(join(folder, name), options);
      expect(data.validation.map(({ instruction }) => instruction)).toEqual(['Say 0.', 'Say 1.']);
      expect(data.train.map(({ references }) => references)).toEqual([['2'], ['3'], ['4']]);
      expect(data.cut).toEqual({ prompts: 0, responses: 0 });
    }
  });

  it('counts what the limits cut', async () => {
    const text = `${lines[0]}\n${JSON.stringify({ instruction: 'x'.repeat(900), output: 'y'.repeat(900) })}`;
    expect((await readInstructions({ text }, { tokenizer })).cut).toEqual({ prompts: 1, responses: 1 });
  });

  it.each([
    [{ text: '\n \n', name: 'e.jsonl' }, {}, /e\.jsonl holds no instruction/],
    [{ text: lines.join('\n') }, { validation: 5 }, /all 5 records go to the validation set/],
    [
      { text: lines.join('\n') },
      { maxPromptLength: 600, maxLength: 512 },
      /readInstructions: maxLength is 512, expected more than maxPromptLength \(600\)/,
    ],
    ['missing/d.jsonl', {}, /missing\/d\.jsonl: cannot be read: there is no such file/],
    [{ text: lines[0] as string }, { validation: 1 }, /the only record goes to the validation set/],
  ])('refuses %j', async (source, options, message) => {
    await expect(readInstructions(source, { tokenizer, ...options })).rejects.toThrow(message);
  });

  it('a file of data that is missing, or a folder, is an error of data, whichever function reads it', async () => {
    const read = async (path: string) => [
      await readInstructions(path, { tokenizer }).catch((error: unknown) => error),
      await readText(path, { tokenizer, length: 8 }).catch((error: unknown) => error),
      await readPrompts(path).catch((error: unknown) => error),
      await readTokenizerTexts(path)
        .next()
        .catch((error: unknown) => error),
    ];
    for (const error of [...(await read(join(folder, 'nope.jsonl'))), ...(await read(folder))]) {
      expect(error).toBeInstanceOf(DataError);
      expect(error).toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(/no such file|is a folder/) });
    }
  });

  it.each<[unknown[], RegExp]>([
    [[], /^readInstructions: there are no records/],
    [[null], /^readInstructions: record 1 is null, expected an object/],
    [[{ instruction: 'a', output: 'b' }, 7], /^readInstructions: record 2 is 7, expected an object/],
    [[[]], /^readInstructions: record 1 is \[\], expected an object/],
    [[[1]], /^readInstructions: record 1 is \[1\], expected an object/],
    [new Array(2), /^readInstructions: record 1 is undefined, expected an object/],
    [['d.jsonl', null], /^readInstructions: sources is \["d.jsonl",null\], expected a file's path/],
  ])('says which record of a list is none: case %#', async (records, message) => {
    const error = await readInstructions(records as object[], { tokenizer }).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(OptionError);
    expect((error as Error).message).toMatch(message);
  });

  it('takes a default length from the one that is given: the template fits into half of it', async () => {
    const text = JSON.stringify({ instruction: 'x'.repeat(900), output: 'y'.repeat(900) });
    const lengths = async (options: object) => {
      const [example] = (await readInstructions({ text }, { tokenizer, ...options })).train;
      return [example!.promptLength, example!.ids.length];
    };
    expect(await lengths({})).toEqual([256, 512]);
    expect(await lengths({ maxLength: 200 })).toEqual([100, 200]);
    expect(await lengths({ maxPromptLength: 600 })).toEqual([600, 1200]);
    expect(await lengths({ maxPromptLength: 90 })).toEqual([90, 512]);
    expect(await lengths({ maxPromptLength: 90, maxLength: 100 })).toEqual([90, 100]);
  });

  it('says that a file is not UTF-8', async () => {
    await writeFile(join(folder, 'latin.jsonl'), Buffer.from([0x7b, 0xe9, 0x7d]));
    await expect(readInstructions(join(folder, 'latin.jsonl'), { tokenizer })).rejects.toThrow(
      /latin\.jsonl: line 1: byte 2 of the line \(0xE9\) is not UTF-8: convert the file to UTF-8/,
    );
    const bytes = [Buffer.from(`${lines[0]}\n`), Buffer.from([0x7b, 0xff, 0x0a]), Buffer.from(`${lines[1]}\n`)];
    await writeFile(join(folder, 'one.jsonl'), Buffer.concat(bytes));
    const skipped: unknown[] = [];
    const one = join(folder, 'one.jsonl');
    const data = await readInstructions(one, { tokenizer, skipInvalid: (records) => skipped.push(records) });
    expect(data.train).toHaveLength(2);
    expect(skipped).toMatchObject([{ count: 1, first: [expect.stringMatching(/line 2: byte 2 of the line/)] }]);
  });

  it('reads several files one after the other, for validation too', async () => {
    await writeFile(join(folder, 'a.jsonl'), `${lines[0]}\n${lines[1]}`);
    const files = [join(folder, 'a.jsonl'), { text: lines[2] as string }];
    const data = await readInstructions(files, { tokenizer, validation: files });
    for (const set of [data.train, data.validation]) {
      expect(set.map(({ instruction }) => instruction)).toEqual(['Say 0.', 'Say 1.', 'Say 2.']);
    }
    const empty = ['a.jsonl', 'b.jsonl'].map((name) => ({ text: '\n', name }));
    await expect(readInstructions(empty, { tokenizer })).rejects.toThrow(/^a\.jsonl, b\.jsonl holds no instruction/);
  });

  it('takes records, Blobs and Files as it takes paths, for validation too', async () => {
    const records = lines.map((line) => JSON.parse(line) as object);
    const expected = await readInstructions({ text: lines.join('\n') }, { tokenizer, validation: 2 });
    const blob = new Blob([lines.join('\n')]);
    const packed = new File([gzipSync(lines.join('\n'))], 'd.jsonl.gz');
    await writeFile(join(folder, 'records.jsonl'), lines.slice(3).join('\n'));
    const several = [records.slice(0, 1), { text: lines[1] as string }, new Blob([lines[2] as string])];
    for (const sources of [records, blob, packed, [records], [...several, join(folder, 'records.jsonl')]]) {
      expect(await readInstructions(sources, { tokenizer, validation: 2 })).toEqual(expected);
    }
    const { validation } = await readInstructions(records, { tokenizer, validation: records.slice(0, 3) });
    expect(validation).toHaveLength(3);
    expect((await readInstructions(blob, { tokenizer, validation: packed })).validation).toHaveLength(5);
  });

  it('tells which record and which file is wrong, whatever it came as', async () => {
    const records = [...lines.map((line) => JSON.parse(line)), { instruction: 'Add.', output: 3 }];
    await expect(readInstructions(records, { tokenizer })).rejects.toThrow(
      /^the given records: record 6: field 'output' is 3, expected the answer, a string or a list of strings/,
    );
    const cycle: Record<string, unknown> = { instruction: 'a', output: 'b' };
    cycle.input = cycle;
    for (const record of [cycle, { instruction: 'a', output: 1n }]) {
      const reading = readInstructions([record], { tokenizer });
      await expect(reading).rejects.toThrow(/^the given records: record 1 is nothing that JSON can hold/);
      await expect(reading).rejects.toBeInstanceOf(DataError);
    }
    const page = new File(['<!DOCTYPE html><html>'], 'dolly.jsonl');
    await expect(readInstructions(page, { tokenizer })).rejects.toThrow(/^dolly\.jsonl is an HTML page/);
    await expect(readInstructions(new Blob(['{']), { tokenizer })).rejects.toThrow(
      /^the given Blob: line 1 is not JSON/,
    );
    await expect(readInstructions(new Blob(['[{}]']), { tokenizer })).rejects.toThrow(
      /no record has 'instruction' or 'prompt', nor/,
    );
    const gone = new Blob(['a']);
    gone.slice = () => {
      throw new DOMException('The requested file could not be read', 'NotReadableError');
    };
    const error = await readInstructions(gone, { tokenizer }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toMatch(
      /the given Blob cannot be read .*could not be read.*Choose the file again/,
    );
  });

  it('reads records under names of their own, absent fields as absent, and a field `text` as one of them', async () => {
    const records = [
      { text: 'What is it?', answer: 'A cat.', context: undefined },
      { text: 'And that?', answer: ['A dog.', 'A hound.'], context: 'It barks.' },
    ];
    const fields = { instruction: 'text', output: 'answer' };
    const { train } = await readInstructions(records, { tokenizer, fields });
    expect(train).toMatchObject([
      { instruction: 'What is it?', input: '', outputs: ['A cat.'] },
      { instruction: 'And that?', input: 'It barks.', outputs: ['A dog.', 'A hound.'] },
    ]);
    const skipped: unknown[] = [];
    const skipInvalid = (left: unknown) => skipped.push(left);
    const some = [{ text: 'a', answer: 1 }, ...records];
    expect((await readInstructions(some, { tokenizer, fields, skipInvalid })).train).toHaveLength(2);
    expect(skipped).toMatchObject([{ count: 1, first: [expect.stringMatching(/^the given records: record 1/)] }]);
  });

  it('refuses lists that are neither sources nor records', async () => {
    for (const sources of [7, ['a.jsonl', { instruction: 'a' }], { text: 'a', nam: 'b' }, ['a.jsonl', 7]]) {
      const reading = readInstructions(sources as never, { tokenizer });
      await expect(reading).rejects.toThrow(/sources is .* a File or Blob, .* records as a list of objects/);
    }
  });

  it('says what a file is that is no JSON lines', async () => {
    const cases: [string | Uint8Array, RegExp][] = [
      ['<!DOCTYPE html><html>', /x\.jsonl is an HTML page, expected JSON lines\. Download the file itself/],
      ['version https://git-lfs.github.com/spec/v1\noid', /x\.jsonl is a Git LFS pointer.*git lfs pull/],
      [Buffer.from(`\ufeff${lines[0]}`, 'utf16le'), /is text in UTF-16, expected JSON lines.*iconv/],
      [Buffer.from(lines[0] as string, 'utf16le'), /is text in UTF-16, expected JSON lines.*iconv/],
      ['PK\u0003\u0004', /is a zip archive/],
      ['PAR1', /is a Parquet or Arrow file.*to_json/],
      [gzipSync('<html>'), /is an HTML page/],
      [
        gzipSync(lines.join('\n')).subarray(0, -20),
        /the gzip archive is cut or damaged after \d+ bytes of its content \(unexpected end of file\)\. .*copy it again/,
      ],
    ];
    for (const [content, message] of cases) {
      await writeFile(join(folder, 'x.jsonl'), content);
      const error = await readInstructions(join(folder, 'x.jsonl'), { tokenizer }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toMatch(message);
    }
    await expect(readInstructions(folder, { tokenizer })).rejects.toThrow(/is a folder, expected a file/);
    await expect(readInstructions('/dev/zero', { tokenizer })).rejects.toThrow(
      /is a pipe or a device, expected a file/,
    );
  });

  it('unpacks gzip by what is in a file, not by its name', async () => {
    await writeFile(join(folder, 'packed.jsonl'), gzipSync(`${lines[0]}\n${lines[1]}`));
    await writeFile(join(folder, 'two.gz'), Buffer.concat([gzipSync(`${lines[0]}\n`), gzipSync(`${lines[1]}`)]));
    await expect(readInstructions(join(folder, 'two.gz'), { tokenizer })).rejects.toThrow(
      /two\.gz: the gzip archive is several archives one after the other.*Unpack it first/,
    );
    await writeFile(join(folder, 'plain.jsonl.gz'), lines.join('\n'));
    expect((await readInstructions(join(folder, 'packed.jsonl'), { tokenizer })).train).toHaveLength(2);
    expect((await readInstructions(join(folder, 'plain.jsonl.gz'), { tokenizer })).train).toHaveLength(5);
  });

  it('reads lines that cross the pieces of a file, and refuses one that is no record by its length', async () => {
    // 5 MiB: two pieces of 4 MiB. Lines of 100 KiB, and characters of 3 bytes, lie across.
    const long = (i: number) => JSON.stringify({ instruction: `${i}`, output: '\u20ac'.repeat(34_000) });
    await writeFile(join(folder, 'long.jsonl'), Array.from({ length: 52 }, (_, i) => `${long(i)}\n`).join(''));
    const data = await readInstructions(join(folder, 'long.jsonl'), { tokenizer, maxLength: 300 });
    expect(data.train.map(({ instruction }) => instruction)).toEqual(Array.from({ length: 52 }, (_, i) => `${i}`));
    expect(data.train.every(({ references }) => references[0]?.length === 34_000)).toBe(true);

    // 60 MB of one line in 60 KB: never whole in memory, and the lines after it are read.
    const bomb = gzipSync(Buffer.concat([Buffer.alloc(60e6, 'a'), Buffer.from(`\n${lines[0]}\n{`)]));
    await writeFile(join(folder, 'bomb.jsonl.gz'), bomb);
    const before = process.memoryUsage();
    const refused = await readInstructions(join(folder, 'bomb.jsonl.gz'), { tokenizer }).catch((e: unknown) => e);
    const after = process.memoryUsage();
    expect((refused as Error).message).toMatch(
      /2 of 3 records .*\n.*line 1: the line has 57\.2 MiB, expected at most 16\.0 MiB: one record a line\n.*line 3 is not JSON/,
    );
    expect(after.rss - before.rss).toBeLessThan(150 * 2 ** 20);
  });
});

describe('readText', () => {
  it('joins documents by EOS and cuts them to one length', async () => {
    const samples = await readText({ text: 'the cat\n\nthe mat sat on\n' }, { tokenizer, length: 3 });
    const stream = samples.flatMap(({ ids }) => [...ids]);
    const eos = tokenizer.eosTokenId as number;
    expect(stream).toEqual([...tokenizer.encode('the cat'), eos, ...tokenizer.encode('the mat sat on\n'), eos]);
    expect(samples.slice(0, -1).every(({ ids, promptLength }) => ids.length === 3 && promptLength === 1)).toBe(true);
  });

  it('takes a document a line where line ends in it are written as the scripts of MiniLLM do', async () => {
    const text = 'the cat<@x(x!>sat on\r\nthe mat\n\nthe cat\n';
    const [sample] = await readText({ text }, { tokenizer });
    const eos = tokenizer.eosTokenId as number;
    const documents = ['the cat\nsat on', 'the mat', 'the cat'];
    expect([...sample!.ids]).toEqual(documents.flatMap((each) => [...tokenizer.encode(each), eos]));
  });

  it('takes Blobs as their names and types say, and records with a field `text`', async () => {
    const documents = ['the cat', 'the mat sat on'];
    const records = documents.map((text) => ({ text }));
    const jsonl = records.map((record) => JSON.stringify(record)).join('\n');
    const expected = await readText({ text: jsonl, name: 'd.jsonl' }, { tokenizer, length: 3 });
    const given = [
      new File([jsonl], 'd.jsonl'),
      new Blob([jsonl], { type: 'application/x-ndjson' }),
      new Blob([documents.join('\n\n')]),
      records.map((record, year) => ({ ...record, year })),
      records,
    ];
    for (const source of given) expect(await readText(source, { tokenizer, length: 3 })).toEqual(expected);
  });

  it('keeps a uniform choice of samples where there is a limit, by the seed', async () => {
    const text = Array.from({ length: 40 }, (_, i) => `${String.fromCharCode(97 + (i % 26))}${i}`).join(' ');
    const all = await readText({ text }, { tokenizer, length: 5 });
    const index = (sample: { ids: Int32Array }) => all.findIndex(({ ids }) => ids.join() === sample.ids.join());
    expect(await readText({ text }, { tokenizer, length: 5, limit: all.length })).toEqual(all);
    const times = new Array<number>(all.length).fill(0);
    const rounds = 2000;
    for (let seed = 0; seed < rounds; seed++) {
      const kept = (await readText({ text }, { tokenizer, length: 5, limit: 6, seed })).map(index);
      expect(new Set(kept).size).toBe(6);
      for (const each of kept) times[each]!++;
    }
    // Each is kept 6 / n of the time; five standard deviations of a binomial distribution.
    const share = 6 / all.length;
    const deviation = Math.sqrt(rounds * share * (1 - share));
    for (const count of times) expect(Math.abs(count - rounds * share)).toBeLessThan(5 * deviation);
    const again = await readText({ text }, { tokenizer, length: 5, limit: 6, seed: 7 });
    expect(again).toEqual(await readText({ text }, { tokenizer, length: 5, limit: 6, seed: 7 }));
  });

  it('reads the text field of JSONL and names a bad line', async () => {
    const [sample] = await readText({ text: '{"text": "the cat"}', name: 'c.jsonl' }, { tokenizer });
    expect(tokenizer.decode((sample as { ids: Int32Array }).ids.subarray(0, -1))).toBe('the cat');
    await expect(readText({ text: '{"txt": 1}', name: 'c.jsonl' }, { tokenizer })).rejects.toThrow(
      /line 1 has no 'text'/,
    );
    await expect(readText({ text: '\nnull', name: 'c.jsonl' }, { tokenizer })).rejects.toThrow(
      "c.jsonl: line 2 has no 'text' that is a string.",
    );
    await expect(readText({ text: '\n{"text" 1}', name: 'c.jsonl' }, { tokenizer })).rejects.toThrow(
      /line 2 is not JSON \((?!.*\bline \d).*Each line must hold one whole object/,
    );
    await expect(readText({ text: ' \n ' }, { tokenizer })).rejects.toThrow(/holds no text/);
    const mixed = { text: '{"text": "the"}\n{"text": 1}\n{"text": "cat"}', name: 'c.jsonl' };
    await expect(readText(mixed, { tokenizer })).rejects.toThrow(/line 2 has no 'text' that is a string, found 1\./);
    const eos = tokenizer.eosTokenId as number;
    const [kept] = await readText(mixed, { tokenizer, skipInvalid: true });
    expect([...(kept as { ids: Int32Array }).ids]).toEqual([
      ...[...tokenizer.encode('the'), eos],
      ...[...tokenizer.encode('cat'), eos],
    ]);
  });

  it('gives the ids of the whole text although it reads pieces, with documents and white space across them', async () => {
    // 3 million characters: pieces of one million end before a space.
    const paragraph = 'Der  Hund\tsucht \u4e2d\u6587 the cat\u2019s hat.\r\n\u00e9t\u00e9  \n';
    const text = Array.from({ length: 60_000 }, (_, i) => paragraph + (i % 1000 === 7 ? '\n \n\n  x' : '')).join('');
    await writeFile(join(folder, 'long.txt'), text);
    const samples = await readText(join(folder, 'long.txt'), { tokenizer, length: 1000 });
    const found = samples.flatMap(({ ids }) => [...ids]);
    const eos = tokenizer.eosTokenId as number;
    const expected = text.split(/\n\s*\n/).flatMap((document) => [...tokenizer.encode(document), eos]);
    expect(found.length).toBe(expected.length);
    expect(found.every((id, i) => id === expected[i])).toBe(true);
    const pieces: string[] = [];
    for await (const piece of readTokenizerTexts(join(folder, 'long.txt'))) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join('')).toBe(text);
  });

  it('says where text is not UTF-8, in whatever piece', async () => {
    const text = Buffer.alloc(5 * 2 ** 20, 'word word\n');
    text[4.5 * 2 ** 20] = 0xe9;
    await writeFile(join(folder, 'latin.txt'), text);
    await expect(readText(join(folder, 'latin.txt'), { tokenizer })).rejects.toThrow(
      /latin\.txt: line 471860, byte 4718593 of the file \(0xE9\) is not UTF-8\. Convert the file to UTF-8/,
    );
  });
});

describe('markup as text', () => {
  const page = '<!DOCTYPE html><html><body>Words</body></html>';
  const dump = '<?xml version="1.0"?><page>Words</page>';

  it.each([
    ['page.html', page],
    ['page.HTM', `<!-- kept -->${page}`],
    ['dump.xml', dump],
    ['dump.xml.gz', gzipSync(dump)],
  ])('is read from a file whose name says so: %s', async (name, content) => {
    await writeFile(join(folder, name), content);
    const pieces: string[] = [];
    for await (const piece of readTokenizerTexts(join(folder, name))) pieces.push(piece);
    expect(pieces.join('')).toMatch(/^<[!?].*Words<\/(page|body><\/html)>$/);
    expect((await readText(join(folder, name), { tokenizer })).length).toBe(1);
    // Records are another matter, whatever the name.
    await expect(readInstructions(join(folder, name), { tokenizer })).rejects.toThrow(/is an? (HTML|XML) .*, expected/);
  });

  it('is a download that went wrong under any other name', async () => {
    for (const [name, content, what] of [
      ['corpus.txt', page, 'an HTML page'],
      ['corpus', dump, 'an XML document, perhaps the error message of a server'],
      ['corpus.html.txt', page, 'an HTML page'],
    ] as const) {
      await writeFile(join(folder, name), content);
      await expect(readText(join(folder, name), { tokenizer })).rejects.toThrow(
        new RegExp(`/${name} is ${what}, expected text in UTF-8\\. .* To take it as text, give it a name that ends in`),
      );
    }
    await writeFile(join(folder, 'archive.html'), gzipSync('PAR1'));
    await expect(readText(join(folder, 'archive.html'), { tokenizer })).rejects.toThrow(
      /is a Parquet or Arrow file, expected text in UTF-8\. Convert it to JSON lines: .*lines=True\)\.$/,
    );
  });
});

describe('readTokenizerTexts', () => {
  it('renders instructions with their first answers, and leaves other text as it is', async () => {
    const text = lines.slice(0, 2).join('\n');
    const read = async (source: TextSource, template?: string) => {
      const texts: string[] = [];
      for await (const each of readTokenizerTexts(source, { template })) texts.push(each);
      return texts;
    };
    const rendered = (template?: string) => read({ text, name: 'd.jsonl' }, template);
    expect(await rendered('compact')).toEqual([
      'Instruction: Say 0.\nResponse:\n0',
      'Instruction: Say 1.\nResponse:\n1',
    ]);
    expect((await rendered())[1]).toMatch(/^Below is an instruction[\s\S]*Say 1\.\n\n### Response:\n1$/);
    expect(await read({ text })).toEqual([text]);
    expect(await read(new Blob([text]))).toEqual([text]);
    const records = lines.slice(0, 2).map((line) => JSON.parse(line) as object);
    for (const source of [new File([text], 'd.jsonl'), records]) {
      expect(await read(source, 'compact')).toEqual(await rendered('compact'));
    }
    await expect(rendered('mine')).rejects.toThrow('template is mine');
    await expect(read({ text: '{"instruction": 1, "output": ""}', name: 'd.jsonl' })).rejects.toThrow(
      'd.jsonl: line 1',
    );
  });
});
