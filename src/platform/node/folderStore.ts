/**
 * Folders on disk as file stores. Files and whole folders are written aside and renamed, so that a crash at any moment
 * leaves the old ones or the new ones.
 */
import { copyFile, link, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointError } from '../../errors.js';
import { type FileStore, insidePath, NothingThere, nameTaken, shortFile } from '../../io/fileStore.js';
import { isSystemError, systemReason } from '../../systemReason.js';
import { aside, isAside } from './aside.js';
import { isLock, lockFolder } from './folderLock.js';

/** Tensors get a second name instead of a copy; texts people edit in place. */
const isTensors = /\.safetensors$/;

/**
 * The folder at `folder`. It is made when it is first written to, but not a second time while it is locked: one that is
 * gone then may be a disk that was taken out.
 */
export function folderStore(folder: string): FileStore {
  return storeOf(folder, {});
}

/** `fixed.folder` is there, and whoever writes below it does not make it, nor what is above it. */
function storeOf(folder: string, fixed: { folder?: string | undefined }): FileStore {
  const at = (path: string) => join(folder, insidePath(folder, path));
  /** Why a path of the store cannot be read; where there is nothing, an error that says so. */
  const unreadable = async (path: string, cause: unknown): Promise<CheckpointError> => {
    const whole = join(folder, path);
    if (!isSystemError(cause) || cause.code !== 'ENOENT') {
      return new CheckpointError(`${whole}: cannot be read: ${systemReason(cause)}`, { cause });
    }
    if (await isDeadLink(whole)) {
      return new CheckpointError(`${whole}: cannot be read: it is a link that leads nowhere. Mend or remove it.`);
    }
    return new NothingThere(`${whole}: cannot be read: ${systemReason(cause)}`, { cause });
  };
  const reading = async <T>(path: string, action: (whole: string) => Promise<T>): Promise<T> => {
    const whole = at(path);
    try {
      return await action(whole);
    } catch (cause) {
      throw await unreadable(path, cause);
    }
  };
  /** What the system refuses is told with the path; errors of those who give the bytes pass. */
  const writing = async <T>(path: string, action: (target: string) => Promise<T>): Promise<T> => {
    const target = at(path);
    try {
      return await action(target);
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      throw new CheckpointError(`${target}: cannot be written: ${systemReason(cause)}`, { cause });
    }
  };
  /** Bytes of a file from `offset`: `length` of them, or all that follow; in `target`, or in an array of its own. */
  const read = async (
    path: string,
    offset = 0,
    length?: number,
    target?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> => {
    const file = await reading(path, (whole) => open(whole));
    try {
      const size = sizeOfFile(await file.stat(), at(path));
      const wanted = length ?? Math.max(0, size - offset);
      if (offset + wanted > size) throw shortFile(folder, path, offset + wanted, size);
      const bytes = target ?? new Uint8Array(wanted);
      // One call reads at most 2 GiB.
      for (let done = 0; done < wanted; ) {
        const { bytesRead } = await reading(path, () =>
          file.read(bytes, done, Math.min(wanted - done, 2 ** 30), offset + done),
        );
        if (bytesRead === 0) throw await unreadable(path, new Error('it was cut while it was read'));
        done += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  };
  /** Writes what `make` makes under another name, and gives it its own by one rename. */
  const written = async (target: string, make: (part: string) => Promise<void>): Promise<void> => {
    const part = aside(target);
    try {
      await make(part);
      await rename(part, target);
    } finally {
      // Also where both are names of one file: the rename then does nothing. Where the system refuses, what it said of
      // the writing counts, and the next writer removes the rest.
      await rm(part, { recursive: true, force: true }).catch(() => {});
    }
    await syncFolder(dirname(target));
  };
  const addFolder: FileStore['addFolder'] = (path, fill) =>
    writing(path, async (target) => {
      await makeFolder(dirname(target), fixed.folder);
      if (await isThere(target)) throw nameTaken(folder, path);
      await written(target, async (part) => {
        await mkdir(part);
        await fill(storeOf(part, { folder: part }));
      });
    });
  return {
    name: folder,
    async list() {
      const found = await reading('', () => readdir(folder, { withFileTypes: true }));
      const files: string[] = [];
      const folders: string[] = [];
      for (const entry of found) {
        if (isAside(entry.name) || isLock(entry.name)) continue;
        // Hugging Face's cache holds links. A dead one is neither file nor folder.
        const kind = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => undefined) : entry;
        if (kind?.isFile()) files.push(entry.name);
        if (kind?.isDirectory()) folders.push(entry.name);
      }
      return { files, folders };
    },
    async exists(path) {
      const whole = at(path);
      try {
        return (await stat(whole)).isFile();
      } catch (cause) {
        if (isMissing(cause) && !(await isDeadLink(whole))) return false;
        throw await unreadable(path, cause);
      }
    },
    size: async (path) => sizeOfFile(await reading(path, (whole) => stat(whole)), at(path)),
    async stamp(path) {
      const { dev, ino, size, mtimeNs } = await reading(path, (whole) => stat(whole, { bigint: true }));
      return [dev, ino, size, mtimeNs].join(' ');
    },
    read,
    async readInto(path, offset, target) {
      await read(path, offset, target.byteLength, target);
    },
    write: (path, chunks) =>
      writing(path, async (target) => {
        await makeFolder(dirname(target), fixed.folder);
        await written(target, async (part) => {
          const file = await open(part, 'wx');
          try {
            for await (const chunk of chunks) await file.writeFile(chunk);
            await file.sync();
          } finally {
            await file.close();
          }
        });
      }),
    remove: (path) =>
      writing(path, async (target) => {
        const part = aside(target);
        try {
          await rename(target, part);
        } catch (error) {
          if (isMissing(error)) return;
          throw error;
        }
        await syncFolder(dirname(target));
        await rm(part, { recursive: true, force: true });
      }),
    folder: (path) => storeOf(at(path), fixed),
    addFolder,
    async share(from, to, names) {
      const give = (source: string, target: string) => written(target, (part) => secondName(source, part));
      const files = names.map((name) => [join(at(from), insidePath(folder, name)), name] as const);
      // A link is replaced, as one in the place of a file is: what it leads to is not the store's.
      if (await isLink(at(to))) await writing(to, (target) => rm(target));
      if (!(await isThere(at(to)))) {
        return addFolder(to, async ({ name: part }) => {
          for (const [source, name] of files) await give(source, join(part, name));
        });
      }
      return writing(to, async (target) => {
        for (const [source, name] of files) await give(source, join(target, name));
      });
    },
    lock: () =>
      writing('', async () => {
        await makeFolder(folder);
        const lock = await lockFolder(folder);
        await sweep(folder, 1).catch(async (error: unknown) => {
          await lock();
          throw error;
        });
        // As `dirname` gives it, of whatever is in it.
        fixed.folder = dirname(join(folder, 'in'));
        return Object.assign(
          async () => {
            fixed.folder = undefined;
            await lock();
          },
          { isHeld: lock.isHeld },
        );
      }),
  };
}

/** The same bytes under another name: the same file where it holds tensors and the system can, else a copy. */
async function secondName(source: string, target: string): Promise<void> {
  if (isTensors.test(source)) {
    const linked = await link(source, target).then(
      () => true,
      // Not every file system has second names.
      () => false,
    );
    if (linked) return;
  }
  await copyFile(source, target);
  const file = await open(target, 'r+');
  await file.sync().finally(() => file.close());
}

/** Removes what was left unfinished in a folder and, `depth` levels down, in its folders. */
async function sweep(folder: string, depth: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (isAside(entry.name)) await rm(path, { recursive: true, force: true });
    else if (entry.isDirectory() && depth > 0) await sweep(path, depth - 1);
  }
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
 * that takes no folders, `mkdir` with `recursive` says ENOENT, or never returns. `fixed` is not made.
 */
async function makeFolder(path: string, fixed?: string): Promise<void> {
  const missing: string[] = [];
  for (let each = path; each !== fixed && !(await isThere(each)) && dirname(each) !== each; each = dirname(each)) {
    missing.unshift(each);
  }
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
  ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '');

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );

const isDeadLink = async (path: string): Promise<boolean> => (await isLink(path)) && !(await isThere(path));

/** Syncs a folder: a rename in it is on disk only then. Not every system can sync one. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path).catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
