import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointError, OptionError } from '../../src/errors.js';
import { httpStore } from '../../src/io/httpStore.js';
import type { FileStore } from '../../src/io/index.js';
import { readJson } from '../../src/io/json.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openFolder } from '../../src/platform/openFolder.js';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (content: string) => new TextEncoder().encode(content);

/** The files of a store by name, its folders in theirs. */
type Tree = { readonly [name: string]: string | Tree };
async function treeOf(store: FileStore): Promise<Tree> {
  const { files, folders } = await store.list();
  const tree: Record<string, string | Tree> = {};
  for (const name of files) tree[name] = text(await store.read(name));
  for (const name of folders) tree[name] = await treeOf(store.folder(name));
  return tree;
}

/** What every store that can be written to promises. */
describe.each(['a folder', 'memory'])('%s', (kind) => {
  let path: string;
  let store: FileStore;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'distillm-'));
    store = kind === 'memory' ? memoryStore({}, { name: path }) : openFolder(path);
  });
  afterEach(() => rm(path, { recursive: true }));
  const put = (path: string, content = path) => store.write(path, [bytes(content)]);

  it('has folders, which are stores of their own', async () => {
    const runs = store.folder('runs');
    expect(runs.name).toBe(`${path}/runs`);
    await expect(runs.list()).rejects.toBeInstanceOf(CheckpointError);
    await runs.folder('dolly').write('log', [bytes('1')]);
    await put('runs/config', '2');
    await put('a', '3');
    expect(await treeOf(store)).toEqual({ a: '3', runs: { config: '2', dolly: { log: '1' } } });
    expect(await runs.exists('dolly/log')).toBe(true);
    expect(await runs.exists('dolly')).toBe(false);
    expect(text(await store.folder('runs/dolly').read('log'))).toBe('1');
    await expect(runs.read('a')).rejects.toBeInstanceOf(CheckpointError);
  });

  it('removes files and folders, and nothing of a longer name', async () => {
    for (const file of ['a', 'ab', 'best/x', 'best/deep/y', 'best-2/z']) await put(file);
    await store.remove('a');
    await store.folder('best').remove('deep');
    expect(await treeOf(store)).toEqual({ ab: 'ab', best: { x: 'best/x' }, 'best-2': { z: 'best-2/z' } });
    await store.remove('best');
    expect(await treeOf(store)).toEqual({ ab: 'ab', 'best-2': { z: 'best-2/z' } });
    for (const missing of ['a', 'best', 'no/such', 'ab/none']) await store.remove(missing);
    expect(await treeOf(store)).toEqual({ ab: 'ab', 'best-2': { z: 'best-2/z' } });
  });

  it('replaces a folder as a whole, or not at all', async () => {
    const replace = (files: Record<string, string>, then = () => {}) =>
      store.replaceFolder('best', async (aside) => {
        const before = await treeOf(store);
        for (const [name, content] of Object.entries(files)) await aside.write(name, [bytes(content)]);
        expect(await treeOf(store)).toEqual(before);
        then();
      });
    await put('best-2');
    await replace({ a: '1', 'deep/b': '1' });
    expect(await treeOf(store)).toEqual({ 'best-2': 'best-2', best: { a: '1', deep: { b: '1' } } });
    await replace({ a: '2', c: '2' });
    expect(await treeOf(store)).toEqual({ 'best-2': 'best-2', best: { a: '2', c: '2' } });
    const killed = replace({ a: '3' }, () => {
      throw new Error('killed');
    });
    await expect(killed).rejects.toThrow('killed');
    expect(await treeOf(store)).toEqual({ 'best-2': 'best-2', best: { a: '2', c: '2' } });
    await store.folder('best').replaceFolder('deep', (aside) => aside.write('d', [bytes('4')]));
    expect(await treeOf(store)).toEqual({ 'best-2': 'best-2', best: { a: '2', c: '2', deep: { d: '4' } } });
  });

  it('fills an array with a part of a file', async () => {
    await put('a', 'hello world');
    const target = new Uint8Array(7).fill(46);
    await store.readInto('a', 6, target.subarray(1, 6));
    expect(text(target)).toBe('.world.');
    await expect(store.readInto('a', 6, target)).rejects.toThrow(/byte 13 was asked for, the file has 11/);
    await expect(store.readInto('b', 0, target)).rejects.toBeInstanceOf(CheckpointError);
  });

  it('lists no file that is being written', async () => {
    async function* slow() {
      yield bytes('ne');
      expect(await treeOf(store)).toEqual({ a: 'a' });
      yield bytes('w');
    }
    await put('a');
    await store.write('b', slow());
    expect(await treeOf(store)).toEqual({ a: 'a', b: 'new' });
  });
});

