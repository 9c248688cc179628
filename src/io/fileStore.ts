/**
 * Where files live: a folder on disk, a browser's private storage, memory. Paths are relative, with `/`.
 * Everything that loads or saves goes through it.
 */
export interface FileStore {
  /** For messages: "./gpt2". */
  readonly name: string;
  /** Names of the files directly in the store. */
  list(): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Bytes of a file. @throws CheckpointError when it is missing. */
  size(path: string): Promise<number>;
  /** All of a file, or `length` bytes from `offset`. @throws CheckpointError when it is missing or shorter. */
  read(path: string, offset?: number, length?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Writes aside and renames: readers see the old file or the new one, never a part. */
  write(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Writes a whole folder of the store aside, as `fill` does to the store that it gets, and puts it in place of the old
   * one: readers see all of the old files or all of the new ones. Stores that cannot lack it.
   */
  replaceFolder?(folder: string, fill: (aside: FileStore) => Promise<void>): Promise<void>;
}
