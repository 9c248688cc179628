import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointError, OptionError } from '../../src/errors.js';
import { type DownloadProgress, httpStore, type OnProgress } from '../../src/io/httpStore.js';
import type { FileStore } from '../../src/io/index.js';
import { readJson } from '../../src/io/json.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openPath as openInPage } from '../../src/platform/browser.js';
import { openFolder } from '../../src/platform/openFolder.js';
import { FakeDisk, FakeFile, FakeSyncFile, fakeLocks } from '../platform/privateFiles.js';

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
describe.each(['a folder', 'memory', 'private files', 'private files in a worker'])('%s', (kind) => {
  let path: string;
  let store: FileStore;
  beforeEach(async () => {
    if (!kind.startsWith('private')) {
      path = await mkdtemp(join(tmpdir(), 'distillm-'));
      store = kind === 'memory' ? memoryStore({}, { name: path }) : openFolder(path);
      return;
    }
    const Kind = kind === 'private files' ? FakeFile : FakeSyncFile;
    const disk = new FakeDisk(Number.POSITIVE_INFINITY, Kind);
    vi.stubGlobal('navigator', { storage: { getDirectory: async () => disk.root }, locks: fakeLocks() });
    vi.stubGlobal('FileSystemFileHandle', Kind);
    path = 'opfs:runs/deep';
    store = openInPage(path);
  });
  afterEach(async () => {
    vi.unstubAllGlobals();
    if (!kind.startsWith('private')) await rm(path, { recursive: true });
  });
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

  it('makes a folder as a whole, or not at all, and never in place of another', async () => {
    const add = (files: Record<string, string>, then = () => {}) =>
      store.addFolder('state', async (aside) => {
        const before = await treeOf(store);
        for (const [name, content] of Object.entries(files)) await aside.write(name, [bytes(content)]);
        expect(await treeOf(store)).toEqual(before);
        then();
      });
    await put('state-2');
    const killed = add({ a: '0' }, () => {
      throw new Error('killed');
    });
    await expect(killed).rejects.toThrow('killed');
    expect(await treeOf(store)).toEqual({ 'state-2': 'state-2' });
    await add({ a: '1', 'deep/b': '1' });
    expect(await treeOf(store)).toEqual({ 'state-2': 'state-2', state: { a: '1', deep: { b: '1' } } });
    await expect(add({ a: '2' })).rejects.toThrow(/state: there is something of this name already/);
    expect(await treeOf(store)).toEqual({ 'state-2': 'state-2', state: { a: '1', deep: { b: '1' } } });
  });

  it('of three that make one folder at the same time one does, and the folder is its own', async () => {
    const add = (content: string) =>
      store.addFolder('state', async (aside) => {
        for (const name of ['a', 'b', 'c']) await aside.write(name, [bytes(content)]);
      });
    const done = await Promise.allSettled(['1', '2', '3'].map(add));
    const winner = `${done.findIndex(({ status }) => status === 'fulfilled') + 1}`;
    expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const each of done) if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(CheckpointError);
    expect(await treeOf(store)).toEqual({ state: { a: winner, b: winner, c: winner } });
  });

  it('gives files second names, which stay when the first ones go', async () => {
    const weights = 'x.safetensors';
    for (const [file, content] of Object.entries({ a: '1', [weights]: '2', rest: '3' })) {
      await put(`s1/${file}`, content);
    }
    await store.share('s1', 'best', ['a', weights]);
    expect(await treeOf(store.folder('best'))).toEqual({ a: '1', [weights]: '2' });
    await put('s2/a', '2');
    await put('best/mine', 'kept');
    await store.share('s2', 'best', ['a']);
    // The same once more, as where a crash came before the run had noted it.
    await store.share('s1', 'best', [weights]);
    await store.remove('s1');
    expect(await treeOf(store.folder('best'))).toEqual({ a: '2', [weights]: '2', mine: 'kept' });
    await expect(store.share('s2', 'last', ['a', 'none'])).rejects.toBeInstanceOf(CheckpointError);
    expect([...(await store.list()).folders].sort()).toEqual(['best', 's2']);
    await store.write('best/a', [bytes('edited')]);
    expect(text(await store.read('s2/a'))).toBe('2');
  });

  it('tells a file that was replaced', async () => {
    await put('a', '1');
    const stamp = await store.stamp('a');
    expect(await store.stamp('a')).toBe(stamp);
    await put('a', '1');
    expect(await store.stamp('a')).not.toBe(stamp);
    await expect(store.stamp('b')).rejects.toBeInstanceOf(CheckpointError);
  });

  it('has one writer at a time', async () => {
    const run = store.folder('run');
    const release = await run.lock();
    expect(await release.isHeld()).toBe(true);
    await expect(store.folder('run').lock()).rejects.toThrow(/run: another run writes to it \(.*process/);
    await (await store.folder('other').lock())();
    await release();
    expect(await release.isHeld()).toBe(false);
    await release();
    const asked = await Promise.allSettled([run.lock(), run.lock(), run.lock()]);
    const taken = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(taken.length).toBeLessThanOrEqual(1);
    for (const give of taken) await give();
    await (await run.lock())();
  });

  it.each(['../x', 'a/../../x', '..', '..\\x', '/etc/x', 'C:\\x', 'http://elsewhere/x', 'a/%2e%2E/x'])(
    'is not left by the path %s',
    async (path) => {
      await put('a/x');
      const inner = store.folder('a');
      for (const ask of [
        () => inner.read(path),
        () => inner.readInto(path, 0, new Uint8Array(1)),
        () => inner.size(path),
        () => inner.stamp(path),
        () => inner.exists(path),
        () => inner.write(path, [bytes('1')]),
        () => inner.remove(path),
        async () => inner.folder(path),
        () => inner.addFolder(path, async () => {}),
        () => inner.share(path, 'b', ['x']),
        () => store.share('a', path, ['x']),
        () => store.share('a', 'b', [path]),
      ]) {
        await expect(ask()).rejects.toThrow(OptionError);
      }
      expect(await treeOf(store)).toEqual({ a: { x: 'a/x' } });
    },
  );

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

  it('loses what killed writers left as soon as it has a writer', async () => {
    const store = openFolder(folder);
    await store.write('best/a', [bytes('1')]);
    await mkdir(join(folder, 'state-000002.123-abc.part'));
    for (const file of ['state-000002.123-abc.part/half', 'best/a.123-abc.part', 'log.123-abc.part']) {
      await writeFile(join(folder, file), '');
    }
    expect(await treeOf(store)).toEqual({ best: { a: '1' } });
    await (await store.lock())();
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(['best', join('best', 'a')]);
  });

  it('is not made anew by one who has it locked, wherever it goes', async () => {
    const store = openFolder(`${folder}/run/`);
    const release = await store.lock();
    await store.write('sub/a', [bytes('1')]);
    let begun = () => {};
    const moved = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const adding = store.addFolder('state', async (part) => {
      await rename(join(folder, 'run'), join(folder, 'away'));
      begun();
      await part.write('deep/b', [bytes('2')]);
    });
    await moved;
    await expect(adding).rejects.toThrow(/cannot be (?:written|made)/);
    await expect(store.write('c', [bytes('3')])).rejects.toThrow(
      /c: cannot be written: there is no such file or folder/,
    );
    await expect(store.folder('sub').write('d', [bytes('4')])).rejects.toThrow(CheckpointError);
    expect(await readdir(folder)).toEqual(['away']);
    await release();
    await store.write('c', [bytes('3')]);
    expect((await readdir(folder)).sort()).toEqual(['away', 'run']);
  });

  it('holds tensors once, whatever names they have; texts, which people edit in place, are copies', async () => {
    const store = openFolder(folder);
    await store.write('s/a.safetensors', [bytes('1')]);
    await store.write('s/a.json', [bytes('1')]);
    await store.share('s', 'best', ['a.safetensors', 'a.json']);
    const names = async (file: string) => (await stat(join(folder, file))).nlink;
    expect([await names('best/a.safetensors'), await names('best/a.json')]).toEqual([2, 1]);
  });

  it('is never without a file that is replaced, nor does a file hold parts of two', async () => {
    const store = openFolder(folder);
    for (const step of [0, 1]) await store.write(`s${step}/model.safetensors`, [new Uint8Array(2 ** 20).fill(step)]);
    await store.share('s0', 'best', ['model.safetensors']);
    let done = false;
    const saving = (async () => {
      for (let save = 1; save <= 10; save++) await store.share(`s${save % 2}`, 'best', ['model.safetensors']);
      done = true;
    })();
    let reads = 0;
    while (!done) {
      expect((await store.list()).folders).toContain('best');
      expect(await store.exists('best/model.safetensors')).toBe(true);
      const read = await store.read('best/model.safetensors');
      expect([read[0], read.every((value) => value === read[0])]).toEqual([read[0], true]);
      reads++;
    }
    await saving;
    expect(reads).toBeGreaterThan(0);
  });

  it('does not call nothing what is there and cannot be read', async () => {
    const store = openFolder(folder);
    await symlink(join(folder, 'gone'), join(folder, 'dead'));
    await symlink(join(folder, 'circle'), join(folder, 'circle'));
    for (const ask of ['exists', 'size', 'read', 'stamp'] as const) {
      await expect(store[ask]('dead')).rejects.toThrow(/dead: cannot be read: it is a link that leads nowhere/);
      await expect(store[ask]('circle')).rejects.toThrow(/circle: cannot be read: links lead in a circle/);
    }
    await expect(store.folder('dead').list()).rejects.toThrow(
      /dead.*: cannot be read: it is a link that leads nowhere/,
    );
    expect(await store.exists('none')).toBe(false);
  });

  it('shares into no folder that a link leads to, dead or not: the link is replaced', async () => {
    const store = openFolder(folder);
    await store.write('from/a.txt', [bytes('abc')]);
    await mkdir(join(folder, 'other'));
    await symlink(join(folder, 'other'), join(folder, 'to'));
    await symlink(join(folder, 'nowhere'), join(folder, 'dead'));
    for (const to of ['to', 'dead']) {
      await store.share('from', to, ['a.txt']);
      expect((await readdir(join(folder, to))).sort()).toEqual(['a.txt']);
    }
    expect(await readdir(join(folder, 'other'))).toEqual([]);
    // A link in the place of a file gives way to the file.
    await writeFile(join(folder, 'other/b.txt'), 'untouched');
    await rm(join(folder, 'to/a.txt'));
    await symlink(join(folder, 'other/b.txt'), join(folder, 'to/a.txt'));
    await store.share('from', 'to', ['a.txt']);
    await store.write('to/c.txt', [bytes('c')]);
    expect(await readFile(join(folder, 'to/a.txt'), 'utf8')).toBe('abc');
    expect(await readFile(join(folder, 'other/b.txt'), 'utf8')).toBe('untouched');
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
    const added = full.addFolder('best', (aside) => aside.write('model', [bytes('new')]));
    await expect(added).rejects.toThrow(message);
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
  function server({ ranges = true, onProgress }: { ranges?: boolean; onProgress?: OnProgress } = {}) {
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
    return { requests, store: httpStore('https://example.org/models/tiny', { fetch, onProgress }) };
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

  it.each(['https://example.org/m/?download=true', 'https://example.org/m#readme'])('are not below %s', (url) => {
    expect(() => httpStore(url)).toThrow(
      /^httpStore: the folder https:\/\/example.org\/m.* ends with '.*(download=true|readme)', which no file below it would have/,
    );
  });

  it('whose files are named is asked for no other, and lists them', async () => {
    const requests: string[] = [];
    const fetch = async (url: URL | RequestInfo) => {
      requests.push(new URL(String(url)).pathname);
      return new Response('{}');
    };
    const store = httpStore('https://example.org/m', { fetch, files: ['config.json', 'deep/a.txt', 'deep/er/b.txt'] });
    expect(await store.list()).toEqual({ files: ['config.json'], folders: ['deep'] });
    expect([await store.exists('adapter_config.json'), await store.exists('config.json')]).toEqual([false, true]);
    await expect(store.read('LICENSE')).rejects.toThrow("m: there is no file 'LICENSE'");
    const deep = store.folder('deep');
    expect(await deep.list()).toEqual({ files: ['a.txt'], folders: ['er'] });
    expect([await deep.exists('b.txt'), await deep.folder('er').exists('b.txt')]).toEqual([false, true]);
    expect(requests).toEqual(['/m/config.json', '/m/deep/er/b.txt']);
    await expect(httpStore('https://example.org/m', { fetch }).list()).rejects.toThrow(
      'Give httpStore their names: files.',
    );
  });

  it('that knows no ranges sends each file once', async () => {
    const { store, requests } = server({ ranges: false });
    expect(text(await store.read('a.txt', 6, 3))).toBe('wor');
    expect(text(await store.read('a.txt'))).toBe('hello world');
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['sends files whole', 200],
    ['knows ranges', 206],
  ])('that answers with its page for what is not there, and %s, has no such file', async (_, status) => {
    const page = `<!doctype html><title>An app</title>${' '.repeat(600)}`;
    const files: Readonly<Record<string, string>> = { '/m/config.json': '{"a": 1}', '/m/index.html': page };
    const fetch = async (url: URL | RequestInfo, init?: RequestInit) => {
      // Some servers call every file a page.
      const headers = { 'Content-Type': 'text/html; charset=utf-8' };
      const body = files[new URL(String(url)).pathname] ?? page;
      if (status === 200) return new Response(body, { headers });
      const [first = 0, last = 0] = (new Headers(init?.headers).get('Range') ?? '').match(/\d+/g)?.map(Number) ?? [];
      const range = `bytes ${first}-${last}/${body.length}`;
      return new Response(body.slice(first, last + 1), { status, headers: { ...headers, 'Content-Range': range } });
    };
    const store = httpStore('https://example.org/m', { fetch });
    expect(await store.exists('generation_config.json')).toBe(false);
    await expect(store.read('model.safetensors')).rejects.toThrow("m: there is no file 'model.safetensors'");
    expect(text(await store.read('config.json'))).toBe('{"a": 1}');
    expect(text(await store.read('index.html'))).toBe(page);
  });

  it('tells how far each file is, whether it comes in parts or whole', async () => {
    const told: DownloadProgress[] = [];
    const onProgress = (progress: DownloadProgress) => told.push(progress);
    const inParts = server({ onProgress }).store;
    await inParts.size('a.txt');
    expect(told).toEqual([]);
    await inParts.read('a.txt', 0, 4);
    await inParts.read('a.txt', 4);
    // Read again: the download is no further.
    await inParts.read('a.txt', 2, 3);
    await inParts.folder('deep').read('b.txt');
    expect(told).toEqual([
      { file: 'a.txt', loaded: 4, total: 11 },
      { file: 'a.txt', loaded: 11, total: 11 },
      { file: 'a.txt', loaded: 11, total: 11 },
      { file: 'deep/b.txt', loaded: 6, total: 6 },
    ]);
    told.length = 0;
    const whole = server({ ranges: false, onProgress }).store;
    expect(text(await whole.read('a.txt', 6, 3))).toBe('wor');
    expect(told).toEqual([{ file: 'a.txt', loaded: 11, total: undefined }]);
  });

  it('tells of each piece of a long answer as it comes, and stops where it is told to', async () => {
    const pieces = ['hel', 'lo ', 'world'];
    const answering = (headers: Record<string, string>) => async () => {
      const left = pieces.map(bytes);
      const pull = (controller: ReadableStreamDefaultController) => {
        const piece = left.shift();
        if (piece) controller.enqueue(piece);
        else controller.close();
      };
      return new Response(new ReadableStream({ pull }), { headers });
    };
    const read = async (headers: Record<string, string>, onProgress: (progress: DownloadProgress) => void) =>
      text(await httpStore('https://example.org/m', { fetch: answering(headers), onProgress }).read('a.txt'));
    const told: unknown[] = [];
    const tell = ({ file, loaded, total }: DownloadProgress) => told.push([file, loaded, total]);
    expect(await read({ 'Content-Length': '11' }, tell)).toBe('hello world');
    expect(told).toEqual([3, 6, 11].map((loaded) => ['a.txt', loaded, 11]));
    told.length = 0;
    // Packed on its way: the length is of other bytes.
    expect(await read({ 'Content-Length': '9', 'Content-Encoding': 'identity' }, tell)).toBe('hello world');
    expect(told).toEqual([3, 6, 11].map((loaded) => ['a.txt', loaded, undefined]));
    const stop = new Error('enough');
    const stopping = read({}, () => {
      throw stop;
    });
    await expect(stopping).rejects.toBe(stop);
  });

  it('that sends without end is left when the most is there that such a file may have', async () => {
    const piece = new Uint8Array(2 ** 26);
    let pulled = 0;
    const endless = (status: number, headers = {}) => {
      pulled = 0;
      const pull = (controller: ReadableStreamDefaultController) =>
        pulled++ < 10 ? controller.enqueue(piece) : controller.close();
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { status, headers });
    };
    const whole = httpStore('https://example.org/m', { fetch: async () => endless(200) });
    const error = await readJson(whole, 'config.json').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', expected: 2 ** 28 });
    expect((error as Error).message).toMatch(/m\/config\.json: the server's answer has more than 256\.0 MiB/);
    expect(pulled).toBe(5);
    const absent = httpStore('https://example.org/m', { fetch: async () => endless(404) });
    expect(await absent.exists('config.json')).toBe(false);
    expect(pulled).toBe(0);
    const parts = { 'Content-Range': 'bytes 0-0/11' };
    const longer = httpStore('https://example.org/m', { fetch: async () => endless(206, parts) });
    await expect(longer.read('a.bin')).rejects.toThrow(/m\/a\.bin: the server's answer has more than 11 bytes/);
    expect(pulled).toBe(1);
  });

  it('is neither written to nor listed', async () => {
    const { store } = server();
    for (const refused of [
      () => store.list(),
      () => store.write('a.txt', []),
      () => store.remove('a.txt'),
      () => store.addFolder('deep', async () => {}),
      () => store.share('deep', 'deeper', []),
      () => store.lock(),
    ]) {
      await expect(refused()).rejects.toBeInstanceOf(OptionError);
    }
  });

  it('is not left by a path', async () => {
    const { store, requests } = server();
    for (const path of ['../x', '%2e%2e/x', '/x', 'https://elsewhere.org/x']) {
      await expect(store.read(path)).rejects.toThrow(OptionError);
      expect(() => store.folder(path)).toThrow(OptionError);
    }
    expect(requests).toEqual([]);
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
    await expect(down.read('a.txt')).rejects.toThrow(
      /example.org\/m\/a.txt: the request failed: fetch failed\. Check the address/,
    );
    const broken = httpStore('https://example.org/m', { fetch: async () => new Response('', { status: 503 }) });
    await expect(broken.size('a.txt')).rejects.toThrow(/answered 503/);
    const lost = new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) });
    const cut = httpStore('https://example.org/m', { fetch: async () => new Response(lost) });
    const error = await cut.read('a.txt').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(/m\/a\.txt: the answer ended early: terminated\. Try again/);
  });
});

it('readJson wants an object', async () => {
  const store = memoryStore({ a: '[1]', b: '{"x":', c: '{"x": 1}' });
  await expect(readJson(store, 'a')).rejects.toThrow(/memory\/a: expected a JSON object, found an array/);
  await expect(readJson(store, 'b')).rejects.toThrow(/memory\/b: not valid JSON .*Correct it, or download it again/);
  expect(await readJson(store, 'c')).toEqual({ x: 1 });
});
