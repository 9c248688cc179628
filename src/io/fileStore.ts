/**
 * The contract between everything that loads or saves and the place where the files are: a folder on disk
 * (`platform/node/folderStore.ts`), the private files of a site (`platform/siteFiles/siteStore.ts`), memory
 * (`memoryStore.ts`), a web server (`httpStore.ts`). A new kind of place is one file that makes such an object. Paths are relative to the store, with `/`, and stay inside it: `..` is refused.
 */
import * as z from 'zod';
import { CheckpointError, OptionError } from '../errors.js';
import { hasMethods, special } from '../settings/index.js';

/** Where files live: a folder on disk, a browser's private storage, a web server, memory. */
export interface FileStore {
  /** For messages: "./gpt2". */
  readonly name: string;
  /**
   * What is directly in the store, in no order. Files and folders that are still being written are left out.
   * @throws CheckpointError when it is not there or cannot be read; OptionError from a store that cannot list
   */
  list(): Promise<StoreListing>;
  /**
   * Whether there is such a file.
   * @throws CheckpointError where that cannot be said: another user's folder, a link that leads nowhere
   */
  exists(path: string): Promise<boolean>;
  /** Bytes of a file. @throws CheckpointError when it is missing */
  size(path: string): Promise<number>;
  /**
   * What changes when the file is replaced or written to: who reads a file in parts compares it, lest the parts be of
   * two files. '' from a store that cannot tell. @throws CheckpointError when the file is missing
   */
  stamp(path: string): Promise<string>;
  /** All of a file, or `length` bytes from `offset`. @throws CheckpointError when it is missing or shorter */
  read(path: string, offset?: number, length?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Fills `target` with the bytes of a file from `offset`. @throws CheckpointError as `read` */
  readInto(path: string, offset: number, target: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Writes a file aside and renames it: readers see the old file or the new one, never a part.
   * @throws OptionError from a store that is read only; CheckpointError when the system refuses (a full disk)
   */
  write(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Removes a file, or a folder with all that is in it: readers see all of it or nothing. Removing what is not there
   * is no error.
   * @throws OptionError from a store that is read only
   */
  remove(path: string): Promise<void>;
  /** A folder of the store as a store. No file is touched: the folder is made when it is first written to. */
  folder(path: string): FileStore;
  /**
   * Makes a whole folder: writes it aside, as `fill` does to the store that it gets, and gives it its name by one
   * rename. Readers see no such folder or all of its files, after a crash as well.
   * @throws OptionError from a store that is read only; CheckpointError when there is something of that name, and when
   * the system refuses
   */
  addFolder(path: string, fill: (aside: FileStore) => Promise<void>): Promise<void>;
  /**
   * Gives files of the folder `from` the same names in the folder `to`, one after the other, each in place of the file
   * that had it. `to` is made as a whole where it is missing; its other files stay. Tensors (`.safetensors`) are not
   * written twice: they get a second name where the system can do that. Other files, which people edit in place, are
   * copied. A link in the place of `to`, or of a file in it, is replaced and never followed.
   * @throws OptionError from a store that is read only; CheckpointError when a file is missing, or the system refuses
   */
  share(from: string, to: string, names: readonly string[]): Promise<void>;
  /**
   * Takes the store for one writer, and removes what writers before left unfinished. A writer that was killed has it no
   * longer.
   * @returns what gives it back
   * @throws StoreTaken naming the process and the host that have it; OptionError from a store that is read only
   */
  lock(): Promise<StoreLock>;
}

/** A store that was taken; called, it gives it back. */
export interface StoreLock {
  (): Promise<void>;
  /** Whether it is still taken: a folder that is gone, or in whose place is another of the same name, is not. */
  isHeld(): Promise<boolean>;
}

/** Names of what is directly in a store. */
export interface StoreListing {
  /** Names of the files. */
  readonly files: readonly string[];
  /** Names of the folders. */
  readonly folders: readonly string[];
}

/** What is directly in a store whose files have these paths. */
export function listingOf(paths: readonly string[]): StoreListing {
  const folders = paths.filter((path) => path.includes('/')).map((path) => path.slice(0, path.indexOf('/')));
  return { files: paths.filter((path) => !path.includes('/')), folders: [...new Set(folders)] };
}

/** Takes a place for files, for options and arguments. */
export const folderOption = special<string | FileStore>("a folder's path or a FileStore", (value) =>
  typeof value === 'string' ? value !== '' : hasMethods(value, 'read', 'write', 'exists'),
);

/** Takes files by their names, for options and arguments. */
export const filesOption = z.record(
  z.string(),
  special<Uint8Array | string>(
    'text or a Uint8Array',
    (value) => typeof value === 'string' || value instanceof Uint8Array,
  ),
  'an object of files by their names, each text or a Uint8Array',
);

/** Nothing has the name, which is another thing than something that cannot be read. */
export class NothingThere extends CheckpointError {}

export const missingFile = (store: string, path: string): NothingThere =>
  new NothingThere(`${store}: there is no file '${path}'. Check the name of the folder, and that it is complete.`, {
    expected: path,
  });

export const missingFolder = (store: string): NothingThere =>
  new NothingThere(`${store}: there is no such folder. Check the path.`);

export const shortFile = (store: string, path: string, wanted: number, size: number): CheckpointError =>
  new CheckpointError(
    `${store}/${path}: byte ${wanted} was asked for, the file has ${size}. Copy or download it again.`,
    { found: size, expected: wanted },
  );

export const nameTaken = (store: string, path: string): CheckpointError =>
  new CheckpointError(`${store}/${path}: there is something of this name already. Remove it, or take another name.`, {
    found: path,
  });

/** A store that has a writer already, which is another thing than one that cannot be written to. */
export class StoreTaken extends CheckpointError {}

/** @param who the writer, in words */
export const storeTaken = (store: string, who: string, advice: string): StoreTaken =>
  new StoreTaken(`${store}: another run writes to it (${who}). ${advice}`, { found: who });

/** '..' as a part of a path, also as a URL may spell it; the beginning of an absolute path, a drive, a URL. */
const leaves = /(?:^|[\\/])(?:\.|%2e){2}(?:[\\/]|$)|^[\\/]|^[a-z]:|^[a-z][\w+.-]*:\/\//i;

/** The path. @throws OptionError for one that leads out of its store */
export function insidePath(store: string, path: string): string {
  if (!leaves.test(path)) return path;
  throw new OptionError(
    `${store}: the path '${path}' leads out of the folder, expected one inside it. Open the folder that is meant.`,
    { option: 'path', found: path },
  );
}
