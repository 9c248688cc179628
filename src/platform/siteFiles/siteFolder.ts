/** A folder of a site's private files, by the little that a cache needs; what the browser refuses becomes a CheckpointError. */
import { CheckpointError, formatBytes } from '../../errors.js';
import { noRoom } from './room.js';

/** Folders above a file are made when it is written. */
export interface SiteFolder {
  /** For messages. */
  readonly name: string;
  folder(path: string): SiteFolder;
  /** undefined where there is none. */
  file(name: string): Promise<File | undefined>;
  /** All of a small file; undefined where there is none, or none that was written to its end. */
  text(name: string): Promise<string | undefined>;
  /** @throws CheckpointError where the file is missing or shorter */
  read(name: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Readers see the old file or the new one. @throws CheckpointError where the browser has no room, or refuses */
  write(name: string, content: string | Uint8Array<ArrayBuffer>): Promise<void>;
  /** Removes a file, or all of the folder. What is not there is no error. */
  remove(name?: string): Promise<void>;
  /** Names of its files; undefined where there is no such folder. */
  names(): Promise<string[] | undefined>;
}

/** @param path of the folder below `root`, its parts with a slash between them */
export function siteFolder(root: FileSystemDirectoryHandle, path: string): SiteFolder {
  const name = `the private files of ${globalThis.location?.origin ?? 'this site'}, ${path}`;
  /** The folder; undefined where it is missing and not to be made. */
  const open = async (create: boolean, parts = path.split('/')): Promise<FileSystemDirectoryHandle | undefined> => {
    let folder = root;
    for (const part of parts) {
      const next = await unlessMissing(folder.getDirectoryHandle(part, { create }));
      if (!next) return undefined;
      folder = next;
    }
    return folder;
  };
  const file: SiteFolder['file'] = (file) =>
    refused(name, 'read', async () => {
      const folder = await open(false);
      const handle = folder && (await unlessMissing(folder.getFileHandle(file)));
      return handle?.getFile();
    });
  return {
    name,
    folder: (inside) => siteFolder(root, `${path}/${inside}`),
    file,
    text: async (path) => (await (await file(path))?.text()) || undefined,
    async read(path, offset, length) {
      const found = await file(path);
      if (!found || found.size < offset + length) {
        throw new CheckpointError(
          `${name}/${path}: ${formatBytes(found?.size ?? 0)} are there, expected ${formatBytes(offset + length)}. The ` +
            'browser has lost a part of what it kept: clear the data of this site, and load again.',
          { found: found?.size ?? 0, expected: offset + length },
        );
      }
      const bytes = await refused(name, 'read', () => found.slice(offset, offset + length).arrayBuffer());
      return new Uint8Array(bytes);
    },
    write: (path, content) =>
      refused(name, 'written to', async () => {
        const folder = (await open(true)) as FileSystemDirectoryHandle;
        const handle = await folder.getFileHandle(path, { create: true });
        const writable = await handle.createWritable();
        try {
          await writable.write(content);
        } catch (error) {
          await writable.abort().catch(() => {});
          throw error;
        }
        await writable.close();
      }),
    remove: (file) =>
      refused(name, 'written to', async () => {
        const parts = path.split('/');
        const above = await open(false, file === undefined ? parts.slice(0, -1) : parts);
        await (above && unlessMissing(above.removeEntry(file ?? (parts.at(-1) as string), { recursive: true })));
      }),
    names: () =>
      refused(name, 'read', async () => {
        const folder = await open(false);
        if (!folder) return undefined;
        const names: string[] = [];
        for await (const found of folder.keys()) names.push(found);
        return names;
      }),
  };
}

/** undefined where there is nothing of the name, or something of another kind. */
export const unlessMissing = <T>(found: Promise<T>): Promise<T | undefined> =>
  found.catch((error: unknown) => {
    if (['NotFoundError', 'TypeMismatchError'].includes(Object(error).name)) return undefined;
    throw error;
  });

/** @throws CheckpointError that says what the browser refuses */
export async function refused<T>(where: string, what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    // Those of whoever gives the bytes pass.
    if (!(cause instanceof DOMException) && !(cause instanceof TypeError)) throw cause;
    if (Object(cause).name !== 'QuotaExceededError') {
      throw new CheckpointError(`${where}: cannot be ${what}: ${cause}. Clear the data of this site, and load again.`, {
        cause,
      });
    }
    throw await noRoom(where, cause);
  }
}
