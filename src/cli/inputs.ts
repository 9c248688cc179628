/** Files that commands read are looked for before models are loaded, which may take minutes. */
import { accessSync, constants, statSync } from 'node:fs';
import { CheckpointError } from '../index.js';
import { systemReason } from '../systemReason.js';

/** What names a place on the web, where a model may be read, and no path on this machine. */
export const isAddress = (source: string): boolean => /^(?:https?:\/\/|hf:)/i.test(source);

/**
 * @param flag the option that names the files: '--data'; '' for words that are files
 * @param paths what is no path, an address on the web, is asked when it is read
 * @throws CheckpointError naming the first that cannot be read
 */
export function tryInputs(flag: string, paths: readonly string[] = []): void {
  for (const path of paths) if (!/^https?:\/\//i.test(path)) tryInput(flag, path);
}

function tryInput(flag: string, path: string): void {
  const named = `${flag} ${path}`.trimStart();
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw new CheckpointError(`${named} cannot be read: ${systemReason(cause)}`, { found: path, cause });
  }
  if (!statSync(path).isDirectory()) return;
  throw new CheckpointError(`${named} is a folder, expected a file. Name a file in it.`, { found: path });
}
