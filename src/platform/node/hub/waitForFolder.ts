/**
 * A repository of the cache for one writer at a time. Another process that downloads into it is waited for as long as
 * bytes come; one that hangs would hold up everybody for ever.
 */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError, rounded } from '../../../errors.js';
import { StoreTaken } from '../../../io/fileStore.js';
import { pause } from '../../../io/pause.js';
import { lockFolder } from '../folderLock.js';
import { writing } from './writing.js';

/** How often a folder that another process has is asked for again, in ms. */
const retryMs = 250;
/** How long the other process may get nothing, in ms. Node's own limit for the next byte of an answer is five minutes. */
const stillMs = 6 * 60_000;

/**
 * Takes the folder `locks`, which is made where it is missing.
 * @param growing the folder that whoever has it writes to
 * @returns what gives it back
 * @throws CheckpointError when another process has it and has written nothing for six minutes; what the signal is aborted with
 */
export async function waitForFolder(
  locks: string,
  { signal, growing }: { readonly signal: AbortSignal | undefined; readonly growing: string },
): Promise<() => Promise<void>> {
  await writing(locks, () => mkdir(locks, { recursive: true }));
  let there = '';
  for (let waited = 0; ; waited += retryMs) {
    signal?.throwIfAborted();
    const taken = await writing(locks, () => lockFolder(locks)).catch((error: unknown) => {
      if (error instanceof StoreTaken) return error;
      throw error;
    });
    if (!(taken instanceof StoreTaken)) return taken;
    const now = await contentsOf(growing);
    if (now !== there) waited = 0;
    there = now;
    if (waited >= stillMs) {
      throw new CheckpointError(
        `${growing}: another process downloads into it (${taken.found}), and nothing has come for ` +
          `${rounded(stillMs / 60_000)} minutes. End that process, and try again.`,
        { found: taken.found, cause: taken },
      );
    }
    await pause(retryMs, signal);
  }
}

/** Names and sizes of what is in a folder, as a text. */
async function contentsOf(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  const sizes = names.sort().map(async (name) => {
    const found = await stat(join(folder, name)).catch(() => undefined);
    return `${name} ${found?.size}`;
  });
  return (await Promise.all(sizes)).join('\n');
}
