/** A pool whose threads have nothing to do: calls take the working memory that they would take, and compute nothing. */
import type { Allocator } from './allocator.js';
import type { ThreadPool } from './pool.js';
import { createScratch } from './scratch.js';

/** @param exports those of the real pool, which say how much working memory a kernel needs */
export function createIdlePool({ threads, exports }: ThreadPool, memory: Allocator): ThreadPool {
  const scratch = createScratch(memory, threads);
  return {
    threads,
    exports,
    parallel(_name, _args, _total, _grain, scratchBytes = 0) {
      scratch.reserve(scratchBytes);
    },
    call() {},
    async dispose() {},
  };
}
