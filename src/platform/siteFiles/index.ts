/**
 * Models on Hugging Face in a page or worker: what was downloaded is kept in the private files of the site (the origin
 * private file system). Where a browser or a page has none (no HTTPS, private windows of some browsers) files are read from
 * the hub's web server in place.
 */
import { CheckpointError } from '../../errors.js';
import type { FileStore } from '../../io/fileStore.js';
import type { HubName } from '../../io/hub/hubName.js';
import { endpointOf, type OpenHubOptions } from '../../io/hub/hubOptions.js';
import { hubStore } from '../../io/hub/hubStore.js';
import { privatePath } from '../privateName.js';
import { siteCache } from './siteCache.js';
import { siteStore } from './siteStore.js';

const settings = {
  endpoint: 'hub.endpoint',
  token: 'hub.token',
  offline: 'hub.offline',
  offlineOn: 'hub: { offline: true }',
} as const;

/** Nothing is asked or read yet. */
export function openHub(name: HubName, { onProgress, signal, hub = {} }: OpenHubOptions = {}): FileStore {
  const { endpoint, token, offline = false } = hub;
  return hubStore(name, {
    access: { endpoint: endpointOf(endpoint), token, signal, settings },
    offline,
    cache: async (name) => {
      const root = await privateFiles();
      return root && siteCache(root, name);
    },
    onProgress,
  });
}

/** The folder of the private files that `opfs:PATH` names. Nothing is asked or read yet. */
export const openPrivate = (name: string): FileStore => siteStore(requirePrivateFiles, privatePath(name));

/** @throws CheckpointError where there are none */
async function requirePrivateFiles(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage?.getDirectory?.().catch(() => undefined);
  if (root && navigator.locks) return root;
  throw new CheckpointError(
    'opfs: this browser or page has no private files. They need HTTPS or localhost, and no private window of some ' +
      'browsers. Take a memoryStore, and save what it has.',
  );
}

/** The private files of the site; undefined where there are none, or none that can be written to without waiting. */
async function privateFiles(): Promise<FileSystemDirectoryHandle | undefined> {
  const { storage, locks } = navigator;
  if (!storage?.getDirectory || !locks || !('createWritable' in FileSystemFileHandle.prototype)) return undefined;
  return storage.getDirectory().catch(() => undefined);
}
