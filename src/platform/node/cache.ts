/** Small texts in the user's cache folder, which could be made again but take time. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { KeptTexts } from '../workers.js';
import { folderStore } from './folderStore.js';

/** The user's cache folder, by the convention of each system. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'distillm');
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'distillm');
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'distillm');
}

export const keptTexts: KeptTexts = {
  read: (name) =>
    folderStore(cacheFolder())
      .read(name)
      .then(
        (bytes) => new TextDecoder().decode(bytes),
        () => undefined,
      ),
  async write(name, text) {
    await folderStore(cacheFolder()).write(name, [new TextEncoder().encode(text)]);
    return join(cacheFolder(), name);
  },
};
