/**
 * Where contents of Hugging Face are kept when they have come: a folder on disk (`platform/node/hub`), the private files of
 * a site in a browser (`platform/siteFiles`). A content is known by its digest; a file of a commit is a path that has one.
 */
import type { Hash } from '../../blockHash.js';
import type { FileStore } from '../fileStore.js';

/** The cache of one repository. */
export interface HubCache {
  /** For messages: where it is. */
  readonly name: string;
  /** The commit that a revision was when it was last looked up; undefined where it never was. */
  commitOf(revision: string): Promise<string | undefined>;
  /** Keeps the commit of a revision. @throws CheckpointError where it cannot be written */
  keep(revision: string, commit: string): Promise<void>;
  /**
   * Takes the cache for one writer, after others who have it.
   * @returns what gives it back
   * @throws what the signal is aborted with
   */
  lock(signal: AbortSignal | undefined): Promise<() => Promise<void>>;
  /** Whether all of a content is there. */
  has(digest: string): Promise<boolean>;
  /** What has come of a content. */
  part(digest: string): HubPart;
  /**
   * Called before bytes are asked for, where this place knows how many it may keep.
   * @param what names the file, for messages
   * @throws CheckpointError where so many more have no room
   */
  requireRoom?(bytes: number, what: string): Promise<void>;
  /** Gives a file of a commit its content, which is there. @throws CheckpointError where it cannot be written */
  link(commit: string, path: string, digest: string, size: number): Promise<void>;
  /** The files of a commit that have their contents. */
  files(commit: string): CachedFiles;
  /** Makes the digests that the hub names contents by. */
  readonly hashes: Readonly<Record<'sha1' | 'sha256', () => Hash>>;
}

/** Files of one commit, by their paths in the repository. */
export interface CachedFiles extends Pick<FileStore, 'stamp' | 'read' | 'readInto'> {
  /** All of them with their sizes; undefined where nothing of the commit was ever kept. */
  list(): Promise<ReadonlyMap<string, { readonly size: number }> | undefined>;
}

/** A content of which some bytes are missing. What came outlives the process. */
export interface HubPart {
  /** Bytes that are there, counted from its first. */
  size(): Promise<number>;
  /** Removes them all. */
  remove(): Promise<void>;
  /** Goes on behind the first `from` bytes; what was behind them is lost. @throws CheckpointError where it cannot be written */
  write(from: number): Promise<PartWriter>;
  /** The bytes that are there, in order. */
  read(): AsyncIterable<Uint8Array>;
  /** Makes it a whole content. @throws CheckpointError where it cannot be written */
  finish(): Promise<void>;
}

/** Adds bytes to a part. @throws CheckpointError where they cannot be written */
export interface PartWriter {
  add(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** After it all bytes are kept. */
  close(): Promise<void>;
}
