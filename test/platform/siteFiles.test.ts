import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import type { DownloadProgress } from '../../src/io/httpStore.js';
import { parseHubName } from '../../src/io/hub/hubName.js';
import type { OpenHubOptions } from '../../src/io/hub/hubOptions.js';
import { openHub } from '../../src/platform/browser.js';
import { siteCache } from '../../src/platform/siteFiles/siteCache.js';
import { commit, type HubPlay, type Played, playHub, sha256Of } from './hubServer.js';
import { FakeDisk, FakeFile, type FakeFolder, fakeLocks } from './privateFiles.js';

vi.mock('../../src/io/pause.js', () => ({
  pause: async (_: number, signal?: AbortSignal) => signal?.throwIfAborted(),
}));

const weights = new Uint8Array(200_000).map((_, i) => i * 7 + (i >> 8));
const files = {
  'config.json': '{"model_type": "gpt2"}',
  'model.safetensors': weights,
  'deep/notes.txt': 'x',
  empty: '',
};

let disk: FakeDisk;
let hub: Played;
/** A browser with this disk. */
function stubBrowser(storage: object | undefined = undefined): void {
  const { quota, usage } = disk;
  const own = { getDirectory: async () => disk.root, estimate: async () => ({ quota, usage }) };
  vi.stubGlobal('navigator', { storage: storage ?? own, locks: fakeLocks() });
  vi.stubGlobal('FileSystemFileHandle', FakeFile);
}
beforeEach(() => {
  disk = new FakeDisk();
  stubBrowser();
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await hub.close();
});
async function play(options: Partial<HubPlay> = {}): Promise<Played> {
  hub = await playHub({ files, large: ['model.safetensors'], ...options });
  return hub;
}
const open = (options: OpenHubOptions = {}, name = 'hf:org/name') =>
  openHub(parseHubName(name), { ...options, hub: { endpoint: hub.endpoint, ...options.hub } });
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error as CheckpointError,
  );
const text = async (bytes: Promise<Uint8Array>) => new TextDecoder().decode(await bytes);
const cached = async () => {
  let folder = disk.root as FakeFolder;
  for (const name of ['distillm', 'hub', 'models--org--name']) folder = await folder.getDirectoryHandle(name);
  return folder;
};

