import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openCheckpoint } from '../../src/checkpoints/index.js';
import { CheckpointError, OptionError } from '../../src/errors.js';
import type { DownloadProgress } from '../../src/io/httpStore.js';
import { parseHubName } from '../../src/io/hub/hubName.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { openFolder } from '../../src/platform/openFolder.js';
import { f32Tensor, ggufBytes, text } from '../io/ggufBytes.js';
import { blobOf, commit, cutLater, type HubPlay, type Played, playHub, sha256Of } from './hubServer.js';

/** Where a test sets `waits`, those between tries are over at once, and their ms are added to it. */
const clock = vi.hoisted((): { waits: number[] | undefined } => ({ waits: undefined }));
vi.mock('../../src/io/pause.js', async (original) => {
  const { pause } = await original<typeof import('../../src/io/pause.js')>();
  const passing: typeof pause = async (ms, signal) => {
    if (!clock.waits) return pause(ms, signal);
    clock.waits.push(ms);
    signal?.throwIfAborted();
  };
  return { pause: passing };
});

const weights = new Uint8Array(200_000).map((_, i) => i * 7 + (i >> 8));
const files = { 'config.json': '{"model_type": "gpt2"}', 'model.safetensors': weights, 'deep/notes.txt': 'x' };
const large = ['model.safetensors'];

let cache: string;
let hub: Played | undefined;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'distillm-hub-'));
  vi.stubEnv('HF_HUB_CACHE', cache);
  vi.stubEnv('HF_TOKEN', '');
  vi.stubEnv('HF_HUB_OFFLINE', '');
});
afterEach(async () => {
  clock.waits = undefined;
  vi.unstubAllEnvs();
  await hub?.close();
  hub = undefined;
  await rm(cache, { recursive: true });
});
async function play(options: Partial<HubPlay> = {}): Promise<Played> {
  hub = await playHub({ files, large, ...options });
  vi.stubEnv('HF_ENDPOINT', `${hub.endpoint}/`);
  return hub;
}
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error as CheckpointError,
  );
const folder = () => join(cache, 'models--org--name');
const parts = async () =>
  (await readdir(join(folder(), 'blobs')).catch(() => [])).filter((name) => name.includes('incomplete'));

