/**
 * Hugging Face's own cache, shared with its libraries for Python: models--organisation--name has blobs (contents by their
 * digests), snapshots (a folder for each commit, with links to blobs) and refs (the commit of each branch and tag).
 */
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { HubName } from '../../../io/hub/hubName.js';
import { isCommit } from '../../../io/hub/listing.js';
import { writing } from './writing.js';

/** A name beside `target` that no other call or process has. */
const aside = (target: string): string => `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.part`;

/** The folder of all models, by the variables that Hugging Face's libraries go by. */
function hubFolder(): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env;
  if (HF_HUB_CACHE) return HF_HUB_CACHE;
  if (HF_HOME) return join(HF_HOME, 'hub');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface', 'hub');
}

/** Where the parts of a repository are. */
export interface CachedRepository {
  readonly folder: string;
  /** The folder that a process takes while it downloads. */
  readonly locks: string;
  /** The content of a file, by its digest. */
  blob(digest: string): string;
  /** The folder of a commit. */
  snapshot(commit: string): string;
  /** The commit that a revision was when it was last looked up; undefined where it never was. */
  commitOf(revision: string): Promise<string | undefined>;
  /** Keeps the commit of a revision. @throws CheckpointError where it cannot be written */
  keep(revision: string, commit: string): Promise<void>;
  /** Gives a file of a snapshot its content. @throws CheckpointError where it cannot be written */
  link(commit: string, path: string, digest: string): Promise<void>;
}

export function cachedRepository({ repository }: HubName): CachedRepository {
  const name = `models--${repository.replace('/', '--')}`;
  const folder = join(hubFolder(), name);
  const blob = (digest: string) => join(folder, 'blobs', digest);
  const snapshot = (commit: string) => join(folder, 'snapshots', commit);
  return {
    folder,
    locks: join(hubFolder(), '.locks', name),
    blob,
    snapshot,
    async commitOf(revision) {
      if (isCommit(revision)) return revision;
      const text = await readFile(join(folder, 'refs', revision), 'utf8').catch(() => '');
      return isCommit(text.trim()) ? text.trim() : undefined;
    },
    async keep(revision, commit) {
      if (revision === commit) return;
      const path = join(folder, 'refs', revision);
      await writing(path, async () => {
        await mkdir(dirname(path), { recursive: true });
        const part = aside(path);
        await writeFile(part, commit);
        await rename(part, path);
      });
    },
    async link(commit, path, digest) {
      const target = join(snapshot(commit), path);
      // A folder of this name, which a repository of Git cannot have beside the file, ends in an error below.
      if ((await stat(target).catch(() => undefined))?.isFile()) return;
      await writing(target, async () => {
        await mkdir(dirname(target), { recursive: true });
        const part = aside(target);
        try {
          // Not every system lets every user make links.
          await symlink(relative(dirname(target), blob(digest)), part).catch(() => copyFile(blob(digest), part));
          await rename(part, target);
        } catch (error) {
          await rm(part, { force: true });
          throw error;
        }
      });
    },
  };
}
