/**
 * The contract between everything that loads or saves and the place where the files are: a folder on disk
 * (`platform/node/folderStore.ts`), memory (`memoryStore.ts`), a web server (`httpStore.ts`). A new kind of place is
 * one file that makes such an object. Paths are relative to the store, with `/`.
 */
import * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { hasMethods, special } from '../settings/index.js';

/** Where files live: a folder on disk, a browser's private storage, a web server, memory. */
export interface FileStore {
  /** For messages: "./gpt2". */
  readonly name: string;
  /**
   * What is directly in the store, in no order. Files and folders that are still being written are left out.
   * @throws CheckpointError when it cannot be read; OptionError from a store that cannot list
   */
  list(): Promise<StoreListing>;
  /** Whether there is such a file. */
  exists(path: string): Promise<boolean>;
  /** Bytes of a file. @throws CheckpointError when it is missing */
  size(path: string): Promise<number>;
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
   * Writes a whole folder aside, as `fill` does to the store that it gets, and puts it in place of the old one: readers
   * see all of the old files or all of the new ones, after a crash as well. When `fill` fails, the old folder stays.
   * @throws OptionError from a store that is read only; CheckpointError when the system refuses
   */
  replaceFolder(path: string, fill: (aside: FileStore) => Promise<void>): Promise<void>;
}

/** Names of what is directly in a store. */
export interface StoreListing {
  /** Names of the files. */
  readonly files: readonly string[];
  /** Names of the folders. */
  readonly folders: readonly string[];
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

export const missingFile = (store: string, path: string): CheckpointError =>
  new CheckpointError(`${store}: there is no file '${path}'. Check the name of the folder, and that it is complete.`, {
    expected: path,
  });

export const shortFile = (store: string, path: string, wanted: number, size: number): CheckpointError =>
  new CheckpointError(
    `${store}/${path}: byte ${wanted} was asked for, the file has ${size}. Copy or download it again.`,
    { found: size, expected: wanted },
  );
