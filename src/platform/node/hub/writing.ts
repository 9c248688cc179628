/** Errors of the file system, where files of the cache are written, as errors that say what to do. */
import { CheckpointError } from '../../../errors.js';
import { isSystemError, systemReason } from '../../../systemReason.js';

/** @throws CheckpointError that says what the system refuses */
export async function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new CheckpointError(`${path}: cannot be written: ${systemReason(cause)}`, { cause });
  }
}
