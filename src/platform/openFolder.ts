import { openPath } from '#platform';
import { type FileStore, folderOption } from '../io/fileStore.js';
import { httpStore } from '../io/httpStore.js';
import { checkOption } from '../settings/index.js';

/**
 * The files behind `source`: a store as it is; an `http:` or `https:` URL; in Node a folder's path; in a page or
 * worker a URL relative to it. Opening does not touch the files.
 * @throws OptionError for another source, and when a page cannot resolve the path
 */
export function openFolder(source: string | FileStore): FileStore {
  checkOption('openFolder', 'source', source, folderOption);
  if (typeof source !== 'string') return source;
  return /^https?:\/\//i.test(source) ? httpStore(source) : openPath(source);
}
