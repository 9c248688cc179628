/** A queue whose commands go nowhere: what is read is zeros. Submissions trim the pool, as real ones do. */
import type { BufferPool } from './bufferPool.js';
import type { CommandQueue } from './commandQueue.js';

export const createIdleQueue = (pool: BufferPool): Omit<CommandQueue, 'dispatch'> => ({
  write() {},
  copy() {},
  clear() {},
  async read(_buffer, _byteOffset, byteLength) {
    pool.trim();
    return new ArrayBuffer(byteLength);
  },
  submit() {
    pool.trim();
  },
  ranOut() {},
  async finish() {
    pool.trim();
  },
  whyLost: async () => undefined,
  counts: () => ({ submissions: 0, dispatches: 0, bindGroups: 0 }),
  dispose() {},
});