describe('a folder on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'distillm-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is made when it is written to; files are read whole and in part', async () => {
    const store = openFolder(join(folder, 'deep', 'er'));
    await store.write('a.txt', [bytes('hello '), bytes('world')]);
    expect(text(await store.read('a.txt'))).toBe('hello world');
    expect(text(await store.read('a.txt', 6, 3))).toBe('wor');
    expect(text(await store.read('a.txt', 6))).toBe('world');
    expect(await store.size('a.txt')).toBe(11);
    expect(await store.exists('a.txt')).toBe(true);
    expect(await store.exists('b.txt')).toBe(false);
    expect(await store.list()).toEqual({ files: ['a.txt'], folders: [] });
  });

  it('keeps the old file, and nothing else, when a write fails midway', async () => {
    await writeFile(join(folder, 'a.txt'), 'old');
    async function* failing() {
      yield bytes('new');
      throw new Error('the device was lost');
    }
    await expect(openFolder(folder).write('a.txt', failing())).rejects.toThrow('the device was lost');
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('shows the old file until the new one is whole', async () => {
    const store = openFolder(folder);
    await store.write('a.txt', [bytes('old')]);
    async function* slow() {
      yield bytes('ne');
      expect(text(await store.read('a.txt'))).toBe('old');
      yield bytes('w');
    }
    await store.write('a.txt', slow());
    expect(text(await store.read('a.txt'))).toBe('new');
  });

  it('leaves nothing beside a folder that was replaced, whatever was left of the last time', async () => {
    const store = openFolder(folder);
    const replace = (content: string) => store.replaceFolder('best', (aside) => aside.write(content, [bytes(content)]));
    await replace('1');
    expect(await readdir(folder)).toEqual(['best']);
    await mkdir(join(folder, 'best.distillm-new'));
    await writeFile(join(folder, 'best.distillm-new', 'half'), '');
    expect(await treeOf(store)).toEqual({ best: { 1: '1' } });
    await replace('2');
    expect(await readdir(folder)).toEqual(['best']);
    expect(await treeOf(store)).toEqual({ best: { 2: '2' } });
    const failing = store.replaceFolder('best', async (aside) => {
      await aside.write('3', [bytes('3')]);
      throw new Error('the disk is full');
    });
    await expect(failing).rejects.toThrow('the disk is full');
    expect(await readdir(folder)).toEqual(['best']);
  });

  it('lists what links lead to', async () => {
    await writeFile(join(folder, 'a'), '');
    await mkdir(join(folder, 'b'));
    await symlink(join(folder, 'a'), join(folder, 'to-a'));
    await symlink(join(folder, 'b'), join(folder, 'to-b'));
    await symlink(join(folder, 'c'), join(folder, 'to-nothing'));
    const { files, folders } = await openFolder(folder).list();
    expect([[...files].sort(), [...folders].sort()]).toEqual([
      ['a', 'to-a'],
      ['b', 'to-b'],
    ]);
  });

  it.each(['exists', 'size', 'read', 'list'] as const)(
    'shows the old folder again when a crash came between the two renames: %s',
    async (method) => {
      const [best, old, part] = ['best', 'best.distillm-old', 'best.distillm-new'].map((name) =>
        join(folder, name),
      ) as [string, string, string];
      await openFolder(best).write('a', [bytes('old')]);
      await rename(best, old);
      await openFolder(part).write('a', [bytes('new')]);
      expect((await openFolder(folder).list()).folders).toEqual(['best']);
      const ask = { exists: true, size: 3, read: bytes('old'), list: { files: ['a'], folders: [] } };
      expect(await openFolder(best)[method]('a')).toEqual(ask[method]);
      expect((await readdir(folder)).sort()).toEqual(['best', 'best.distillm-new']);
      // The other moment: the new folder is there, the old one is not yet gone.
      await cp(best, old, { recursive: true });
      await openFolder(best).write('a', [bytes('new')]);
      expect(text(await openFolder(folder).read('best/a'))).toBe('new');
      expect((await openFolder(folder).list()).folders).toEqual(['best']);
      // Removed for good: the old one does not come back.
      await openFolder(folder).remove('best');
      expect(await openFolder(folder).exists('best/a')).toBe(false);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('names what is missing or short', async () => {
    const store = openFolder(folder);
    await store.write('a.txt', [bytes('abc')]);
    await expect(store.read('a.txt', 1, 3)).rejects.toThrow(/a.txt: byte 4 was asked for, the file has 3/);
    for (const failing of [
      () => store.read('b.txt'),
      () => store.size('b.txt'),
      () => openFolder(join(folder, 'no')).list(),
    ]) {
      await expect(failing()).rejects.toBeInstanceOf(CheckpointError);
    }
  });
});

describe('what the system refuses', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'distillm-refused-'));
  });
  afterEach(async () => {
    vi.doUnmock('node:fs/promises');
    vi.resetModules();
    await rm(folder, { recursive: true });
  });
  const failure = async (work: Promise<unknown>) =>
    work.then(
      () => expect.unreachable(),
      (error: unknown) => error as CheckpointError,
    );

  it('is told with the path and what to do, in reading', async () => {
    await mkdir(join(folder, 'inner'));
    await writeFile(join(folder, 'file'), 'x');
    const cases: [() => Promise<unknown>, string][] = [
      [() => openFolder(folder).read('inner'), 'inner is a folder, expected a file. Name a file in it.'],
      [() => openFolder(folder).size('inner'), 'inner is a folder, expected a file. Name a file in it.'],
      [
        () => openFolder(folder).read('none'),
        'none: cannot be read: there is no such file or folder (ENOENT). Check the path.',
      ],
      [
        () => openFolder(join(folder, 'file')).read('x'),
        'x: cannot be read: a part of the path is a file, expected a folder (ENOTDIR). Check the path.',
      ],
      [
        () => openFolder(folder).read('x'.repeat(300)),
        'cannot be read: a name in the path is too long (ENAMETOOLONG). Take a shorter name.',
      ],
      [() => openFolder('/dev').read('zero'), '/dev/zero is a pipe or a device, expected a file.'],
    ];
    for (const [work, message] of cases) {
      const error = await failure(work());
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toContain(message);
    }
  });

  it('is told with the path and what to do, in writing', async () => {
    await writeFile(join(folder, 'file'), 'x');
    const inFile = await failure(openFolder(join(folder, 'file')).write('x', [bytes('x')]));
    expect(inFile).toBeInstanceOf(CheckpointError);
    expect(inFile.message).toMatch(
      /file\/x: cannot be written: (a part of the path is a file|there is a file of this name)/,
    );
    // A file system that takes no folders: Node says ENOENT of a deep one, without a reason.
    const noFolders = await failure(openFolder('/proc/a/b').write('x', [bytes('x')]));
    expect(noFolders.message).toMatch(/^\/proc\/a: cannot be made: the folder above takes no new folders/);
  });

  it.each([
    ['ENOSPC', 'the disk is full (ENOSPC). Free some space, or write to another disk.'],
    ['EROFS', 'its file system is read-only (EROFS). Write to another folder.'],
    ['EMFILE', 'this process has too many files open (EMFILE). Raise the limit: ulimit -n 4096.'],
    ['EACCES', 'this user has no right to (EACCES). Check the owner and the permissions'],
    ['EWHATEVER', 'EWHATEVER: refused, write. Check the path.'],
  ])('%s in the middle of a file or a folder names it, and leaves the old one', async (code, message) => {
    await openFolder(folder).write('model', [bytes('old')]);
    vi.resetModules();
    vi.doMock('node:fs/promises', async (original) => {
      const real = await original<typeof import('node:fs/promises')>();
      const open = async (...given: Parameters<typeof real.open>) => {
        const file = await real.open(...given);
        file.writeFile = async () => {
          throw Object.assign(new Error(`${code}: refused, write`), { code, syscall: 'write' });
        };
        return file;
      };
      return { ...real, open };
    });
    const { folderStore } = await import('../../src/platform/node/folderStore.js');
    const full = folderStore(folder);
    const written = await full.write('model', [bytes('new')]).catch((error: unknown) => error as Error);
    expect((written as Error).name).toBe('CheckpointError');
    expect((written as Error).message).toBe(
      `${join(folder, 'model')}: cannot be written: ${message}`.replace(
        / permissions$/,
        ' permissions, or take another folder.',
      ),
    );
    const replaced = full.replaceFolder('best', (aside) => aside.write('model', [bytes('new')]));
    await expect(replaced).rejects.toThrow(message);
    expect(await treeOf(openFolder(folder))).toEqual({ model: 'old' });
  });
});

