/**
 * A model on Hugging Face as a store that can be read: what it consists of is asked once, and a file is downloaded into
 * Hugging Face's cache when it is first read. Offline, what the cache has is all there is.
 */
import { mkdir, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CheckpointError, OptionError } from '../../../errors.js';
import { type FileStore, insidePath, missingFile } from '../../../io/fileStore.js';
import type { OnProgress } from '../../../io/httpStore.js';
import { type HubName, hubNameText } from '../../../io/hub/hubName.js';
import { type HubListing, listHub } from '../../../io/hub/listing.js';
import type { HubAccess } from '../../../io/hub/requests.js';
import { lockFolder } from '../folderLock.js';
import { folderStore } from '../folderStore.js';
import { cachedRepository } from './cacheFolder.js';
import { downloadFile } from './download.js';
import { writing } from './writing.js';

interface HubOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

const isOn = (variable: string | undefined): boolean => /^(1|on|yes|true)$/i.test(variable ?? '');

/** Nothing is asked or read yet. */
export function openHub(name: HubName, { onProgress, signal }: HubOptions = {}): FileStore {
  const { HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE } = process.env;
  const access: HubAccess = {
    endpoint: (HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    token: HF_TOKEN || undefined,
    signal,
  };
  const store = isOn(HF_HUB_OFFLINE)
    ? offlineStore({ ...name, path: '' })
    : onlineStore({ ...name, path: '' }, access, onProgress);
  return name.path === '' ? store : store.folder(name.path);
}

/** What both kinds of stores are made of. */
interface Reading {
  readonly name: string;
  /** All paths with their sizes. */
  files(): Promise<ReadonlyMap<string, { readonly size: number }>>;
  /** The folder on disk that has the file, after it is there. */
  holding(path: string): Promise<FileStore>;
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
  const onDisk = async (path: string): Promise<FileStore> => {
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
      const folders = rest.filter((path) => path.includes('/')).map((path) => path.slice(0, path.indexOf('/')));
      return { files: rest.filter((path) => !path.includes('/')), folders: [...new Set(folders)] };
    },
    exists: async (path) => (await reading.files()).has(whole(path)),
    size: async (path) => (await find(path)).size,
    stamp: async (path) => (await onDisk(path)).stamp(whole(path)),
    read: async (path, offset, length) => (await onDisk(path)).read(whole(path), offset, length),
    readInto: async (path, offset, target) => (await onDisk(path)).readInto(whole(path), offset, target),
    write: readOnly,
    remove: readOnly,
    folder: (path) => readableStore(reading, `${whole(path)}/`),
    addFolder: readOnly,
    share: readOnly,
    lock: readOnly,
  };
}

function onlineStore(name: HubName, access: HubAccess, onProgress: OnProgress | undefined): FileStore {
  const where = hubNameText(name);
  const cache = cachedRepository(name);
  let listing: Promise<HubListing> | undefined;
  const ask = (): Promise<HubListing> => {
    listing ??= listHub(access, name).then(async (found) => {
      await cache.keep(name.revision, found.commit);
      return found;
    });
    listing.catch(() => {
      listing = undefined;
    });
    return listing;
  };
  const downloads = new Map<string, Promise<FileStore>>();
  const download = async (path: string): Promise<FileStore> => {
    const { commit, files } = await ask();
    const file = files.get(path);
    if (!file) throw missingFile(where, path);
    const digest = (file.sha256 ?? file.blob) as string;
    const target = cache.blob(digest);
    if (!(await isThere(target))) {
      const release = await taken(cache.locks, access.signal);
      try {
        // Another process may have had it meanwhile.
        if (!(await isThere(target))) {
          const onBytes = (loaded: number) => onProgress?.({ file: path, loaded, total: file.size });
          const source = `/${name.repository}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
          await downloadFile(access, { source, target, file, what: `${where}/${path}`, onBytes });
        }
      } finally {
        await release();
      }
    }
    await cache.link(commit, path, digest);
    return folderStore(cache.snapshot(commit));
  };
  const holding = (path: string): Promise<FileStore> => {
    const known = downloads.get(path);
    if (known) return known;
    const started = download(path);
    downloads.set(path, started);
    started.catch(() => downloads.delete(path));
    return started;
  };
  return readableStore({ name: where, files: async () => (await ask()).files, holding }, '');
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** How often a folder that another process downloads into is asked for again, in ms. */
const retryMs = 250;

/** Takes a repository for one writer; waits while another process has it. */
async function taken(locks: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  await writing(locks, () => mkdir(locks, { recursive: true }));
  for (;;) {
    signal?.throwIfAborted();
    const release = await lockFolder(locks).catch((error: unknown) => {
      if (!(error instanceof CheckpointError)) throw error;
      return undefined;
    });
    if (release) return release;
    await sleep(retryMs);
  }
}

/** The newest snapshot of the revision, as far as it was downloaded. */
function offlineStore(name: HubName): FileStore {
  const where = hubNameText(name);
  const cache = cachedRepository(name);
  const find = async (): Promise<FileStore> => {
    const commit = await cache.commitOf(name.revision);
    if (commit !== undefined && (await isThere(cache.snapshot(commit)))) return folderStore(cache.snapshot(commit));
    throw new CheckpointError(
      `${where}: the cache (${cache.folder}) does not have it, and HF_HUB_OFFLINE is set. Load it once without HF_HUB_OFFLINE.`,
      { expected: cache.folder },
    );
  };
  const files = async () => {
    const found = new Map<string, { readonly size: number }>();
    const add = async (store: FileStore, prefix: string): Promise<void> => {
      const listed = await store.list();
      for (const file of listed.files) found.set(prefix + file, { size: await store.size(file) });
      for (const folder of listed.folders) await add(store.folder(folder), `${prefix}${folder}/`);
    };
    await add(await find(), '');
    return found;
  };
  return readableStore({ name: where, files, holding: find }, '');
}
