/**
 * Hugging Face's own cache, shared with its libraries for Python: models--organisation--name has blobs (contents by their
 * digests), snapshots (a folder for each commit, with links to blobs) and refs (the commit of each branch and tag).
 */
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { FileStore } from '../../../io/fileStore.js';
import type { HubCache, HubPart } from '../../../io/hub/hubCache.js';
import type { HubName } from '../../../io/hub/hubName.js';
import { isCommit } from '../../../io/hub/listing.js';
import { aside } from '../aside.js';
import { folderStore } from '../folderStore.js';
import { createSha1, createSha256 } from '../hashes.js';
import { waitForFolder } from './waitForFolder.js';
import { writing } from './writing.js';

/** The folder of all models, by the variables that Hugging Face's libraries go by. */
function hubFolder(): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env;
  if (HF_HUB_CACHE) return HF_HUB_CACHE;
  if (HF_HOME) return join(HF_HOME, 'hub');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface', 'hub');
}

export function cacheFolder({ repository }: HubName): HubCache {
  const name = `models--${repository.replace('/', '--')}`;
  const folder = join(hubFolder(), name);
  const blobs = join(folder, 'blobs');
  const blob = (digest: string) => join(blobs, digest);
  const snapshot = (commit: string) => join(folder, 'snapshots', commit);
  return {
    name: folder,
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
    lock: (signal) => waitForFolder(join(hubFolder(), '.locks', name), { signal, growing: blobs }),
    has: (digest) => isThere(blob(digest)),
    part: (digest) => partOf(blob(digest)),
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
    files(commit) {
      const store = folderStore(snapshot(commit));
      const { stamp, read, readInto } = store;
      return {
        ...{ stamp, read, readInto },
        list: async () => ((await isThere(snapshot(commit))) ? filesBelow(store) : undefined),
      };
    },
    hashes: { sha1: createSha1, sha256: createSha256 },
  };
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function filesBelow(store: FileStore): Promise<ReadonlyMap<string, { readonly size: number }>> {
  const found = new Map<string, { readonly size: number }>();
  const add = async (store: FileStore, prefix: string): Promise<void> => {
    const { files, folders } = await store.list();
    for (const file of files) found.set(prefix + file, { size: await store.size(file) });
    for (const folder of folders) await add(store.folder(folder), `${prefix}${folder}/`);
  };
  await add(store, '');
  return found;
}

/** What came of a blob is beside it under another name. */
function partOf(target: string): HubPart {
  const part = `${target}.distillm-incomplete`;
  return {
    size: () =>
      stat(part).then(
        ({ size }) => size,
        () => 0,
      ),
    remove: () => rm(part, { force: true }),
    async write(from) {
      const file = await writing(part, async () => {
        await mkdir(dirname(part), { recursive: true });
        return open(part, from > 0 ? 'r+' : 'w');
      });
      let at = from;
      return {
        async add(bytes) {
          for (let done = 0; done < bytes.byteLength; ) {
            const { bytesWritten } = await writing(part, () => file.write(bytes, done, bytes.byteLength - done, at));
            done += bytesWritten;
            at += bytesWritten;
          }
        },
        async close() {
          await file.sync().catch(() => {});
          await file.close();
        },
      };
    },
    async *read() {
      if (await isThere(part)) yield* createReadStream(part) as AsyncIterable<Uint8Array>;
    },
    finish: () =>
      writing(target, async () => {
        // Of a content without bytes nothing was written.
        await mkdir(dirname(part), { recursive: true });
        await open(part, 'a').then((file) => file.close());
        await rename(part, target);
      }),
  };
}
