import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { parseJson, readJson } from '../../src/io/json.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { decodeText, firstInvalid, isWellFormed } from '../../src/io/utf8.js';
import { loadTokenizer } from '../../src/text/index.js';

const lfs = `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 548105171\n`;
const bytes = (...codes: number[]) => Uint8Array.from(codes);
const padded = (start: Uint8Array, length = 600) => {
  const whole = new Uint8Array(length).fill(0x41);
  whole.set(start);
  return whole;
};
const others: [string, string | Uint8Array, RegExp][] = [
  ['a Git LFS pointer', lfs, /is a Git LFS pointer, not the file that it stands for, expected .*git lfs pull/],
  ['an HTML page', '<!DOCTYPE html>\n<html><head>', /is an HTML page, expected .*\/resolve\//],
  ['an HTML page after white space', '\n <html lang="en">', /is an HTML page/],
  ["a server's error", '<?xml version="1.0"?><Error><Code>AccessDenied', /is an XML document/],
  ['gzip', padded(bytes(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3)), /is a gzip archive, expected .*gunzip/],
  ['a zip archive', padded(bytes(0x50, 0x4b, 3, 4, 0, 0, 8, 8)), /is a zip archive, as PyTorch/],
  ['a pickle', padded(bytes(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46)), /is a Python pickle/],
  ['UTF-16', new Uint8Array(Uint16Array.from(`\ufeff{"a": 1}`, (c) => c.charCodeAt(0)).buffer), /UTF-16.*iconv/],
  ['UTF-16 without a mark', new Uint8Array(Uint16Array.from('{"a": 1}', (c) => c.charCodeAt(0)).buffer), /UTF-16/],
  ['GGUF', padded(new TextEncoder().encode('GGUF\u0003')), /is a GGUF file/],
];

describe('a file that is something else', () => {
  it.each(others)('%s, where weights should be', async (_, content, message) => {
    const error = await openSafetensors(memoryStore({ w: content }), 'w').catch((thrown: unknown) => thrown as Error);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^memory\/w is .*, expected a safetensors file\. /);
  });

  it.each(others)('%s, where a config or a tokenizer should be', async (_, content, message) => {
    const store = memoryStore({ 'tokenizer.json': content });
    await expect(readJson(store, 'tokenizer.json')).rejects.toThrow(message);
    const error = await loadTokenizer(store).catch((thrown: unknown) => thrown as Error);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^memory: tokenizer\.json is /);
  });

  it('zeros are an incomplete download', async () => {
    const error = openSafetensors(memoryStore({ w: new Uint8Array(5000) }), 'w');
    await expect(error).rejects.toThrow(/is zeros, an incomplete download/);
  });
});

describe('UTF-8', () => {
  it('is checked as the engine checks it', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const isValid = (sample: Uint8Array) => {
      try {
        decoder.decode(sample);
        return true;
      } catch {
        return false;
      }
    };
    const edges = [
      0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee,
    ];
    const all = [...edges, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff];
    let invalid = 0;
    for (const a of all) {
      for (const b of all) {
        for (const c of all) {
          for (const d of [0x41, 0x80, 0xbf, 0xc2]) {
            const sample = bytes(a, b, c, d);
            const at = firstInvalid(sample);
            if (at < 4) invalid++;
            expect([a, b, c, d, at === 4]).toEqual([a, b, c, d, isValid(sample)]);
            // What comes before is whole characters.
            expect(isValid(sample.subarray(0, at))).toBe(true);
          }
        }
      }
    }
    expect(invalid).toBeGreaterThan(1000);
  });

  it('is told with the line and the byte', () => {
    const text = Uint8Array.from([...new TextEncoder().encode('é\n\nab'), 0xe9, 0x41]);
    expect(() => decodeText(text, 'm/merges.txt', 'text')).toThrow(
      'm/merges.txt: line 3, byte 7 of the file (0xE9) is not UTF-8. Convert the file to UTF-8.',
    );
    expect(decodeText(new TextEncoder().encode('\ufeffa'), 'x', 'text')).toBe('a');
    expect([isWellFormed('😀é'), isWellFormed('a\ud83d'), isWellFormed('\ude00b')]).toEqual([true, false, false]);
  });
});

describe('JSON', () => {
  it('that is nested without end is refused before anything follows its levels', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}"]}"${']'.repeat(depth)}`;
    expect(parseJson(nested(200), 'x')).toHaveLength(1);
    expect(() => parseJson(nested(201), 'x')).toThrow(
      'x: arrays and objects are nested 201 deep, expected at most 200',
    );
    expect(() => parseJson(nested(1_000_000), 'x')).toThrow(CheckpointError);
    expect(parseJson('{"a": "\\"[[[", "b": [{}]}', 'x')).toEqual({ a: '"[[[', b: [{}] });
  });

  it('that is empty, or far too large, says so', async () => {
    await expect(readJson(memoryStore({ a: ' ' }), 'a')).rejects.toThrow(/memory\/a: not valid JSON \(it is empty\)/);
    const large = { ...memoryStore({ a: '{}' }), size: async () => 2 ** 40 };
    await expect(readJson(large, 'a')).rejects.toThrow(/the file has 1\.0 TiB, expected at most 256\.0 MiB/);
  });
});
