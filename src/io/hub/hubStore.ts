/**
 * A model on Hugging Face as a store that can be read: what it consists of is asked once, and a file is downloaded into a
 * cache when it is first read. Offline, what the cache has is all there is; without a cache files are read from the hub's
 * web server in place.
 */
import { CheckpointError, OptionError } from '../../errors.js';
import { type FileStore, insidePath, listingOf, missingFile } from '../fileStore.js';
import { httpStore, type OnProgress } from '../httpStore.js';
import { once } from '../once.js';
import { type Download, digestOf, downloadFile } from './download.js';
import type { HubCache } from './hubCache.js';
import { type HubName, hubNameText } from './hubName.js';
import { type HubListing, listHub } from './listing.js';
import type { HubAccess } from './requests.js';

/** What a store of the hub is made of. */
interface HubStoreOptions {
  readonly access: HubAccess;
  /** Nothing is asked of the network. */
  readonly offline: boolean;
  /** Opens the cache of the repository, when it is first needed; undefined where this place can keep nothing. */
  readonly cache: (name: HubName) => Promise<HubCache | undefined>;
  readonly onProgress: OnProgress | undefined;
}

/** Nothing is asked or read yet. */
export function hubStore(name: HubName, options: HubStoreOptions): FileStore {
  const whole = { ...name, path: '' };
  const store = readableStore((options.offline ? offline : online)(whole, options), '');
  return name.path === '' ? store : store.folder(name.path);
}

type Files = Pick<FileStore, 'stamp' | 'read' | 'readInto'>;

/** What both kinds of stores are made of. */
interface Reading {
  readonly name: string;
  /** All paths with their sizes. */
  files(): Promise<ReadonlyMap<string, { readonly size: number }>>;
  /** What reads the file, after it is there. */
  holding(path: string): Promise<Files>;
}

/** The files whose paths begin with `prefix`. */
function readableStore(reading: Reading, prefix: string): FileStore {
  const name = prefix ? `${reading.name}/${prefix.slice(0, -1)}` : reading.name;
  const whole = (path: string) => prefix + insidePath(name, path);
  const find = async (path: string) => {
    const file = (await reading.files()).get(whole(path));
    if (!file) throw missingFile(name, path);
    return file;
  };
  const held = async (path: string): Promise<Files> => {
    await find(path);
    return reading.holding(whole(path));
  };
  const readOnly = async () => {
    throw new OptionError(`${name}: a model on Hugging Face cannot be written to. Save to a folder.`);
  };
  return {
    name,
    async list() {
      const paths = [...(await reading.files()).keys()].filter((path) => path.startsWith(prefix));
      const rest = paths.map((path) => path.slice(prefix.length));
      return listingOf(rest);
    },
    exists: async (path) => (await reading.files()).has(whole(path)),
    size: async (path) => (await find(path)).size,
    stamp: async (path) => (await held(path)).stamp(whole(path)),
    read: async (path, offset, length) => (await held(path)).read(whole(path), offset, length),
    readInto: async (path, offset, target) => (await held(path)).readInto(whole(path), offset, target),
    write: readOnly,
    remove: readOnly,
    folder: (path) => readableStore(reading, `${whole(path)}/`),
    addFolder: readOnly,
    share: readOnly,
    lock: readOnly,
  };
}

function online(name: HubName, { access, cache: openCache, onProgress }: HubStoreOptions): Reading {
  const where = hubNameText(name);
  const opened = once(() => openCache(name));
  const listing = once(async (): Promise<HubListing> => {
    const found = await listHub(access, name);
    await (await opened())?.keep(name.revision, found.commit);
    return found;
  });
  const download = async (path: string): Promise<Files> => {
    const { commit, files } = await listing();
    const file = files.get(path);
    if (!file) throw missingFile(where, path);
    const source = `/${name.repository}/resolve/${commit}/`;
    const cache = await opened();
    if (!cache) return inPlace(`${access.endpoint}${source}`, access, onProgress);
    const onBytes = (loaded: number) => onProgress?.({ file: path, loaded, total: file.size });
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await hold(access, { cache, source: source + encoded, file, what: `${where}/${path}`, onBytes });
    await cache.link(commit, path, digestOf(file), file.size);
    return cache.files(commit);
  };
  const downloads = new Map<string, () => Promise<Files>>();
  const holding = (path: string): Promise<Files> => {
    const known = downloads.get(path) ?? once(() => download(path));
    downloads.set(path, known);
    return known();
  };
  return { name: where, files: async () => (await listing()).files, holding };
}

/** The content of a file, into the cache where it is not there. */
async function hold(access: HubAccess, download: Download): Promise<void> {
  const { cache, file } = download;
  if (await cache.has(digestOf(file))) return;
  const release = await cache.lock(access.signal);
  try {
    // Another process or tab may have had it meanwhile.
    if (!(await cache.has(digestOf(file)))) await downloadFile(access, download);
  } finally {
    await release();
  }
}

/** The files of a commit on the hub's web server. */
function inPlace(url: string, { token, signal }: HubAccess, onProgress: OnProgress | undefined): Files {
  const withToken: typeof fetch = (input, init) =>
    fetch(input, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${token}` } });
  return httpStore(url, { signal, onProgress, ...(token !== undefined && { fetch: withToken }) });
}

/** The newest commit of the revision that the cache knows, as far as it was downloaded. */
function offline(name: HubName, { access, cache: openCache }: HubStoreOptions): Reading {
  const where = hubNameText(name);
  const find = once(async () => {
    const { offline } = access.settings;
    const cache = await openCache(name);
    if (!cache)
      throw new CheckpointError(`${where}: nothing can be kept here, and ${offline} is set. Load it without.`);
    const commit = await cache.commitOf(name.revision);
    const files = commit === undefined ? undefined : cache.files(commit);
    const list = await files?.list();
    if (files && list) return { files, list };
    throw new CheckpointError(
      `${where}: the cache (${cache.name}) does not have it, and ${offline} is set. Load it once without ${offline}.`,
      { expected: cache.name },
    );
  });
  return { name: where, files: async () => (await find()).list, holding: async () => (await find()).files };
}
