/**
 * Folders on disk as file stores. Files and whole folders are written aside and renamed, so that a crash at any moment
 * leaves the old ones or the new ones.
 */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointError } from '../../errors.js';
import { type FileStore, shortFile } from '../../io/fileStore.js';
import { isSystemError, systemReason } from '../../systemReason.js';

/** What `replaceFolder` calls the folder that it is about to replace, and the one that it fills. */
const oldSuffix = '.distillm-old';
const newSuffix = '.distillm-new';
/** A name beside `target` for what is being written or removed; no other call or process has the same. */
const aside = (target: string): string => `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.part`;
const underWay = /\.\d+-[a-z0-9]+\.part$|\.distillm-new$/;

/** The folder at `folder`. It is made when it is first written to. */
export function folderStore(folder: string): FileStore {
  const unreadable = (path: string, cause: unknown) =>
    new CheckpointError(`${join(folder, path)}: cannot be read: ${systemReason(cause)}`, { cause });
  /** What the system refuses is told with the path; errors of those who give the bytes pass. */
  const writing = async (path: string, action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      throw new CheckpointError(`${join(folder, path)}: cannot be written: ${systemReason(cause)}`, { cause });
    }
  };
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
      const size = sizeOfFile(await file.stat(), join(folder, path));
      const wanted = length ?? Math.max(0, size - offset);
      if (offset + wanted > size) throw shortFile(folder, path, offset + wanted, size);
      const bytes = target ?? new Uint8Array(wanted);
      // One call reads at most 2 GiB.
      for (let done = 0; done < wanted; ) {
        const { bytesRead } = await file
          .read(bytes, done, Math.min(wanted - done, 2 ** 30), offset + done)
          .catch((cause: unknown) => {
            throw unreadable(path, cause);
          });
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
      const found = await restored(path, (whole) => stat(whole)).catch((cause: unknown) => {
        throw unreadable(path, cause);
      });
      return sizeOfFile(found, join(folder, path));
    },
    read,
    async readInto(path, offset, target) {
      await read(path, offset, target.byteLength, target);
    },
    write: (path, chunks) =>
      writing(path, async () => {
        const target = join(folder, path);
        const part = aside(target);
        await makeFolder(dirname(target));
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
      }),
    remove: (path) =>
      writing(path, async () => {
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
      }),
    folder: (path) => folderStore(join(folder, path)),
    replaceFolder: (path, fill) =>
      writing(path, async () => {
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
      }),
  };
}

/** Bytes of a file. @throws CheckpointError for what is none: its size would say nothing about what can be read */
function sizeOfFile(found: Awaited<ReturnType<typeof stat>>, path: string): number {
  if (found.isFile()) return Number(found.size);
  const [what, advice] = found.isDirectory()
    ? ['a folder', 'Name a file in it.']
    : ['a pipe or a device', 'Write what it gives to a file first.'];
  throw new CheckpointError(`${path} is ${what}, expected a file. ${advice}`);
}

/**
 * Makes a folder and those above it, one by one: the system then says which one it refuses, and why. Of a file system
 * that takes no folders, `mkdir` with `recursive` says ENOENT, or never returns.
 */
async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let each = path; !(await isThere(each)) && dirname(each) !== each; each = dirname(each)) missing.unshift(each);
  for (const each of missing) {
    await mkdir(each).catch((cause: NodeJS.ErrnoException) => {
      // Another process was faster.
      if (cause.code === 'EEXIST') return;
      const reason = isMissing(cause) ? 'the folder above takes no new folders.' : systemReason(cause);
      throw new CheckpointError(`${each}: cannot be made: ${reason}`, { cause });
    });
  }
}

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Gives a folder its name back where a crash came between the renames of `replaceFolder`; says whether it did. */
async function restoreFolder(folder: string): Promise<boolean> {
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