describe('a model on Hugging Face in a page', () => {
  it('is downloaded into the private files of the site, once', async () => {
    const { asked, leaked } = await play();
    const told: DownloadProgress[] = [];
    const store = open({ hub: { token: 'secret' }, onProgress: (progress) => told.push(progress) });
    expect(await store.list()).toEqual({ files: ['config.json', 'model.safetensors', 'empty'], folders: ['deep'] });
    expect(await store.read('model.safetensors', 199_998)).toEqual(weights.slice(199_998));
    expect(await text(store.read('config.json'))).toBe(files['config.json']);
    expect(await text(store.folder('deep').read('notes.txt'))).toBe('x');
    expect(await store.read('empty')).toEqual(new Uint8Array(0));
    const some = new Uint8Array(3);
    await store.readInto('model.safetensors', 5, some);
    expect(some).toEqual(weights.slice(5, 8));
    expect(told.filter(({ file }) => file === 'model.safetensors').at(-1)).toEqual({
      ...{ file: 'model.safetensors', loaded: 200_000, total: 200_000 },
    });
    expect(leaked).toEqual([]);
    expect(await store.stamp('model.safetensors')).toBe(sha256Of(weights));
    asked.length = 0;
    expect(await open().read('model.safetensors')).toEqual(weights);
    expect(asked).toEqual(['/api/models/org/name/revision/main?blobs=true']);
    expect((await failure(store.read('model.safetensors', 199_999, 2))).message).toMatch(/byte 200001 was asked for/);
  });

  it('goes on where connections were cut, in another page too', async () => {
    const { asked } = await play({ cuts: [70_000, 1_000, 0, 60_000] });
    expect(await open().read('model.safetensors')).toEqual(weights);
    const ranges = asked
      .filter((each) => each.startsWith('store'))
      .map((each) => Number(/bytes=(\d+)-/.exec(each)?.[1] ?? 0));
    expect(ranges).toEqual([0, 70_000, 71_000, 71_000, 131_000]);
    disk = new FakeDisk();
    stubBrowser();
    await hub.close();
    const stop = new AbortController();
    const other = await play({ cuts: [90_000, 0] });
    const onProgress = ({ loaded }: DownloadProgress) => loaded === 90_000 && stop.abort(new Error('enough'));
    await expect(open({ signal: stop.signal, onProgress }).read('model.safetensors')).rejects.toThrow('enough');
    expect(
      await open({ hub: { offline: true } })
        .exists('model.safetensors')
        .catch((error) => error),
    ).toBeInstanceOf(CheckpointError);
    other.asked.length = 0;
    expect(await open().read('model.safetensors')).toEqual(weights);
    expect(other.asked.at(-1)).toBe('store /model.safetensors bytes=90000-');
  });

  it('is kept in pieces, and read across them', async () => {
    await play();
    const cache = siteCache(disk.root as unknown as FileSystemDirectoryHandle, parseHubName('hf:org/name'), 1000);
    const bytes = weights.slice(0, 2500);
    const part = cache.part('d');
    let writer = await part.write(0);
    await writer.add(bytes.slice(0, 700));
    await writer.add(bytes.slice(700, 2100));
    // A page that goes now loses what is behind the last piece.
    expect(await part.size()).toBe(2000);
    await writer.close();
    expect(await part.size()).toBe(2100);
    // Another try may begin before what is there.
    writer = await part.write(900);
    await writer.add(bytes.slice(900, 1050));
    await writer.close();
    expect(await part.size()).toBe(1050);
    writer = await part.write(1050);
    await writer.add(bytes.slice(1050));
    await writer.close();
    const read: number[] = [];
    for await (const piece of part.read()) read.push(...piece);
    expect(Uint8Array.from(read)).toEqual(bytes);
    expect(await cache.has('d')).toBe(false);
    await part.finish();
    expect(await cache.has('d')).toBe(true);
    await cache.link(commit, 'a/b', 'd', 2500);
    const found = cache.files(commit);
    expect(await found.list()).toEqual(new Map([['a/b', { digest: 'd', size: 2500 }]]));
    expect(await found.read('a/b')).toEqual(bytes);
    expect(await found.read('a/b', 999, 1002)).toEqual(bytes.slice(999, 2001));
    const content = await (await (await cached()).getDirectoryHandle('contents')).getDirectoryHandle('d');
    expect([...content.children.keys()]).toEqual(['0', '1', '2', 'whole']);
    await content.removeEntry('1');
    expect((await failure(found.read('a/b'))).message).toMatch(/d\/1: 0 bytes are there, expected .*clear the data/);
  });

  it('does not count as there where a page went before its last word was written', async () => {
    await play();
    await open().read('config.json');
    const contents = await (await cached()).getDirectoryHandle('contents');
    for (const folder of contents.children.values())
      (await (folder as FakeFolder).getFileHandle('whole')).bytes = new Uint8Array(0);
    const before = hub.asked.length;
    expect(await text(open().read('config.json'))).toBe(files['config.json']);
    // All bytes were there.
    expect(hub.asked.slice(before)).toEqual(['/api/models/org/name/revision/main?blobs=true']);
  });

  it('refuses a file of another digest, and keeps nothing of it', async () => {
    await play({ spoilt: { 'config.json': '{"model_type": "gpt3"}', 'model.safetensors': 'y'.repeat(200_000) } });
    for (const path of ['config.json', 'model.safetensors']) {
      expect((await failure(open().read(path))).message).toMatch(/the digest of what came is .* it was removed/);
    }
    expect([...(await (await cached()).getDirectoryHandle('contents')).children]).toEqual([]);
  });

  it('is not asked for where the browser has no room for it, which the message says in numbers', async () => {
    disk = new FakeDisk(150_000);
    stubBrowser();
    const { asked } = await play();
    const refused = await failure(open().read('model.safetensors'));
    expect(refused).toMatchObject({ code: 'ERR_CHECKPOINT', expected: 200_000 });
    expect(refused.found).toBeGreaterThan(149_000);
    expect(refused.message).toMatch(
      /model\.safetensors: 195\.3 KiB are to come, and the browser gives the site 146\.\d KiB more/,
    );
    expect(asked.filter((line) => line.includes('safetensors'))).toEqual([]);
    // What fits comes all the same.
    expect(await text(open().read('config.json'))).toBe(files['config.json']);
  });

  it('says where the browser gives no more room than it has promised', async () => {
    disk = new FakeDisk(150_000);
    stubBrowser({
      getDirectory: async () => disk.root,
      estimate: vi.fn(async () => ({ quota: 150_000, usage: disk.usage })).mockResolvedValueOnce({} as never),
    });
    await play();
    expect(await failure(open().read('model.safetensors'))).toMatchObject({
      ...{ code: 'ERR_CHECKPOINT', expected: 150_000 },
      message: expect.stringMatching(/gives the site no more room \(it holds .* of 146\.5 KiB\)\. Free some/),
    });
  });

  it('is loaded by two at a time without a byte twice, and a signal ends the wait for the other', async () => {
    const { asked } = await play();
    const read = await Promise.all([open(), open()].map((store) => store.read('model.safetensors')));
    for (const bytes of read) expect(bytes).toEqual(weights);
    expect(asked.filter((each) => each.startsWith('store'))).toHaveLength(1);
    let giveBack = () => {};
    const held = new Promise<void>((done) => {
      giveBack = done;
    });
    void navigator.locks.request('distillm/hub/models--org--name', {}, () => held);
    const stop = new AbortController();
    const waiting = open({ signal: stop.signal }).read('config.json');
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(waiting).rejects.toThrow('enough');
    giveBack();
  });

  it('offline is what is there', async () => {
    const { asked } = await play();
    await open().read('config.json');
    asked.length = 0;
    const store = open({ hub: { offline: true } });
    expect(await store.list()).toEqual({ files: ['config.json'], folders: [] });
    expect(await text(store.read('config.json'))).toBe(files['config.json']);
    expect((await failure(open({ hub: { offline: true } }, 'hf:org/name@v2').list())).message).toMatch(
      /^hf:org\/name@v2: the cache \(.*models--org--name\) does not have it, and hub.offline is set/,
    );
    expect(asked).toEqual([]);
  });

  it.each([
    ['has no such files', {}],
    ['does not give them', { getDirectory: () => Promise.reject(new DOMException('no', 'SecurityError')) }],
  ])('is read in place in a browser that %s', async (_, storage) => {
    const { asked } = await play();
    stubBrowser(storage);
    const store = open({ hub: { token: 'secret' } });
    expect(await store.exists('vocab.json')).toBe(false);
    expect(await store.read('model.safetensors', 5, 3)).toEqual(weights.slice(5, 8));
    expect(asked).toContain('store /model.safetensors bytes=0-0');
    expect((await failure(open({ hub: { offline: true } }).list())).message).toMatch(/nothing can be kept here/);
  });

  it('that is closed needs a token, which the message names by its option', async () => {
    await play({
      first(_, response) {
        response.writeHead(401).end();
        return true;
      },
    });
    expect((await failure(open().list())).message).toMatch(/a closed model needs a token in hub\.token/);
  });
});
