import { CheckpointError } from '../errors.js';
import type { FileStore } from './fileStore.js';

/** Files in memory: for tests, for files that came from a picker or a download, for models on their way elsewhere. */
export interface MemoryStore extends FileStore {
  /** The files as they are now. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * A store that holds its files in memory. Text is kept as UTF-8.
 * @example
 * const store = memoryStore({ 'config.json': '{"model_type": "gpt2"}' });
 */
export function memoryStore(
  files: Readonly<Record<string, Uint8Array | string>> = {},
  { name = 'memory' }: { name?: string } = {},
): MemoryStore {
  const contents = new Map<string, Uint8Array>();
  for (const [path, file] of Object.entries(files)) {
    contents.set(path, typeof file === 'string' ? new TextEncoder().encode(file) : file);
  }
  const find = (path: string): Uint8Array => {
    const file = contents.get(path);
    if (!file) throw missingFile(name, path);
    return file;
  };
  return {
    name,
    files: contents,
    list: async () => [...contents.keys()].filter((path) => !path.includes('/')),
    exists: async (path) => contents.has(path),
    size: async (path) => find(path).byteLength,
    async read(path, offset = 0, length) {
      const file = find(path);
      const wanted = length ?? Math.max(0, file.byteLength - offset);
      if (offset + wanted > file.byteLength) throw shortFile(name, path, offset + wanted, file.byteLength);
      return file.slice(offset, offset + wanted) as Uint8Array<ArrayBuffer>;
    },
    async write(path, chunks) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk.slice());
      contents.set(path, concatenate(parts));
    },
  };
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

export const missingFile = (store: string, path: string, cause?: unknown): CheckpointError =>
  new CheckpointError(`${store}: there is no file '${path}'. Check the name of the folder, and that it is complete.`, {
    expected: path,
    cause,
  });

export const shortFile = (store: string, path: string, wanted: number, size: number): CheckpointError =>
  new CheckpointError(`${store}/${path}: byte ${wanted} was asked for, the file has ${size}. Download it again.`, {
    found: size,
    expected: wanted,
  });
