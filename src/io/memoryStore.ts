/** Files in memory as a store. */
import * as z from 'zod';
import { checkOption, checkOptions, ranges } from '../settings/index.js';
import { concatenate } from './concatenate.js';
import {
  type FileStore,
  filesOption,
  insidePath,
  listingOf,
  missingFile,
  missingFolder,
  nameTaken,
  shortFile,
  storeTaken,
} from './fileStore.js';

/** Files in memory: for tests, for files that came from a download, for models on their way elsewhere. */
export interface MemoryStore extends FileStore {
  /** The files as they are now, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  folder(path: string): MemoryStore;
}

const storeOptions = z.strictObject({ name: ranges.text.default('memory') });

/**
 * A store that holds its files in memory. Text is stored as UTF-8.
 * @example
 * const store = memoryStore({ 'config.json': '{"model_type": "gpt2"}' });
 * @throws OptionError
 */
export function memoryStore(
  files: Readonly<Record<string, Uint8Array | string>> = {},
  options: { name?: string } = {},
): MemoryStore {
  checkOption('memoryStore', 'files', files, filesOption);
  const { name } = checkOptions('memoryStore', storeOptions, options);
  const contents = new Map<string, Uint8Array>();
  for (const [path, file] of Object.entries(files)) {
    contents.set(path, typeof file === 'string' ? new TextEncoder().encode(file) : file);
  }
  return openMemory({ contents, locked: new Set() }, '', name);
}

/** What all folders of a store share. */
interface Memory {
  readonly contents: Map<string, Uint8Array>;
  /** The prefixes of folders that have a writer. */
  readonly locked: Set<string>;
}

let stamped = 0;
/** A number for each array that was asked for: a file that is replaced is another array. */
const stamps = new WeakMap<Uint8Array, number>();

/** The files whose paths begin with `prefix`, as a store; folders exist only as beginnings of paths. */
function openMemory(memory: Memory, prefix: string, name: string): MemoryStore {
  const { contents, locked } = memory;
  const whole = (path: string) => prefix + insidePath(name, path);
  const inside = () => [...contents.keys()].filter((path) => path.startsWith(prefix));
  const find = (path: string): Uint8Array => {
    const file = contents.get(whole(path));
    if (!file) throw missingFile(name, path);
    return file;
  };
  const part = (path: string, offset: number, length: number | undefined): Uint8Array => {
    const file = find(path);
    const wanted = length ?? Math.max(0, file.byteLength - offset);
    if (offset + wanted > file.byteLength) throw shortFile(name, path, offset + wanted, file.byteLength);
    return file.subarray(offset, offset + wanted);
  };
  const below = (path: string) =>
    [...contents.keys()].filter((file) => file === whole(path) || file.startsWith(`${whole(path)}/`));
  return {
    name,
    get files() {
      return prefix
        ? new Map(inside().map((path) => [path.slice(prefix.length), find(path.slice(prefix.length))]))
        : contents;
    },
    async list() {
      const paths = inside().map((path) => path.slice(prefix.length));
      if (prefix && paths.length === 0) throw missingFolder(name);
      return listingOf(paths);
    },
    exists: async (path) => contents.has(whole(path)),
    size: async (path) => find(path).byteLength,
    async stamp(path) {
      const file = find(path);
      const stamp = stamps.get(file) ?? ++stamped;
      stamps.set(file, stamp);
      return `${stamp}`;
    },
    read: async (path, offset = 0, length) => part(path, offset, length).slice() as Uint8Array<ArrayBuffer>,
    readInto: async (path, offset, target) => target.set(part(path, offset, target.byteLength)),
    async write(path, chunks) {
      const target = whole(path);
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk.slice());
      contents.set(target, concatenate(parts));
    },
    async remove(path) {
      for (const file of below(path)) contents.delete(file);
    },
    folder: (path) => openMemory(memory, `${whole(path)}/`, `${name}/${path}`),
    async addFolder(path, fill) {
      const target = whole(path);
      const aside = memoryStore({}, { name: `${name}/${path}` });
      await fill(aside);
      if (below(path).length > 0) throw nameTaken(name, path);
      // No await from here on: nobody can look between the first file and the last.
      for (const [file, bytes] of aside.files) contents.set(`${target}/${file}`, bytes);
    },
    async share(from, to, names) {
      const files = names.map((file) => [`${whole(to)}/${insidePath(name, file)}`, find(`${from}/${file}`)] as const);
      for (const [file, bytes] of files) contents.set(file, bytes);
    },
    async lock() {
      if (locked.has(prefix)) throw storeTaken(name, 'in this process', 'Wait for it, or give another folder.');
      locked.add(prefix);
      const giveBack = async () => {
        locked.delete(prefix);
      };
      return Object.assign(giveBack, { isHeld: async () => locked.has(prefix) });
    },
  };
}
