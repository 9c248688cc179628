/** How much a browser lets a site keep: what is refused before it is asked for, and where the browser takes no more. */
import { CheckpointError, formatBytes } from '../../errors.js';

const advice = 'Free some: by clearing data of this site, or space on the disk.';

/** What the browser says, if not to the byte; nothing where it does not. */
const estimate = async (): Promise<StorageEstimate> =>
  (await navigator.storage.estimate?.().catch(() => undefined)) ?? {};

/** @param what names what is to come, for messages. @throws CheckpointError where so many bytes more have no room */
export async function requireRoom(bytes: number, what: string): Promise<void> {
  const { usage = 0, quota = Infinity } = await estimate();
  const room = Math.max(0, quota - usage);
  if (bytes <= room) return;
  throw new CheckpointError(
    `${what}: ${formatBytes(bytes)} are to come, and the browser gives the site ${formatBytes(room)} more (it holds ` +
      `${formatBytes(usage)} of ${formatBytes(quota)}). ${advice}`,
    { found: room, expected: bytes },
  );
}

/** Why a file could not be written, where the browser says that its quota is exceeded. */
export async function noRoom(where: string, cause: unknown): Promise<CheckpointError> {
  const { usage, quota } = await estimate();
  const room = quota === undefined ? '' : ` (it holds ${formatBytes(usage ?? 0)} of ${formatBytes(quota)})`;
  return new CheckpointError(`${where}: the browser gives the site no more room${room}. ${advice}`, {
    ...{ found: usage, expected: quota, cause },
  });
}
