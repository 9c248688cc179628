/**
 * What Node offers behind `#platform`: a GPU through Dawn, folders on disk, the user's cache folder, worker threads,
 * SHA-256, V8's flag for 256-bit vectors. `../browser.ts` exports the same names for pages and web workers; package.json
 * chooses between the two. The core reaches Node only through here.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { OptionError } from '../../errors.js';
import type { FileStore } from '../../io/fileStore.js';
import { isPrivateName } from '../privateName.js';
import { folderStore } from './folderStore.js';

/** Logical processors that this process may use. */
export const hardwareConcurrency = (): number => availableParallelism();

/**
 * The files in a folder. The options are for files that come from a web server.
 * @throws OptionError for private files of a site, which pages have
 */
export function openPath(path: string, _options?: object): FileStore {
  if (!isPrivateName(path)) return folderStore(path);
  throw new OptionError(
    `'${path}': Node has no private files of a site, which pages and workers have. Give a folder.`,
    {
      found: path,
    },
  );
}

/** The bytes at a path or a `file:` URL. @throws Error that says why there are none */
export async function readAddress(address: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(address.startsWith('file:') ? new URL(address) : address));
}

export { keptTexts } from './cache.js';
export { hasGPUDevice, mayHaveGPU, openGPU } from './gpu.js';
export { createSha256 } from './hashes.js';
export { openHub } from './hub/index.js';
export { splitPath, wholePath } from './paths.js';
export { revectorizer } from './revectorizer.js';
export { spawnWorker } from './worker.js';
