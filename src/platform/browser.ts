/** What pages and web workers offer behind `#platform`: the same names as `node/index.ts`. */
import { OptionError } from '../errors.js';
import type { FileStore } from '../io/fileStore.js';
import { type HttpStoreOptions, httpStore } from '../io/httpStore.js';
import { requestReason } from '../io/requestReason.js';
import { isPrivateName } from './privateName.js';
import { openPrivate } from './siteFiles/index.js';
import type { KeptTexts, Revectorizer } from './workers.js';

export { createSha256 } from '../sha256.js';
export { spawnWorker } from './poolThreads.js';
export { openHub } from './siteFiles/index.js';

/** Logical processors that this page may use. */
export const hardwareConcurrency = (): number => navigator.hardwareConcurrency;

/** The entry to WebGPU. `missing` says why there is none. */
export async function openGPU(
  _options: { hardwareOnly?: boolean; experimental?: boolean } = {},
): Promise<GPU | { missing: string }> {
  return navigator.gpu ?? { missing: 'this browser or page has no navigator.gpu (WebGPU needs a secure context)' };
}

/** Whether looking for a GPU can find one. */
export const mayHaveGPU = (): boolean => true;

/**
 * The files at a path, which here is a URL relative to the page, or `opfs:PATH` in the private files of the site.
 * @throws OptionError when it cannot be resolved
 */
export function openPath(path: string, options: HttpStoreOptions = {}): FileStore {
  if (isPrivateName(path)) return openPrivate(path);
  const page = globalThis.location?.href;
  if (!page || !URL.canParse(path, page)) {
    throw new OptionError(
      `'${path}' cannot be resolved against this page's address (${page}). Pass a whole URL or a FileStore.`,
    );
  }
  return httpStore(new URL(path, page), options);
}

/** The folder of a relative URL and the name in it. */
export function splitPath(path: string): { readonly folder: string; readonly name: string } {
  const end = path.search(/[?#]|$/);
  const cut = Math.max(path.lastIndexOf('/', end), isPrivateName(path) ? path.indexOf(':') : -1) + 1;
  return { folder: path.slice(0, cut) || '.', name: path.slice(cut) };
}

/** A URL that means the same on every page. */
export const wholePath = (path: string): string =>
  isPrivateName(path) ? path : new URL(path, globalThis.location?.href).href;

/** The bytes at an address, relative to the page. @throws Error that says why there are none */
export async function readAddress(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(address, globalThis.location?.href)).catch((error: unknown) => {
    throw new Error(requestReason(error), { cause: error });
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const cacheName = 'distillm';

/** In the site's cache storage, which workers have as well as pages. Without a secure context nothing is kept. */
export const keptTexts: KeptTexts = {
  async read(name) {
    if (typeof caches === 'undefined') return undefined;
    return (await (await caches.open(cacheName)).match(`/${name}`))?.text();
  },
  async write(name, text) {
    if (typeof caches === 'undefined') return 'memory only';
    await (await caches.open(cacheName)).put(`/${name}`, new Response(text));
    return `the cache storage of ${location.origin}`;
  },
};

/** Pages cannot set V8's flags (Chromium's own --js-flags can, unseen by us). */
export const revectorizer: Revectorizer | undefined = undefined;
