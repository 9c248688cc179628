/** GGUF files, as llama.cpp has them: metadata, and tensors under the names of its own. */
import type { FileStore } from '../fileStore.js';
import { storedTensors } from '../storedFile.js';
import type { TensorSource } from '../tensorSource.js';
import { unchanging } from '../unchanging.js';
import { readGgufHeader } from './header.js';
import type { GgufValue } from './values.js';

export type { GgufValue } from './values.js';

/** A file whose header was read. */
export interface GgufFile {
  /** For messages: "./models/small.gguf". */
  readonly name: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: TensorSource;
}

/** @throws CheckpointError when the file is missing or malformed, or replaced while it is read */
export async function openGguf(store: FileStore, path: string): Promise<GgufFile> {
  const file = await unchanging(store, path);
  const { metadata, entries } = await readGgufHeader(file);
  return { name: file.name, metadata, tensors: storedTensors(file, entries) };
}
