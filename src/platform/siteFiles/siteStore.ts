/**
 * A folder of a site's private files (the origin private file system) as a file store: `opfs:runs/a`. A file is written aside,
 * by a sync access handle where there is one (in workers), and renamed. Folders cannot be renamed: one that is made or
 * removed as a whole holds a file `.unfinished` meanwhile, with which it counts as not there.
 */
import {
  type FileStore,
  insidePath,
  missingFile,
  missingFolder,
  nameTaken,
  shortFile,
  storeTaken,
} from '../../io/fileStore.js';
import { refused, unlessMissing } from './siteFolder.js';

const UNFINISHED = '.unfinished';
const ASIDE = '.part';
const isOurs = (name: string) => name === UNFINISHED || name.endsWith(ASIDE);

/** How often this thread has written a file: browsers tell times of changes in whole milliseconds. */
const writes = new Map<string, number>();

type Root = () => Promise<FileSystemDirectoryHandle>;
type Directory = FileSystemDirectoryHandle & { entries(): AsyncIterable<[string, FileSystemHandle]> };

/** @param path of the folder below the root, its parts with a slash between them; '' for the root */
export function siteStore(root: Root, path: string): FileStore {
  return storeAt(root, partsOf(path), undefined);
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

/** @param within the parts of an unfinished folder that this store fills, which is there for it alone */
function storeAt(root: Root, base: readonly string[], within: readonly string[] | undefined): FileStore {
  const name = `opfs:${base.join('/')}`;
  const inside = (path: string): string[] => [...base, ...partsOf(insidePath(name, path))];
  const told = (parts: readonly string[]) => `opfs:${parts.join('/')}`;
  const reading = <T>(parts: readonly string[], action: () => Promise<T>) => refused(told(parts), 'read', action);
  const writing = <T>(parts: readonly string[], action: () => Promise<T>) => refused(told(parts), 'written to', action);

  /** A folder; undefined where there is none, or none that is finished. */
  const find = async (parts: readonly string[]): Promise<Directory | undefined> => {
    let folder = (await root()) as Directory;
    for (const [depth, part] of parts.entries()) {
      const next = await unlessMissing(folder.getDirectoryHandle(part));
      if (!next) return undefined;
      folder = next as Directory;
      const isOwn = within?.length === depth + 1 && within.every((each, at) => each === parts[at]);
      if (!isOwn && (await unlessMissing(folder.getFileHandle(UNFINISHED)))) return undefined;
    }
    return folder;
  };
  const make = async (parts: readonly string[]): Promise<Directory> => {
    let folder = (await root()) as Directory;
    for (const part of parts) folder = (await folder.getDirectoryHandle(part, { create: true })) as Directory;
    return folder;
  };
  const fileAt = async (parts: readonly string[]): Promise<File | undefined> => {
    const folder = await find(parts.slice(0, -1));
    const last = parts.at(-1);
    if (!folder || last === undefined) return undefined;
    return (await unlessMissing(folder.getFileHandle(last)))?.getFile();
  };
  const open = (path: string): Promise<File> => {
    const parts = inside(path);
    return reading(parts, async () => {
      const file = await fileAt(parts);
      if (!file) throw missingFile(name, path);
      return file;
    });
  };
  const read = async (path: string, offset = 0, length?: number): Promise<Uint8Array<ArrayBuffer>> => {
    const file = await open(path);
    const end = offset + (length ?? Math.max(0, file.size - offset));
    if (end > file.size) throw shortFile(name, path, end, file.size);
    return reading(inside(path), async () => new Uint8Array(await file.slice(offset, end).arrayBuffer()));
  };
  const put = (parts: readonly string[], chunks: Chunks) =>
    writing(parts, async () => {
      const folder = await make(parts.slice(0, -1));
      await writeWhole(folder, parts.at(-1) as string, chunks);
      writes.set(told(parts), (writes.get(told(parts)) ?? 0) + 1);
    });
  /** Removes what is at a place; a folder counts as not there from the beginning of it. */
  const removeAt = async (parts: readonly string[]): Promise<void> => {
    const above = await find(parts.slice(0, -1));
    const last = parts.at(-1);
    if (!above || last === undefined) return;
    const folder = await above.getDirectoryHandle(last).catch(() => undefined);
    if (folder) await folder.getFileHandle(UNFINISHED, { create: true });
    await unlessMissing(above.removeEntry(last, { recursive: true }));
  };
  const addFolder: FileStore['addFolder'] = (path, fill) => {
    const parts = inside(path);
    // Two that make one folder would fill it together.
    return alone(told(parts), async () => {
      await writing(parts, async () => {
        const above = await make(parts.slice(0, -1));
        const last = parts.at(-1) as string;
        if ((await find(parts)) || (await isFile(above, last))) throw nameTaken(name, path);
        // What a page that went has left of it.
        await unlessMissing(above.removeEntry(last, { recursive: true }));
        const folder = await above.getDirectoryHandle(last, { create: true });
        await folder.getFileHandle(UNFINISHED, { create: true });
      });
      try {
        await fill(storeAt(root, parts, parts));
      } catch (error) {
        await removeAt(parts).catch(() => {});
        throw error;
      }
      await writing(parts, async () => (await make(parts)).removeEntry(UNFINISHED));
    });
  };

  const store: FileStore = {
    name,
    list: () =>
      reading(base, async () => {
        const folder = await find(base);
        if (!folder) throw missingFolder(name);
        const files: string[] = [];
        const folders: string[] = [];
        for await (const [entry, { kind }] of folder.entries()) {
          if (isOurs(entry)) continue;
          if (kind === 'file') files.push(entry);
          else if (await find([...base, entry])) folders.push(entry);
        }
        return { files, folders };
      }),
    exists: async (path) => reading(inside(path), async () => (await fileAt(inside(path))) !== undefined),
    size: async (path) => (await open(path)).size,
    async stamp(path) {
      const { lastModified, size } = await open(path);
      return `${lastModified} ${size} ${writes.get(told(inside(path))) ?? 0}`;
    },
    read,
    readInto: async (path, offset, target) => target.set(await read(path, offset, target.byteLength)),
    write: async (path, chunks) => put(inside(path), chunks),
    remove: async (path) => {
      const parts = inside(path);
      await writing(parts, () => removeAt(parts));
    },
    folder: (path) => storeAt(root, inside(path), within),
    addFolder: async (path, fill) => addFolder(path, fill),
    async share(from, to, names) {
      const target = inside(to);
      const files = names.map((file) => [`${from}/${insidePath(name, file)}`, file] as const);
      for (const [source] of files) await open(source);
      const give = async (into: FileStore) => {
        for (const [source, file] of files) await into.write(file, piecesOf(await open(source)));
      };
      if (await reading(target, () => find(target))) return give(store.folder(to));
      return addFolder(to, give);
    },
    async lock() {
      const giveBack = await takeLock(name);
      await sweep(await writing(base, () => make(base)), 1);
      let isHeld = true;
      const release = async () => {
        isHeld = false;
        giveBack();
      };
      return Object.assign(release, { isHeld: async () => isHeld && (await find(base)) !== undefined });
    },
  };
  return store;
}

async function isFile(folder: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  return folder.getFileHandle(name).then(
    () => true,
    () => false,
  );
}

async function* piecesOf(file: File): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += 2 ** 23) {
    yield new Uint8Array(await file.slice(at, at + 2 ** 23).arrayBuffer());
  }
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What TypeScript's own types do not have yet. */
interface FileHandle extends FileSystemFileHandle {
  move(name: string): Promise<void>;
  createSyncAccessHandle?(): Promise<SyncHandle>;
}
interface SyncHandle {
  write(bytes: Uint8Array, at: { at: number }): number;
  flush(): void;
  close(): void;
}

