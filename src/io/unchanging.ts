/** A file that is read in parts must be the same all the while: later bytes would be those of another. */
import { CheckpointError } from '../errors.js';
import type { FileStore } from './fileStore.js';

/** Parts of one file. */
export interface ReadableFile {
  /** For messages: "./gpt2/model.safetensors". */
  readonly name: string;
  readonly size: number;
  /** @throws CheckpointError when the file is shorter, or was replaced */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** @throws CheckpointError as `read` */
  readInto(offset: number, target: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** @throws CheckpointError when the file is missing */
export async function unchanging(store: FileStore, path: string): Promise<ReadableFile> {
  const name = `${store.name}/${path}`;
  const stamp = await store.stamp(path);
  const requireSame = async () => {
    if ((await store.stamp(path)) === stamp) return;
    throw new CheckpointError(`${name}: the file was replaced while it was read. Load it again.`);
  };
  const ofOneFile = <T>(reading: Promise<T>): Promise<T> => reading.finally(requireSame);
  return {
    name,
    size: await ofOneFile(store.size(path)),
    read: (offset, length) => ofOneFile(store.read(path, offset, length)),
    readInto: (offset, target) => ofOneFile(store.readInto(path, offset, target)),
  };
}
