/** Reading a teacher cache: in Node, in a page, from a folder, memory or a web server. */
import * as z from 'zod';
import { CheckpointError, whole } from '../../errors.js';
import { giveTurn } from '../../eventLoop.js';
import { type FileStore, folderOption } from '../../io/fileStore.js';
import { openFolder } from '../../platform/openFolder.js';
import { checkOption, checkOptions, type Fields, instance, ranges } from '../../settings/index.js';
import { digestOfFile, writtenAs } from '../fileDigest.js';
import type { TeacherCacheFacts } from './facts.js';
import { type CachePart, makeAnew, manifestName, readManifest } from './files.js';
import { type OpenPart, openPart } from './parts.js';
import type { Predictions } from './predict.js';

/** A teacher's predictions on a sample: of each position the likeliest tokens, and all others together. */
export interface CachedPredictions {
  /** [rows, topK], the tokens that are named, ascending. */
  readonly ids: Int32Array;
  /**
   * [rows, topK + 1], their log-probabilities and, last, that of all others together. They are rounded to f16, so that
   * probabilities add up to 1 within half a percent.
   */
  readonly logs: Float32Array;
}

/** A teacher's predictions on the samples of a run, in place of the teacher. */
export interface TeacherCache {
  /** Its folder, for messages. */
  readonly name: string;
  /** What it is of. */
  readonly facts: TeacherCacheFacts;
  /** SHA-256 of its manifest, which has those of all files: it tells one cache from another. */
  readonly digest: string;
  /** Predicted positions of all samples. */
  readonly rows: number;
  /** Bytes of its files. */
  readonly bytes: number;
  /**
   * The predictions on one sample of `data.train`, at each position that counts, in order.
   * @param sample its index
   * @throws OptionError for a sample that there is not; CheckpointError when the file cannot be read or was replaced
   */
  read(sample: number): Promise<CachedPredictions>;
}

/** How a teacher cache is opened. */
export interface OpenTeacherCacheOptions {
  /**
   * Reads every byte of every file, and compares it with the digest that was written. Default true: damage is found before a
   * run and not in the middle of it.
   */
  readonly verify?: boolean;
}

const openOptions = z.strictObject({
  verify: ranges.switched.default(true),
} satisfies Fields<OpenTeacherCacheOptions>);

/** Takes a cache, for options and arguments. */
export const teacherCacheOption = instance<TeacherCache>(
  'a teacher cache, as openTeacherCache gives it after await',
  'read',
);

/**
 * Opens what `cacheTeacher` wrote, for `distill({ teacherCache })` or to be read.
 * @param folder a path, a URL, or a store
 * @example
 * const teacherCache = await openTeacherCache('./cache');
 * const run = distill({ teacherCache, student, tokenizer, data, loss: skewKL(), epochs: 3 });
 * @throws CheckpointError naming the file that is missing, malformed or damaged; OptionError
 */
export async function openTeacherCache(
  folder: string | FileStore,
  options: OpenTeacherCacheOptions = {},
): Promise<TeacherCache> {
  checkOption('openTeacherCache', 'folder', folder, folderOption);
  const { verify } = checkOptions('openTeacherCache', openOptions, options);
  const store = openFolder(folder);
  const { facts, parts } = await readManifest(store);
  const digest = await digestOfFile(store, manifestName, await store.size(manifestName));
  requireAll(store, parts, facts);
  const opened: OpenPart[] = [];
  for (const part of parts) {
    if (verify) await requireUndamaged(store, part);
    opened.push(await openPart(store, part, facts));
    await giveTurn();
  }
  const { samples } = facts.data;
  const sampleOption = ranges.integer(0, samples - 1);
  return {
    name: store.name,
    facts,
    digest,
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    async read(sample: number): Promise<Predictions> {
      checkOption('TeacherCache.read', 'sample', sample, sampleOption);
      const at = parts.findLastIndex(({ first }) => first <= sample);
      return (opened[at] as OpenPart).read(sample - (parts[at] as CachePart).first);
    },
  };
}

/** @throws CheckpointError naming the file that is not what was written */
export async function requireUndamaged(store: FileStore, part: CachePart): Promise<void> {
  const { file, bytes } = part;
  const size = await store.size(file);
  if (size !== bytes) {
    throw new CheckpointError(
      `${store.name}/${file}: the file has ${whole(size)} bytes, ${whole(bytes)} were written. ${makeAnew}`,
      {
        found: size,
        expected: bytes,
      },
    );
  }
  if (await writtenAs(store, file, part)) return;
  throw new CheckpointError(`${store.name}/${file}: its bytes are not those that were written. ${makeAnew}`, {
    found: file,
  });
}

/** @throws CheckpointError where the parts are not those of all samples, in order */
function requireAll(store: FileStore, parts: readonly CachePart[], { data: { samples } }: TeacherCacheFacts): void {
  let next = 0;
  const areNeighbours = parts.every(({ first, samples: count }) => {
    const follows = first === next;
    next += count;
    return follows;
  });
  if (areNeighbours && next === samples) return;
  throw new CheckpointError(
    `${store.name}/${manifestName}: its parts are not of all ${whole(samples)} samples, one after the other. ${makeAnew}`,
    { found: next, expected: samples },
  );
}
