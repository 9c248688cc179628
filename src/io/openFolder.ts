import { folderStore } from '#platform';
import { OptionError } from '../errors.js';
import type { FileStore } from './fileStore.js';
import { httpStore } from './httpStore.js';

/**
 * The files behind `source`: a store as it is; an `http:` or `https:` URL; in Node a folder's path; in a page or
 * worker a URL relative to it. Opening does not touch the files.
 * @throws OptionError when a page cannot resolve the path
 */
export function openFolder(source: string | FileStore): FileStore {
  if (typeof source !== 'string') return source;
  if (/^https?:\/\//i.test(source)) return httpStore(source);
  if (folderStore) return folderStore(source);
  const page = globalThis.location?.href;
  if (!page || !URL.canParse(source, page)) {
    throw new OptionError(
      `'${source}' cannot be resolved against this page's address (${page}). Pass a whole URL or a FileStore.`,
    );
  }
  return httpStore(new URL(source, page));
}
