import * as files from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { splitPath as splitUrl } from '../../src/platform/browser.js';
import { splitPath } from '../../src/platform/node/paths.js';

describe('a path is split as its system writes paths', () => {
  it.each([
    ['C:\\data\\dolly.jsonl', 'C:\\data', 'dolly.jsonl'],
    ['C:/data/dolly.jsonl', 'C:/data', 'dolly.jsonl'],
    ['C:\\dolly.jsonl', 'C:\\', 'dolly.jsonl'],
    ['\\\\server\\share\\data\\dolly.jsonl', '\\\\server\\share\\data', 'dolly.jsonl'],
    ['data\\dolly.jsonl', 'data', 'dolly.jsonl'],
    ['..\\dolly.jsonl', '..', 'dolly.jsonl'],
    ['D:dolly.jsonl', 'D:.', 'dolly.jsonl'],
    ['dolly.jsonl', '.', 'dolly.jsonl'],
  ])('on Windows: %s', (whole, folder, name) => {
    expect(splitPath(whole, path.win32)).toEqual({ folder, name });
  });

  it.each([
    ['/data/dolly.jsonl', '/data', 'dolly.jsonl'],
    ['data/a\\b.jsonl', 'data', 'a\\b.jsonl'],
    ['D:/dolly.jsonl', 'D:', 'dolly.jsonl'],
    ['dolly.jsonl', '.', 'dolly.jsonl'],
    ['data/folder/', 'data', 'folder'],
  ])('elsewhere: %s', (whole, folder, name) => {
    expect(splitPath(whole, path.posix)).toEqual({ folder, name });
  });

  it.each([
    ['data/dolly.jsonl?v=a/b', 'data/', 'dolly.jsonl?v=a/b'],
    ['/dolly.jsonl', '/', 'dolly.jsonl'],
    ['dolly.jsonl#a/b', '.', 'dolly.jsonl#a/b'],
  ])('in a page: %s', (whole, folder, name) => {
    expect(splitUrl(whole)).toEqual({ folder, name });
  });
});

describe('on Windows', () => {
  const opened: string[] = [];
  beforeEach(() => {
    vi.resetModules();
    opened.length = 0;
    // What the package hands to Node's functions on Windows; there is no such file here.
    vi.doMock('node:path', () => ({ ...path.win32, default: path.win32 }));
    vi.doMock('node:fs/promises', () => ({
      ...files,
      stat: async (file: string) => {
        opened.push(file);
        return files.stat('/no such file');
      },
      open: async (file: string) => {
        opened.push(file);
        return files.open('/no such file');
      },
    }));
  });
  afterEach(() => {
    vi.doUnmock('node:path');
    vi.doUnmock('node:fs/promises');
    vi.resetModules();
  });

  it('files of other drives, of a folder and of a model are found where their paths say', async () => {
    const { readInstructions, loadTokenizer, openFolder } = await import('../../src/index.js');
    const tokenizer = { encode() {}, idToToken() {} } as never;
    const read = (file: string) => readInstructions(file, { tokenizer }).catch((error: unknown) => String(error));
    expect(await read('C:\\data\\dolly.jsonl')).toContain(
      'C:\\data\\dolly.jsonl: cannot be read: there is no such file',
    );
    expect(await read('data\\dolly.jsonl')).toContain('data\\dolly.jsonl: cannot be read');
    expect(await read('D:dolly.jsonl')).toContain('D:dolly.jsonl: cannot be read');
    await loadTokenizer('C:\\models\\gpt2').catch(() => {});
    await openFolder('C:\\runs\\a').folder('last').exists('trainer-state.safetensors');
    expect(opened).toEqual(
      expect.arrayContaining([
        ...['C:\\data\\dolly.jsonl', 'data\\dolly.jsonl', 'D:dolly.jsonl', 'C:\\models\\gpt2\\tokenizer.json'],
        'C:\\runs\\a\\last\\trainer-state.safetensors',
      ]),
    );
    expect(opened.filter((file) => file.startsWith('.\\'))).toEqual([]);
  });
});