/** Writes a file aside, then gives it its name: readers see the old file or the new one. */
async function writeWhole(folder: FileSystemDirectoryHandle, name: string, chunks: Chunks): Promise<void> {
  const aside = `${name}.${crypto.randomUUID()}${ASIDE}`;
  const handle = (await folder.getFileHandle(aside, { create: true })) as FileHandle;
  try {
    const file = await handle.createSyncAccessHandle?.();
    await (file ? fill(file, chunks) : stream(handle, chunks));
    await handle.move(name);
  } catch (error) {
    await folder.removeEntry(aside).catch(() => {});
    throw error;
  }
}

/** @throws QuotaExceededError where the browser takes a part only */
async function fill(file: SyncHandle, chunks: Chunks): Promise<void> {
  try {
    let at = 0;
    for await (const chunk of chunks) {
      const written = file.write(chunk, { at });
      if (written < chunk.byteLength) throw new DOMException('A part was written.', 'QuotaExceededError');
      at += written;
    }
    file.flush();
  } finally {
    file.close();
  }
}

async function stream(handle: FileSystemFileHandle, chunks: Chunks): Promise<void> {
  const writable = await handle.createWritable();
  try {
    for await (const chunk of chunks) await writable.write(chunk as Uint8Array<ArrayBuffer>);
  } catch (error) {
    await writable.abort().catch(() => {});
    throw error;
  }
  await writable.close();
}

/** Removes what was left unfinished in a folder and, `depth` levels down, in its folders. */
async function sweep(folder: Directory, depth: number): Promise<void> {
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind === 'file') {
      if (name.endsWith(ASIDE)) await unlessMissing(folder.removeEntry(name));
      continue;
    }
    const inner = handle as Directory;
    if (await unlessMissing(inner.getFileHandle(UNFINISHED))) await folder.removeEntry(name, { recursive: true });
    else if (depth > 0) await sweep(inner, depth - 1);
  }
}

/** Runs works on one folder one after the other, those of other tabs and workers included. */
async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  return navigator.locks.request(`distillm adds ${name}`, work) as Promise<T>;
}

/** The lock of the folder, which the browser gives back when its page or worker goes. @throws StoreTaken */
function takeLock(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const hold = (lock: unknown) => {
      if (lock) return new Promise<void>((release) => resolve(release));
      const advice = 'End it, or close the tab that it runs in; or give another folder.';
      reject(storeTaken(name, 'another process of the browser, a tab or a worker of this site', advice));
      return undefined;
    };
    navigator.locks.request(`distillm writes ${name}`, { ifAvailable: true }, hold).catch(reject);
  });
}
