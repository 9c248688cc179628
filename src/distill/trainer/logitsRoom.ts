/**
 * How many logits are in memory at once. It is the one part of a step's memory that can be made smaller without changing
 * the run, so where a GPU has no memory left, a step is tried again with half as many.
 */
import type { Device } from '../../backend/backend.js';
import { LimitError } from '../../errors.js';

/** Bytes of a chunk of logits on devices that had no room for what they prefer. */
const rooms = new WeakMap<Device, number>();
/** Smaller chunks save nothing that counts beside the rest of a step. */
const leastBytes = 2 ** 20;

/**
 * Does `work` with chunks of logits that fit the device. On WebAssembly memory is what it is: `work` is done once, so that
 * its bits depend on no accident.
 * @param work may be done again, from its beginning, when a GPU ran out of memory
 * @throws LimitError of the first try, where smaller chunks do not help
 */
export async function withLogitsRoom<T>(device: Device, work: (chunkBytes: number) => Promise<T>): Promise<T> {
  let first: LimitError | undefined;
  for (let bytes = rooms.get(device) ?? device.info.preferredLogitsBytes; ; bytes /= 2) {
    try {
      const result = await work(bytes);
      if (first) rooms.set(device, bytes);
      return result;
    } catch (error) {
      if (!(error instanceof LimitError) || device.info.kind !== 'webgpu' || device.isMeta) throw error;
      first ??= error;
      if (bytes / 2 < leastBytes) throw first;
    }
  }
}
