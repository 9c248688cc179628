import type { FileStore } from '../io/fileStore.js';

/** Logical processors that this page may use. */
export const hardwareConcurrency = (): number => navigator.hardwareConcurrency;

/** The entry to WebGPU. `missing` says why there is none. */
export async function openGPU(): Promise<GPU | { missing: string }> {
  return navigator.gpu ?? { missing: 'this browser or page has no navigator.gpu (WebGPU needs a secure context)' };
}

/** Pages have no folders: paths are URLs there. */
export const folderStore: ((path: string) => FileStore) | undefined = undefined;
