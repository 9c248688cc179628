/** A short form of the long suites (`npm run test:long`), the same one each time. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Format, openFormats } from './formats.js';
import { Finding, fuzz } from './fuzz.js';
import { builtCommand, fileFaults, kills } from './processes.js';

/** Most formats are read in less than a millisecond. */
const mutations = (name: string): number => (name === 'state' || name === 'adapter' ? 400 : 2000);
const names = [
  ...['safetensors', 'shards', 'gguf', 'torch', 'tokenizer.json', 'sentencepiece', 'tokenizer texts', 'config'],
  ...[
    'jsonl',
    'json array',
    'published records',
    'translated sets',
    'conversations',
    'chat template',
    'gzip',
    'gzip bytes',
    'adapter',
    'log',
    'state',
  ],
];

describe('spoilt files are refused in words or read', () => {
  let opened: Awaited<ReturnType<typeof openFormats>>;
  beforeAll(async () => {
    opened = await openFormats();
  });
  afterAll(() => opened.dispose());

  it('the list has every format', () => {
    expect(opened.formats.map(({ name }) => name)).toEqual(names);
  });

  it.each(names)(
    '%s',
    async (name) => {
      const format = opened.formats.find((each) => each.name === name) as Format;
      const { refused, read } = await fuzz(format, { seed: 1, count: mutations(name) });
      expect(refused + read).toBe(mutations(name));
      // Mutations that are all refused at the first byte would show nothing.
      expect(Math.min(refused, read)).toBeGreaterThan(0);
    },
    120_000,
  );
});

describe('the fuzzer', () => {
  const reading = (read: Format['read']): Format => ({
    name: 'a test',
    whole: [],
    spoil: (random) => ({ 'a.txt': Uint8Array.of(random.int(256)) }),
    read,
  });
  const finding = (read: Format['read']) =>
    fuzz(reading(read), { seed: 1, count: 100 }).catch((error: unknown) => error);

  it.each<[string, Format['read'], RegExp]>([
    ['an error that is none of ours', async () => void Object(undefined).a.b, /TypeError/],
    ['a large array', async () => void new Float32Array(2 ** 20), /an array of 4194304 bytes was made for files of 1/],
    ['much memory', async () => void new ArrayBuffer(2 ** 21), /an array of 2097152 bytes/],
    ['a prototype that was touched', async () => void Object.assign(Object.prototype, { polluted: 1 }), /prototype/],
  ])('finds %s', async (_, read, message) => {
    try {
      const found = await finding(read);
      expect(found).toBeInstanceOf(Finding);
      expect(String(found)).toMatch(message);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted');
    }
  });

  it('makes the same file of the same seed and number', async () => {
    const seen: number[][] = [[], []];
    for (const bytes of seen) {
      await fuzz(
        reading(async (files) => void bytes.push(files['a.txt']![0]!)),
        { seed: 3, from: 7, count: 50 },
      );
    }
    expect(seen[0]).toEqual(seen[1]);
    expect(new Set(seen[0]).size).toBeGreaterThan(30);
  });
});

describe.skipIf(!existsSync(builtCommand))('the built command', () => {
  it('goes on after 20 kills at whatever file calls, with the bits of a run that was left alone', async () => {
    const places = await kills({ seed: 1, count: 20 });
    expect(places).toHaveLength(20);
  }, 300_000);

  it('says in words that a file call failed, and goes on afterwards', async () => {
    await fileFaults({ seed: 1, count: 6 });
  }, 300_000);
});
