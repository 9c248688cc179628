/** Web workers of the thread pool. */
import type { WorkerHandle, WorkerListeners } from './workers.js';

/** The policy of the page allows no workers of blobs. */
let blobsRefused = false;

/**
 * Starts a web worker that runs the script `source`: as a blob, which needs no file, and where the policy of the page forbids
 * that, from the same script as a file of the package.
 */
export function spawnWorker(source: string, { message, died }: WorkerListeners): WorkerHandle {
  let worker: Worker | undefined;
  let isHeard = false;
  /** Until it is heard that it runs. */
  const posted: unknown[] = [];
  const open = (make: () => Worker, refused: (why: string) => void) => {
    try {
      worker = make();
    } catch (error) {
      // Some browsers throw where a page's policy forbids it.
      return refused(String(error));
    }
    worker.onmessage = ({ data }) => {
      isHeard = true;
      posted.length = 0;
      message(data);
    };
    worker.onerror = (event) => (isHeard ? died : refused)(event.message || 'its script did not load');
    for (const data of posted) worker.postMessage(data);
  };
  const fromFile = (why: string) => {
    blobsRefused = true;
    open(
      () => new Worker(new URL('./poolWorker.js', import.meta.url)),
      (whyNot) =>
        died(
          `neither as a blob (${why}), which a Content-Security-Policy allows with 'worker-src blob:', nor from its file ` +
            `(${whyNot}), which is to be served beside the script that starts it`,
        ),
    );
  };
  if (blobsRefused) fromFile('forbidden by the policy of the page');
  else open(() => workerOfBlob(source), fromFile);
  return {
    post(data) {
      if (!isHeard) posted.push(data);
      worker?.postMessage(data);
    },
    unref: () => {},
    terminate: async () => worker?.terminate(),
    alive: () => true,
  };
}

function workerOfBlob(source: string): Worker {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.addEventListener('message', () => URL.revokeObjectURL(url), { once: true });
  return worker;
}
