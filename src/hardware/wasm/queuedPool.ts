/** A pool whose calls take turns with the event loop, see workQueue.ts. */
import type { OpenPool, ThreadPool } from './pool.js';
import type { WorkQueue } from './workQueue.js';

export const queuedPool = ({ threads, exports, prepare, call, dispose }: OpenPool, queue: WorkQueue): ThreadPool => ({
  ...{ threads, exports, dispose },
  parallel: (...given) => queue.do(prepare(...given)),
  call(name, args) {
    queue.do(() => {
      call(name, args);
      return true;
    });
  },
});
