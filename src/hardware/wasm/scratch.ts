/** Working memory of a pool's threads: one block, which grows to the most that a call has asked for. */
import type { Allocator } from './allocator.js';

export interface Scratch {
  /** Where it begins; 0 while there is none. */
  readonly pointer: number;
  /** Bytes of each thread. */
  readonly stride: number;
  /** Makes it so large at least. @returns whether it is another block now. @throws LimitError */
  reserve(bytes: number): boolean;
}

export function createScratch(memory: Allocator, threads: number): Scratch {
  let pointer = 0;
  let stride = 0;
  return {
    get pointer() {
      return pointer;
    },
    get stride() {
      return stride;
    },
    reserve(bytes) {
      const wanted = Math.ceil(bytes / 64) * 64;
      if (wanted <= stride) return false;
      if (pointer !== 0) memory.free(pointer);
      pointer = 0;
      stride = 0;
      pointer = memory.allocate(wanted * threads, `working memory of ${threads} threads`);
      stride = wanted;
      return true;
    },
  };
}