describe('a model on Hugging Face', () => {
  it('is downloaded into its own cache as it is read, and is there for other libraries', async () => {
    const { asked, leaked } = await play();
    vi.stubEnv('HF_TOKEN', 'secret');
    const store = openFolder('hf:org/name');
    expect(asked).toEqual([]);
    expect(await store.list()).toEqual({ files: ['config.json', 'model.safetensors'], folders: ['deep'] });
    expect(await store.exists('vocab.json')).toBe(false);
    expect(await store.size('model.safetensors')).toBe(200_000);
    expect(asked).toEqual(['/api/models/org/name/revision/main?blobs=true']);
    expect(await store.read('model.safetensors', 5, 3)).toEqual(weights.slice(5, 8));
    expect(new TextDecoder().decode(await store.read('config.json'))).toBe(files['config.json']);
    expect(new TextDecoder().decode(await store.folder('deep').read('notes.txt'))).toBe('x');
    expect(asked.slice(1)).toEqual([
      `/org/name/resolve/${commit}/model.safetensors`,
      'store /model.safetensors',
      `/org/name/resolve/${commit}/config.json`,
      `/org/name/resolve/${commit}/deep/notes.txt`,
    ]);
    expect(leaked).toEqual([]);
    expect(await readFile(join(folder(), 'refs/main'), 'utf8')).toBe(commit);
    const link = (path: string) => readlink(join(folder(), 'snapshots', commit, path));
    expect(await link('model.safetensors')).toBe(`../../blobs/${sha256Of(weights)}`);
    expect(await link('deep/notes.txt')).toBe(`../../../blobs/${blobOf('x')}`);
    expect(await readFile(join(folder(), 'blobs', sha256Of(weights)))).toEqual(Buffer.from(weights));
    // Another time the files are there.
    asked.length = 0;
    expect(await openFolder('hf:org/name').read('model.safetensors')).toEqual(weights);
    expect(asked).toEqual(['/api/models/org/name/revision/main?blobs=true']);
    await expect(store.write('a', [])).rejects.toBeInstanceOf(OptionError);
    expect((await failure(store.read('vocab.json'))).message).toMatch(/^hf:org\/name: there is no file 'vocab.json'/);
    const outside = await failure(store.read('../refs/main'));
    expect(outside).toBeInstanceOf(OptionError);
  });

  it('tells how far a download is', async () => {
    await play();
    const told: DownloadProgress[] = [];
    const store = openFolder('hf:org/name', { onProgress: (progress) => told.push(progress) });
    await store.read('model.safetensors', 0, 1);
    expect(told.at(-1)).toEqual({ file: 'model.safetensors', loaded: 200_000, total: 200_000 });
    const bytes = told.map(({ loaded }) => loaded);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
  });

  it('goes on where connections were cut, also in another process', async () => {
    const { asked } = await play({ cuts: [70_000, 1_000, 0, 60_000] });
    expect(await openFolder('hf:org/name').read('model.safetensors')).toEqual(weights);
    const ranges = asked
      .filter((each) => each.startsWith('store'))
      .map((each) => Number(/bytes=(\d+)-/.exec(each)?.[1] ?? 0));
    expect(ranges).toEqual([0, 70_000, 71_000, 71_000, 131_000]);
    expect(await parts()).toEqual([]);
    await rm(folder(), { recursive: true });
    await mkdir(join(folder(), 'blobs'), { recursive: true });
    await writeFile(join(folder(), 'blobs', `${sha256Of(weights)}.distillm-incomplete`), weights.subarray(0, 150_000));
    asked.length = 0;
    expect(await openFolder('hf:org/name').read('model.safetensors')).toEqual(weights);
    expect(asked).toContain('store /model.safetensors bytes=150000-');
  });

  it('begins again where a server knows no ranges', async () => {
    const { asked } = await play({ cuts: [70_000], wholeOnly: true });
    expect(await openFolder('hf:org/name').read('model.safetensors')).toEqual(weights);
    expect(asked).toContain('store /model.safetensors bytes=70000-');
  });

  it('gives up where nothing comes any more, and keeps what came', async () => {
    const played = await play({ cuts: [70_000, 0, 0, 0, 0, 0] });
    const waits: number[] = [];
    clock.waits = waits;
    expect((await failure(openFolder('hf:org/name').read('model.safetensors'))).message).toMatch(
      /^hf:org\/name\/model.safetensors: the connection was cut 5 times at 70000 of 200000 bytes .* what came is kept/,
    );
    // After the cut at 70,000 bytes, and after four without more.
    expect(waits).toEqual([100, 200, 400, 800, 1600]);
    expect(await parts()).toHaveLength(1);
    played.asked.length = 0;
    expect(await openFolder('hf:org/name').read('model.safetensors')).toEqual(weights);
    expect(played.asked).toContain('store /model.safetensors bytes=70000-');
  });

  it.each<
    [string, (asked: number, range: boolean) => [status: number, bytes: number, headers?: Record<string, string>]]
  >([
    ['answers all ranges with 416', (_, range) => (range ? [416, 0] : [200, 9])],
    ['gives other ranges', (_, range) => (range ? [206, 9, { 'Content-Range': 'bytes 0-8/22' }] : [200, 9])],
    ['knows no ranges, and is cut here and there', (asked) => [200, asked % 2 ? 9 : 7]],
    ['knows no ranges, and gives a byte more each time', (asked) => [200, Math.min(asked, 21)]],
  ])('is not asked for the same bytes for ever by a server that %s', async (_, answer) => {
    let asked = 0;
    await play({
      first(request, response) {
        if (request.url?.startsWith('/api')) return false;
        if (asked++ > 30) return false;
        const [status, bytes, headers] = answer(asked, request.headers.range !== undefined);
        response.writeHead(status, headers);
        if (status === 416) response.end();
        else response.write('x'.repeat(bytes), () => void cutLater(response));
        return true;
      },
    });
    const waits: number[] = [];
    clock.waits = waits;
    const error = await failure(openFolder('hf:org/name').read('config.json'));
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', expected: 22 });
    expect(error.message).toMatch(/cut 5 times at \d+ of 22 bytes .*each try begins again.* another HF_ENDPOINT/);
    expect(asked).toBeLessThan(10);
    expect(waits.slice(-4)).toEqual([200, 400, 800, 1600]);
  });

  it('is given up where each connection brings a few bytes, which are kept', async () => {
    // One of 64 KiB or more counts, and the next ones have all their tries again.
    const { asked } = await play({ cuts: [1, 1, 1, 1, 70_000, 1, 1, 1, 1, 1, 1] });
    clock.waits = [];
    expect((await failure(openFolder('hf:org/name').read('model.safetensors'))).message).toMatch(
      /cut 5 times at 70009 of 200000 bytes .* what came is kept/,
    );
    expect(asked.filter((each) => each.startsWith('store'))).toHaveLength(10);
  });

  it('is asked for as the options say, whatever the environment says', async () => {
    const sent: unknown[] = [];
    const { endpoint, asked } = await play({
      first(request) {
        sent.push(request.headers.authorization);
        return false;
      },
    });
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    vi.stubEnv('HF_TOKEN', 'other');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const hub = { endpoint: `${endpoint}/`, token: 'secret', offline: false };
    expect(await openFolder('hf:org/name', { hub }).read('model.safetensors')).toEqual(weights);
    expect(new Set(sent)).toEqual(new Set(['Bearer secret']));
    asked.length = 0;
    vi.stubEnv('HF_HUB_OFFLINE', '');
    const store = openFolder('hf:org/name', { hub: { offline: true } });
    expect(await store.list()).toEqual({ files: ['model.safetensors'], folders: [] });
    expect(asked).toEqual([]);
    expect(() => openFolder('hf:org/name', { hub: { endpoint: 'huggingface.co' } })).toThrow(
      /hub\.endpoint is huggingface\.co, expected the URL of a hub/,
    );
  });

  it.each<[string, Record<string, string>, () => Uint8Array]>([
    ['long', {}, () => new Uint8Array(2 ** 26 + 2 ** 22).fill(32)],
    ['packed', { 'Content-Encoding': 'gzip' }, () => gzipSync(new Uint8Array(2 ** 26 + 2 ** 22).fill(32))],
  ])('whose list of files is too %s is refused', async (_, headers, content) => {
    await play({
      first(_, response) {
        response.writeHead(200, headers).end(content());
        return true;
      },
    });
    const error = await failure(openFolder('hf:org/name').list());
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', expected: 2 ** 26 });
    expect(error.message).toMatch(/^hf:org\/name: the hub's answer is longer than 64\.0 MiB, .*Check HF_ENDPOINT/);
  });

  it.each<[string, string[]]>([
    ['is a file and a folder', ['a', 'a/b']],
    ['is a folder and a file', ['a/b', 'a']],
    ['is too long for a file system', ['a'.repeat(300)]],
  ])('with a name that %s is refused in words', async (_, paths) => {
    await play({ files: Object.fromEntries(paths.map((path) => [path, path])), large: [] });
    const store = openFolder('hf:org/name');
    for (const path of paths.slice(0, -1)) await store.read(path);
    const error = await failure(store.read(paths.at(-1) as string));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(/models--org--name.*cannot be written: .*\(E[A-Z]+\)/);
  });

  it.each([
    ['large', 'model.safetensors', 'y'.repeat(200_000), sha256Of('y'.repeat(200_000)), sha256Of(weights)],
    ['small', 'config.json', '{"model_type": "gpt3"}', blobOf('{"model_type": "gpt3"}'), blobOf(files['config.json'])],
  ])('refuses a %s file of another digest, and keeps nothing of it', async (_, path, content, found, expected) => {
    await play({ spoilt: { [path]: content } });
    const error = await failure(openFolder('hf:org/name').read(path));
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', found, expected });
    expect(error.message).toMatch(/the digest of what came is .* expected .* it was removed/);
    expect(await parts()).toEqual([]);
    expect(await stat(join(folder(), 'snapshots', commit, path)).catch(() => undefined)).toBeUndefined();
  });

  it('refuses more bytes than were said', async () => {
    await play({ spoilt: { 'model.safetensors': 'y'.repeat(200_001) } });
    expect((await failure(openFolder('hf:org/name').read('model.safetensors'))).message).toMatch(
      /more than the 195.3 KiB came/,
    );
  });

  it.each<[number, Record<string, string>, string, RegExp]>([
    [
      401,
      {},
      '',
      /^hf:org\/name: there is no such model, or it is closed \(the hub answered 401.* needs a token in HF_TOKEN/,
    ],
    [401, {}, 'secret', /Check the name, and what the token of HF_TOKEN may read/],
    [403, { 'X-Error-Code': 'GatedRepo' }, 'secret', /the model is closed .*Ask for access/],
    [404, { 'X-Error-Code': 'RepoNotFound' }, '', /there is no such model, or it is closed/],
    [404, { 'X-Error-Code': 'RevisionNotFound' }, '', /there is no such revision \(the hub answered 404/],
    [429, { 'Retry-After': '0' }, '', /too many requests \(the hub answered 429 .*, 4 times\)/],
    [503, { 'Retry-After': '0' }, '', /the hub answered 503 .*, 4 times, expected 200/],
  ])('says what an answer of %i %j means', async (status, headers, token, message) => {
    const { asked } = await play({
      first: (_, response) => {
        response.writeHead(status, headers).end();
        return true;
      },
    });
    vi.stubEnv('HF_TOKEN', token);
    const error = await failure(openCheckpoint('hf:org/name'));
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', found: status });
    expect(error.message).toMatch(message);
    expect(asked).toHaveLength(status === 429 || status === 503 ? 4 : 1);
  });

  it('waits and asks again where there were too many requests', async () => {
    let refused = 0;
    await play({
      first(_, response) {
        if (refused++ >= 2) return false;
        response.writeHead(429, { 'Retry-After': '0' }).end();
        return true;
      },
    });
    expect(await openFolder('hf:org/name').exists('config.json')).toBe(true);
    expect(refused).toBe(3);
  });

  it('sends the token to the hub', async () => {
    const sent: unknown[] = [];
    await play({
      first(request) {
        sent.push(request.headers.authorization);
        return false;
      },
    });
    vi.stubEnv('HF_TOKEN', 'secret');
    await openFolder('hf:org/name').exists('config.json');
    expect(sent).toEqual(['Bearer secret']);
  });

  it('is asked for no more once a signal is aborted, while it waits and while bytes come', async () => {
    const stop = new AbortController();
    await play({
      first(_, response) {
        response.writeHead(429, { 'Retry-After': '50' }).end();
        setTimeout(() => stop.abort(new Error('enough')), 30);
        return true;
      },
    });
    const { signal } = stop;
    await expect(openFolder('hf:org/name', { signal }).exists('config.json')).rejects.toThrow('enough');
    await hub?.close();
    await play({ cuts: [70_000] });
    const other = new AbortController();
    const onProgress = () => other.abort(new Error('enough of it'));
    const store = openFolder('hf:org/name', { signal: other.signal, onProgress });
    await expect(store.read('model.safetensors')).rejects.toThrow('enough of it');
  });

  it('offline is what the cache has', async () => {
    const played = await play();
    await openFolder('hf:org/name').read('config.json');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    played.asked.length = 0;
    const store = openFolder('hf:org/name');
    expect(await store.list()).toEqual({ files: ['config.json'], folders: [] });
    expect(new TextDecoder().decode(await store.read('config.json'))).toBe(files['config.json']);
    expect(await store.exists('model.safetensors')).toBe(false);
    expect(await openFolder(`hf:org/name@${commit}`).exists('config.json')).toBe(true);
    expect((await failure(openFolder('hf:org/name@v2').exists('config.json'))).message).toMatch(
      /^hf:org\/name@v2: the cache \(.*models--org--name\) does not have it, and HF_HUB_OFFLINE is set/,
    );
    expect(played.asked).toEqual([]);
  });

  it('cannot be reached where there is no network, which says so', async () => {
    const played = await play();
    await played.close();
    expect((await failure(openCheckpoint('hf:org/name'))).message).toMatch(
      /^hf:org\/name: http:.* cannot be reached \(.*ECONNREFUSED.*\)\. Check the network; HF_HUB_OFFLINE=1 takes/,
    );
  });

  it.each<[string, object]>([
    ['a commit that leads elsewhere', { sha: '../../etc', siblings: [] }],
    ['no files', { sha: commit }],
    ['a path that leads elsewhere', { sha: commit, siblings: [{ rfilename: '../a', size: 1, blobId: commit }] }],
    ['an absolute path', { sha: commit, siblings: [{ rfilename: '/a', size: 1, blobId: commit }] }],
    ['a digest that leads elsewhere', { sha: commit, siblings: [{ rfilename: 'a', size: 1, blobId: '../../a' }] }],
    ['no size', { sha: commit, siblings: [{ rfilename: 'a', blobId: commit }] }],
  ])('is refused for a listing with %s', async (_, listing) => {
    await play({
      first(_, response) {
        response.end(JSON.stringify(listing));
        return true;
      },
    });
    const error = await failure(openFolder('hf:org/name').list());
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(/^hf:org\/name: the hub('s answer is| lists a file as)/);
  });

  it('may be a GGUF file of a repository', async () => {
    const file = ggufBytes({ 'general.architecture': text('llama') }, [f32Tensor('output_norm.weight', [2], [1, 2])]);
    await play({ files: { 'q/small.gguf': file, 'q/other.gguf': file }, large: ['q/small.gguf'] });
    const checkpoint = await openCheckpoint('hf:org/name/q/small.gguf');
    expect(checkpoint.name).toBe('hf:org/name/q/small.gguf');
    expect((await failure(openCheckpoint('hf:org/name/q'))).message).toMatch(/there are 2 GGUF files, expected one/);
    expect((await failure(checkpoint.config())).message).toMatch(/'llama.embedding_length' is missing/);
    expect(await readFloats(await namedTensors(), 'output_norm.weight')).toEqual(Float32Array.of(1, 2));
  });

  it('is loaded by two at a time without a byte twice', async () => {
    const { asked } = await play();
    const [one, other] = [openFolder('hf:org/name'), openFolder('hf:org/name')];
    const read = await Promise.all([one, other, one].map((store) => store.read('model.safetensors')));
    for (const bytes of read) expect(bytes).toEqual(weights);
    expect(asked.filter((each) => each.startsWith('store'))).toHaveLength(1);
  });
});

async function namedTensors() {
  const { openGguf } = await import('../../src/io/gguf/index.js');
  return (await openGguf(openFolder('hf:org/name/q'), 'small.gguf')).tensors;
}

describe('names on Hugging Face', () => {
  it.each([
    ['hf:org/name', 'org/name', 'main', ''],
    ['hf:gpt2', 'gpt2', 'main', ''],
    ['hf:org/name@v1.0', 'org/name', 'v1.0', ''],
    ['hf:org/name@refs/pr/3/a/b.gguf', 'org/name', 'refs/pr/3', 'a/b.gguf'],
    ['hf:org/name.gguf/', 'org/name.gguf', 'main', ''],
    ['hf:org/name/deep', 'org/name', 'main', 'deep'],
  ])('%s is read', (source, repository, revision, path) => {
    expect(parseHubName(source)).toEqual({ repository, revision, path });
  });

  it.each([
    'hf:',
    'hf:/name',
    'hf:org/',
    'hf:org/name@',
    'hf:org/name/../../x',
    'hf:../x',
    'hf:org/..',
    'hf:a b/c',
    'hf:org/name@../x',
  ])('%s is refused', (source) => {
    expect(() => openFolder(source)).toThrow(OptionError);
  });
});
