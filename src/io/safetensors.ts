/**
 * Safetensors files, each a source of tensors: the header is read and checked when a file is opened, bytes when asked
 * for.
 */
import type { FileStore } from './fileStore.js';
import { readSafetensorsHeader } from './safetensorsHeader.js';
import { storedTensors } from './storedFile.js';
import type { TensorSource } from './tensorSource.js';
import { unchanging } from './unchanging.js';

export interface SafetensorsFile extends TensorSource {
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** One safetensors file. @throws CheckpointError when it is missing or malformed, or replaced while it is read */
export async function openSafetensors(store: FileStore, path: string): Promise<SafetensorsFile> {
  const file = await unchanging(store, path);
  const { entries, metadata } = await readSafetensorsHeader(file);
  return { ...storedTensors(file, entries), metadata };
}
