import * as z from 'zod';
import { openHub, openPath, splitPath, wholePath } from '#platform';
import { type FileStore, folderOption } from '../io/fileStore.js';
import { httpStore, type OnProgress, progressOption } from '../io/httpStore.js';
import { isHubName, parseHubName } from '../io/hub/hubName.js';
import { type HubOptions, hubOption } from '../io/hub/hubOptions.js';
import { isWebAddress } from '../io/webAddress.js';
import { checkOption, checkOptions, type Fields, signalOption } from '../settings/index.js';

/** How files are opened. */
export interface OpenOptions {
  /** Told of each part of a file that comes from a web server: files on a disk and those of a FileStore are not told of. */
  readonly onProgress?: OnProgress | undefined;
  /** Stops what comes from a web server. */
  readonly signal?: AbortSignal | undefined;
  /** How Hugging Face is asked, for names on it. */
  readonly hub?: HubOptions | undefined;
}

/** Takes them, for the options of whoever opens files. */
export const openOptions = z.strictObject({
  onProgress: progressOption.optional(),
  signal: signalOption.optional(),
  hub: hubOption.optional(),
} satisfies Fields<OpenOptions>);

/**
 * The files behind `source`: a store as it is; an `http:` or `https:` URL; a model on Hugging Face
 * (`hf:organisation/name`, `hf:organisation/name@revision`); in Node a folder's path; in a page or worker a URL relative to
 * it, or a folder in the private files of its site (`opfs:runs/a`), which can be written to. Opening does not touch the files. Files of Hugging Face are downloaded when they are first read: in Node into its own
 * cache folder, where HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE count as they do in its libraries; in a
 * page or worker into the private files of its site.
 * @throws OptionError for another source or option, and when a page cannot resolve the path
 */
export function openFolder(source: string | FileStore, options: OpenOptions = {}): FileStore {
  checkOption('openFolder', 'source', source, folderOption);
  const checked = checkOptions('openFolder', openOptions, options);
  if (typeof source !== 'string') return source;
  if (isHubName(source)) return openHub(parseHubName(source), checked);
  const { hub: _, ...reading } = checked;
  return isWebAddress(source) ? httpStore(source, reading) : openPath(source, reading);
}

/** The same place from anywhere: a path as a whole one, a URL or a name on Hugging Face as it is. */
export const locationOf = (source: string): string =>
  isHubName(source) || isWebAddress(source) ? source : wholePath(source);

/**
 * A file as the store of its folder and its name there. `path` is an `http:` or `https:` URL, in Node a path as its
 * system writes them (`C:\\data\\dolly.jsonl`), in a page or worker a URL relative to it.
 * @throws OptionError when a page cannot resolve the path
 */
export function openFile(
  path: string,
  options: OpenOptions = {},
): { readonly store: FileStore; readonly path: string } {
  const url = /^(https?:[^?#]*\/)(.*)$/i.exec(path);
  const { folder, name } = url ? { folder: url[1] as string, name: url[2] as string } : splitPath(path);
  return { store: openFolder(folder, options), path: name };
}
