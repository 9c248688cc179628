/** Two files that translate each other: lines, IWSLT's training files, mteval's XML. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ReadRecordsOptions,
  readInstructions,
  readPrompts,
  readRecords,
  readTokenizerTexts,
  recordKind,
} from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-parallel-'));
});
afterAll(() => rm(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const write = (name: string, content: string | Uint8Array) => writeFile(path(name), content);
const read = async (name: string, options: ReadRecordsOptions = {}) => {
  const pairs: string[][] = [];
  for await (const record of readRecords(path(name), options)) {
    if ('instruction' in record) pairs.push([record.at, record.input, ...record.outputs]);
  }
  return pairs;
};
const failure = (name: string, options: ReadRecordsOptions = {}) =>
  read(name, options).then(
    () => expect.unreachable(),
    (error: unknown) => {
      expect(error).toBeInstanceOf(DataError);
      return (error as Error).message.replaceAll(`${folder}/`, '');
    },
  );

const setOf = (side: 'src' | 'ref', documents: Readonly<Record<string, readonly string[]>>) =>
  [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<mteval>',
    `<${side}set setid="own-test" srclang="english">`,
    ...Object.entries(documents).flatMap(([id, segments]) => [
      `<doc docid="${id}" genre="lectures">`,
      '<title>A talk &amp; its title</title>',
      ...segments.map((text, at) => `<seg id="${at + 1}"> ${text} </seg>`),
      '</doc>',
    ]),
    `</${side}set>`,
    '</mteval>',
    '',
  ].join('\n');

describe("mteval's XML", () => {
  const english = {
    7: ['Cats &amp; dogs.', 'One &lt;two&gt; &#233;&#x74;&#233; &quot;x&quot; & y.'],
    12: ['Two\nlines.'],
  };
  const german = { 7: ['Katzen und Hunde.', 'Eins zwei.'], 12: ['Zwei Zeilen.'] };
  const expected = [
    ['line 6', 'Cats & dogs.', 'Katzen und Hunde.'],
    ['line 7', 'One <two> \u00e9t\u00e9 "x" & y.', 'Eins zwei.'],
    ['line 11', 'Two lines.', 'Zwei Zeilen.'],
  ];

  it('is read from one of its files, whose language is what is translated', async () => {
    await write('own.en-de.en.xml', setOf('src', english));
    await write('own.en-de.de.xml', setOf('ref', german));
    expect(await read('own.en-de.en.xml')).toEqual(expected);
    expect((await read('own.en-de.de.xml'))[0]).toEqual(['line 6', 'Katzen und Hunde.', 'Cats & dogs.']);
    expect((await read('own.en-de.de.xml', { languages: 'en-de' }))[0]).toEqual(expected[0]);
    expect(await recordKind(path('own.en-de.en.xml'))).toBe('translation');
    const { train } = await readInstructions(path('own.en-de.en.xml'), { tokenizer: smallTokenizer(), template: 't5' });
    expect(train.map(({ prompt }) => prompt)[0]).toBe('translate English to German: Cats & dogs.');
    expect(await readPrompts(path('own.en-de.en.xml'))).toHaveLength(3);
    const texts: string[] = [];
    for await (const text of readTokenizerTexts(path('own.en-de.en.xml'), { template: 't5' })) texts.push(text);
    expect(texts[0]).toBe('translate English to German: Cats & dogs.Katzen und Hunde.');
  });

  it('is read with CRLF, a byte order mark, packed', async () => {
    const odd = (text: string) => `\ufeff${text.replaceAll('\n', '\r\n')}`;
    await write('odd.en-de.en.xml.gz', gzipSync(odd(setOf('src', english))));
    await write('odd.en-de.de.xml.gz', gzipSync(odd(setOf('ref', german))));
    expect(await read('odd.en-de.en.xml.gz')).toEqual(expected);
  });

  it('is refused where it is cut, where the files do not fit, and where it is none', async () => {
    const whole = setOf('src', english);
    await write('bad.en-de.de.xml', setOf('ref', german));
    const cases: [string | Uint8Array, RegExp][] = [
      [
        whole.slice(0, whole.indexOf('<doc docid="12"') + 60),
        /^bad\.en-de\.en\.xml: the file is cut: it ends after 2 whole segments, in line 9/,
      ],
      [whole.slice(0, whole.indexOf('</srcset>')), /the file is cut: it ends after 3 whole segments/],
      [whole.replace(' </seg>', ''), /^bad\.en-de\.en\.xml: line 6: a segment does not end: there is no <\/seg>/],
      [
        setOf('src', { ...english, 7: ['Cats.'] }),
        /^bad\.en-de\.en\.xml: line 10: segment 1 of document 12 stands where bad\.en-de\.de\.xml has segment 2 of document 7 \(line 7\)/,
      ],
      [
        setOf('src', { ...english, 13: ['More.'] }),
        /^bad\.en-de\.en\.xml: line \d+: segment 1 of document 13 goes on where bad\.en-de\.de\.xml has ended/,
      ],
      [
        setOf('src', { ...english, 12: [''] }),
        /^bad\.en-de\.en\.xml: line 11: segment 1 of document 12 is empty\. Correct it/,
      ],
      [
        '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        /^bad\.en-de\.en\.xml is no set of mteval, expected srcset/,
      ],
      [gzipSync(whole).subarray(0, -30), /^bad\.en-de\.en\.xml: the gzip archive is cut or damaged/],
      [Buffer.concat([Buffer.from(whole), Buffer.from([0xe9, 0x0a])]), /is not UTF-8/],
    ];
    for (const [content, message] of cases) {
      await write('bad.en-de.en.xml', content);
      expect(await failure('bad.en-de.en.xml')).toMatch(message);
    }
    await write('lone.en-de.en.xml', whole);
    expect(await failure('lone.en-de.en.xml')).toMatch(/lone\.en-de\.de\.xml: cannot be read: there is no such file/);
  });
});

describe('parallel text', () => {
  it('is found by the pair in a name, or by the languages that are given', async () => {
    await write('t.en-de.en', 'The cat.\r\nThe dog.\r\n');
    await write('t.en-de.de', 'Die Katze.\nDer Hund.');
    expect(await read('t.en-de.en')).toEqual([
      ['line 1', 'The cat.', 'Die Katze.'],
      ['line 2', 'The dog.', 'Der Hund.'],
    ]);
    await write('corpus.en', 'The cat.\n');
    await write('corpus.de', 'Die Katze.\n');
    expect(await read('corpus.de', { languages: 'en-de' })).toEqual([['line 1', 'The cat.', 'Die Katze.']]);
    expect(await recordKind(path('corpus.en'))).toBe('instruction');
    expect(await recordKind(path('corpus.en'), { languages: 'en-de' })).toBe('translation');
  });

  it("leaves the lines about talks out of IWSLT's training files", async () => {
    const talk = (title: string, ...lines: string[]) => [
      '<url>http://localhost/1</url>',
      '<speaker>Ann</speaker>',
      `<title>${title}</title>`,
      ...lines,
      '<reviewer></reviewer>',
    ];
    await write('train.tags.en-de.en', [...talk('A', 'The cat.', ' a < b '), ...talk('B', 'The dog.')].join('\n'));
    await write(
      'train.tags.en-de.de',
      [...talk('A', 'Die Katze.', 'a < b'), '<translator>Bob</translator>', ...talk('B', 'Der Hund.')].join('\n'),
    );
    expect(await read('train.tags.en-de.en')).toEqual([
      ['line 4', 'The cat.', 'Die Katze.'],
      ['line 5', 'a < b', 'a < b'],
      ['line 10', 'The dog.', 'Der Hund.'],
    ]);
  });

  it('counts lines without a counterpart, and refuses files of different lengths', async () => {
    await write('gap.en-de.en', 'one\n\nthree\nfour\n\nsix');
    await write('gap.en-de.de', 'eins\nzwei\n\nvier\n\nsechs');
    expect(await read('gap.en-de.en', { skipInvalid: true })).toEqual([
      ['line 1', 'one', 'eins'],
      ['line 4', 'four', 'vier'],
      ['line 6', 'six', 'sechs'],
    ]);
    const message = await failure('gap.en-de.en');
    expect(message).toMatch(/^2 of 5 records cannot be used/);
    expect(message).toContain('  gap.en-de.de: line 2: what it translates, in gap.en-de.en, is empty');
    expect(message).toContain('  gap.en-de.en: line 3: its translation, in gap.en-de.de, is empty');
    await write('gap.en-de.de', 'eins\n\ndrei');
    for (const skipInvalid of [false, true]) {
      expect(await failure('gap.en-de.en', { skipInvalid })).toMatch(
        /^gap\.en-de\.en: line 4: the text goes on where gap\.en-de\.de has ended/,
      );
    }
    await write('gap.en-de.en', Buffer.concat([Buffer.from('one\nt'), Buffer.from([0xff]), Buffer.from('\nthree\n')]));
    await write('gap.en-de.de', 'eins\nzwei\ndrei\n');
    expect(await failure('gap.en-de.en')).toMatch(/^gap\.en-de\.en: line 2: byte 2 of the line \(0xFF\) is not UTF-8/);
  });

  it('streams: two files of 40 MB take little memory', async () => {
    const line = (word: string) => `${word.repeat(2500)}\n`.repeat(4000);
    await write('long.en-de.en.gz', gzipSync(line('cat '), { level: 1 }));
    await write('long.en-de.de.gz', gzipSync(line('Rat '), { level: 1 }));
    const before = process.memoryUsage().rss;
    let pairs = 0;
    for await (const _ of readRecords(path('long.en-de.en.gz'))) pairs++;
    expect(pairs).toBe(4000);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20);
  }, 120_000);
});