describe('files in memory', () => {
  it('copies in and out', async () => {
    const store = memoryStore({ a: 'abc' });
    (await store.read('a'))[0] = 0;
    const chunk = bytes('xyz');
    await store.write('b', [chunk]);
    chunk[0] = 0;
    expect(text(await store.read('a'))).toBe('abc');
    expect(text(await store.read('b', 1))).toBe('yz');
    await expect(store.read('a', 2, 2)).rejects.toThrow(/byte 4 was asked for, the file has 3/);
    await expect(store.read('c')).rejects.toThrow(/memory: there is no file 'c'/);
    await store.folder('d').write('e', [bytes('f')]);
    expect([...store.folder('d').files].map(([path, content]) => [path, text(content)])).toEqual([['e', 'f']]);
    expect([...store.files.keys()]).toEqual(['a', 'b', 'd/e']);
  });
});

describe('a web server', () => {
  const files: Record<string, string> = { 'a.txt': 'hello world', 'empty.txt': '', 'deep/b.txt': 'deeper' };
  function server({ ranges = true } = {}) {
    const requests: string[] = [];
    const fetch = async (url: URL | RequestInfo, init?: RequestInit): Promise<Response> => {
      const { pathname } = new URL(String(url));
      const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get('Range') ?? '');
      requests.push(`${pathname} ${range?.[1]}-${range?.[2]}`);
      const file = files[pathname.replace('/models/tiny/', '')];
      if (file === undefined) return new Response('not here', { status: 404 });
      if (!ranges || !range) return new Response(file);
      const [first, last] = [Number(range[1]), Number(range[2])];
      if (first >= file.length)
        return new Response('', { status: 416, headers: { 'Content-Range': `bytes */${file.length}` } });
      return new Response(file.slice(first, last + 1), {
        status: 206,
        headers: { 'Content-Range': `bytes ${first}-${Math.min(last, file.length - 1)}/${file.length}` },
      });
    };
    return { requests, store: httpStore('https://example.org/models/tiny', { fetch }) };
  }

  it('is asked for ranges', async () => {
    const { store, requests } = server();
    expect(await store.size('a.txt')).toBe(11);
    expect(text(await store.read('a.txt', 6, 3))).toBe('wor');
    expect(text(await store.read('a.txt'))).toBe('hello world');
    const target = new Uint8Array(2);
    await store.readInto('a.txt', 4, target);
    expect(text(target)).toBe('o ');
    expect(requests.map((request) => request.replace('/models/tiny/a.txt ', ''))).toEqual([
      '0-0',
      '6-8',
      '0-10',
      '4-5',
    ]);
    expect(await store.exists('b.txt')).toBe(false);
    await expect(store.read('b.txt')).rejects.toThrow(/example.org\/models\/tiny: there is no file 'b.txt'/);
    await expect(store.read('a.txt', 6, 6)).rejects.toThrow(/byte 12 was asked for, the file has 11/);
    expect(await store.size('empty.txt')).toBe(0);
    expect((await store.read('empty.txt')).length).toBe(0);
  });

  it('that knows no ranges sends each file once', async () => {
    const { store, requests } = server({ ranges: false });
    expect(text(await store.read('a.txt', 6, 3))).toBe('wor');
    expect(text(await store.read('a.txt'))).toBe('hello world');
    expect(requests).toHaveLength(1);
  });

  it('is neither written to nor listed', async () => {
    const { store } = server();
    for (const refused of [
      () => store.list(),
      () => store.write('a.txt', []),
      () => store.remove('a.txt'),
      () => store.replaceFolder('deep', async () => {}),
    ]) {
      await expect(refused()).rejects.toBeInstanceOf(OptionError);
    }
  });

  it('has folders', async () => {
    const { store, requests } = server();
    const deep = store.folder('deep');
    expect(deep.name).toBe('https://example.org/models/tiny/deep');
    expect(text(await deep.read('b.txt'))).toBe('deeper');
    expect(requests[0]).toBe('/models/tiny/deep/b.txt 0-0');
  });

  it('that fails is named', async () => {
    const down = httpStore('https://example.org/m', { fetch: () => Promise.reject(new TypeError('fetch failed')) });
    await expect(down.read('a.txt')).rejects.toThrow(/example.org\/m\/a.txt: the request failed .*fetch failed/);
    const broken = httpStore('https://example.org/m', { fetch: async () => new Response('', { status: 503 }) });
    await expect(broken.size('a.txt')).rejects.toThrow(/answered 503/);
    const lost = new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) });
    const cut = httpStore('https://example.org/m', { fetch: async () => new Response(lost) });
    const error = await cut.read('a.txt').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(/m\/a\.txt: the answer ended early .*terminated.*Try again/);
  });
});

it('readJson wants an object', async () => {
  const store = memoryStore({ a: '[1]', b: '{"x":', c: '{"x": 1}' });
  await expect(readJson(store, 'a')).rejects.toThrow(/memory\/a: expected a JSON object, found an array/);
  await expect(readJson(store, 'b')).rejects.toThrow(/memory\/b: not valid JSON .*Correct it, or download it again/);
  expect(await readJson(store, 'c')).toEqual({ x: 1 });
});
