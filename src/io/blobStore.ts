/**
 * Files that somebody picked or dropped in a page, as a store: they are read where they are, a part at a time, and nothing is
 * copied.
 */
import * as z from 'zod';
import { CheckpointError, OptionError } from '../errors.js';
import { checkOption, checkOptions, ranges, special } from '../settings/index.js';
import { type FileStore, insidePath, listingOf, missingFile, missingFolder, shortFile } from './fileStore.js';

const filesOption = z.record(
  z.string(),
  special<Blob>('a File or a Blob', (value) => value instanceof Blob),
  'an object of Files by their paths',
);
const storeOptions = z.strictObject({ name: ranges.text.default('picked files') });

/**
 * A store of Files and Blobs by their paths: a folder that a user has picked or dropped. It cannot be written to: `write`,
 * `remove`, `addFolder`, `share` and `lock` throw an OptionError.
 * @param options.name what messages call it, 'picked files' by default
 * @example
 * const files = Object.fromEntries([...input.files].map((file) => [file.name, file]));
 * const model = await loadModel(blobStore(files), { device });
 * @throws OptionError
 */
export function blobStore(files: Readonly<Record<string, Blob>>, options: { name?: string } = {}): FileStore {
  checkOption('blobStore', 'files', files, filesOption);
  const { name } = checkOptions('blobStore', storeOptions, options);
  return storeOf(new Map(Object.entries(files)), name);
}

function storeOf(files: ReadonlyMap<string, Blob>, name: string): FileStore {
  const find = (path: string): Blob => {
    const file = files.get(insidePath(name, path));
    if (!file) throw missingFile(name, path);
    return file;
  };
  const read = async (path: string, offset = 0, length?: number): Promise<Uint8Array<ArrayBuffer>> => {
    const file = find(path);
    const end = offset + (length ?? Math.max(0, file.size - offset));
    if (end > file.size) throw shortFile(name, path, end, file.size);
    try {
      return new Uint8Array(await file.slice(offset, end).arrayBuffer());
    } catch (cause) {
      const why = `the file cannot be read (${cause}): it was changed or moved since it was picked. Pick it again.`;
      throw new CheckpointError(`${name}/${path}: ${why}`, { cause });
    }
  };
  const readOnly = async () => {
    throw new OptionError(`${name}: files of a picker cannot be written to. Save to a folder or a memoryStore.`);
  };
  return {
    name,
    async list() {
      const paths = [...files.keys()];
      if (paths.length === 0) throw missingFolder(name);
      return listingOf(paths);
    },
    exists: async (path) => files.has(insidePath(name, path)),
    size: async (path) => find(path).size,
    async stamp(path) {
      const file = find(path);
      return file instanceof File ? `${file.lastModified} ${file.size}` : '';
    },
    read,
    readInto: async (path, offset, target) => target.set(await read(path, offset, target.byteLength)),
    write: readOnly,
    remove: readOnly,
    folder(path) {
      const prefix = `${insidePath(name, path)}/`;
      const inside = [...files].filter(([file]) => file.startsWith(prefix));
      return storeOf(new Map(inside.map(([file, blob]) => [file.slice(prefix.length), blob])), `${name}/${path}`);
    },
    addFolder: readOnly,
    share: readOnly,
    lock: readOnly,
  };
}
