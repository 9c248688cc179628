/**
 * Folders on disk as file stores. Files and whole folders are written aside and renamed, so that a crash at any moment
 * leaves the old ones or the new ones.
 */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointError } from '../../errors.js';
import { type FileStore, shortFile } from '../../io/fileStore.js';

/** What `replaceFolder` calls the folder that it is about to replace, and the one that it fills. */
const oldSuffix = '.distillm-old';
const newSuffix = '.distillm-new';
/** A name beside `target` for what is being written or removed; no other call or process has the same. */
const aside = (target: string): string => `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.part`;
const underWay = /\.\d+-[a-z0-9]+\.part$|\.distillm-new$/;

/** The folder at `folder`. It is made when it is first written to. */
export function folderStore(folder: string): FileStore {
  const unreadable = (path: string, cause: unknown) =>
    new CheckpointError(`${join(folder, path)}: cannot be read (${(cause as Error).message}). Check the path.`, {
      cause,
    });
  /**
   * `action` on a path of the store ('' is the store itself), and once more where a crash left the folder that holds
   * the path under its other name.
   */
  const restored = async <T>(path: string, action: (path: string) => Promise<T>): Promise<T> => {
    const whole = join(folder, path);
    try {
      return await action(whole);
    } catch (error) {
      if (!(await restoreFolder(path === '' ? folder : dirname(whole)))) throw error;
      return action(whole);
    }
  };
  /** Bytes of a file from `offset`: `length` of them, or all that follow; in `target`, or in an array of its own. */
  const read = async (
    path: string,
    offset = 0,
    length?: number,
    target?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> => {
    const file = await restored(path, (whole) => open(whole)).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    try {
      const { size } = await file.stat();
      const wanted = length ?? Math.max(0, size - offset);
      if (offset + wanted > size) throw shortFile(folder, path, offset + wanted, size);
      const bytes = target ?? new Uint8Array(wanted);
      // One call reads at most 2 GiB.
      for (let done = 0; done < wanted; ) {
        const { bytesRead } = await file.read(bytes, done, Math.min(wanted - done, 2 ** 30), offset + done);
        if (bytesRead === 0) throw unreadable(path, new Error('it was cut while it was read'));
        done += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  };
  return {
    name: folder,
    async list() {
      const found = await restored('', () => readdir(folder, { withFileTypes: true })).catch((cause: unknown) => {
        throw unreadable('', cause);
      });
      const files: string[] = [];
      const folders = new Set<string>();
      for (const entry of found) {
        if (underWay.test(entry.name)) continue;
        // Hugging Face's cache holds links. A dead one is neither file nor folder.
        const kind = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => undefined) : entry;
        if (kind?.isFile()) files.push(entry.name);
        // A folder that a crash left under its other name gets its own back when it is read.
        if (kind?.isDirectory()) folders.add(entry.name.replace(oldSuffix, ''));
      }
      return { files, folders: [...folders] };
    },
    exists: (path) =>
      restored(path, (whole) => stat(whole)).then(
        (found) => found.isFile(),
        () => false,
      ),
    async size(path) {
      try {
        return (await restored(path, (whole) => stat(whole))).size;
      } catch (cause) {
        throw unreadable(path, cause);
      }
    },
    read,
    async readInto(path, offset, target) {
      await read(path, offset, target.byteLength, target);
    },
    async write(path, chunks) {
      const target = join(folder, path);
      const part = aside(target);
      await mkdir(dirname(target), { recursive: true });
      try {
        const file = await open(part, 'wx');
        try {
          for await (const chunk of chunks) await file.writeFile(chunk);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(part, target);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
      await syncFolder(dirname(target));
    },
    async remove(path) {
      const target = join(folder, path);
      const part = aside(target);
      try {
        // First what a crash may have left of it: restoreFolder would bring it back.
        for (const suffix of [oldSuffix, newSuffix]) await rm(target + suffix, { recursive: true, force: true });
        await rename(target, part);
      } catch (error) {
        if (isMissing(error)) return;
        throw error;
      }
      await syncFolder(dirname(target));
      await rm(part, { recursive: true, force: true });
    },
    folder: (path) => folderStore(join(folder, path)),
    async replaceFolder(path, fill) {
      const target = join(folder, path);
      const filled = target + newSuffix;
      await rm(filled, { recursive: true, force: true });
      try {
        await fill(folderStore(filled));
      } catch (error) {
        await rm(filled, { recursive: true, force: true });
        throw error;
      }
      const old = target + oldSuffix;
      const exchange = async () => {
        await restoreFolder(target);
        await rm(old, { recursive: true, force: true });
        // A full folder cannot be renamed over: between the two renames the old one has only its other name.
        await rename(target, old).catch((error: unknown) => {
          if (!isMissing(error)) throw error;
        });
        await rename(filled, target);
      };
      // A reader in another process may have taken the moment between the renames for a crash.
      await exchange().catch(exchange);
      await syncFolder(dirname(target));
      await rm(old, { recursive: true, force: true });
    },
  };
}

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Gives a folder its name back where a crash came between the renames of `replaceFolder`; says whether it did. */
async function restoreFolder(folder: string): Promise<boolean> {
  const isThere = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    );
  if ((await isThere(folder)) || !(await isThere(folder + oldSuffix))) return false;
  return rename(folder + oldSuffix, folder).then(
    () => true,
    () => false,
  );
}

/** Syncs a folder: a rename in it is on disk only then. Not every system can sync one. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path).catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
