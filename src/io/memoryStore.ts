/** Files in memory as a store. */
import * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { checkOption, checkOptions, ranges } from '../settings/index.js';
import { concatenate } from './concatenate.js';
import { type FileStore, filesOption, missingFile, shortFile } from './fileStore.js';

/** Files in memory: for tests, for files that came from a picker or a download, for models on their way elsewhere. */
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
  return openMemory(contents, '', name);
}

/** The files whose paths begin with `prefix`, as a store; folders exist only as beginnings of paths. */
function openMemory(contents: Map<string, Uint8Array>, prefix: string, name: string): MemoryStore {
  const inside = () => [...contents.keys()].filter((path) => path.startsWith(prefix));
  const find = (path: string): Uint8Array => {
    const file = contents.get(prefix + path);
    if (!file) throw missingFile(name, path);
    return file;
  };
  const part = (path: string, offset: number, length: number | undefined): Uint8Array => {
    const file = find(path);
    const wanted = length ?? Math.max(0, file.byteLength - offset);
    if (offset + wanted > file.byteLength) throw shortFile(name, path, offset + wanted, file.byteLength);
    return file.subarray(offset, offset + wanted);
  };
  const remove = (path: string) => {
    const whole = prefix + path;
    for (const file of [...contents.keys()]) if (file === whole || file.startsWith(`${whole}/`)) contents.delete(file);
  };
  return {
    name,
    get files() {
      return prefix
        ? new Map(inside().map((path) => [path.slice(prefix.length), find(path.slice(prefix.length))]))
        : contents;
    },
    async list() {
      const paths = inside().map((path) => path.slice(prefix.length));
      if (prefix && paths.length === 0) {
        throw new CheckpointError(`${name}: there is no such folder. Check the path.`);
      }
      const folders = paths.filter((path) => path.includes('/')).map((path) => path.slice(0, path.indexOf('/')));
      return { files: paths.filter((path) => !path.includes('/')), folders: [...new Set(folders)] };
    },
    exists: async (path) => contents.has(prefix + path),
    size: async (path) => find(path).byteLength,
    read: async (path, offset = 0, length) => part(path, offset, length).slice() as Uint8Array<ArrayBuffer>,
    readInto: async (path, offset, target) => target.set(part(path, offset, target.byteLength)),
    async write(path, chunks) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk.slice());
      contents.set(prefix + path, concatenate(parts));
    },
    remove: async (path) => remove(path),
    folder: (path) => openMemory(contents, `${prefix}${path}/`, `${name}/${path}`),
    async replaceFolder(path, fill) {
      const aside = memoryStore({}, { name: `${name}/${path}` });
      await fill(aside);
      // No await from here on: nobody can look between the old files and the new ones.
      remove(path);
      for (const [file, bytes] of aside.files) contents.set(`${prefix}${path}/${file}`, bytes);
    },
  };
}
