/**
 * A worker of the thread pool: instantiates the kernels over the shared memory, reports, then serves jobs until the
 * pool ends. Bundled on its own and embedded in the library as text, so it imports nothing but the protocol.
 */
import {
  ACTIVE,
  ARGUMENTS,
  assignScratch,
  type Control,
  ENDED,
  EPOCH,
  FAILURE,
  FUNCTION,
  type KernelExports,
  type KernelFunction,
  MESSAGE_BYTES,
  OPEN,
  STATE,
  spin,
  takeChunks,
  viewControl,
  type WorkerInit,
} from './protocol.js';

/** About 20 to 50 microseconds: a training step's next kernel usually comes sooner than a sleeping thread wakes. */
const SPIN_TURNS = 2000;

const scope = globalThis as unknown as {
  onmessage: ((event: { data: WorkerInit }) => void) | null;
  postMessage(message: { ready: true } | { error: string }): void;
};

function reportFailure({ words, message }: Control, error: unknown): void {
  const text = new TextEncoder().encode(String(error)).slice(0, MESSAGE_BYTES);
  if (Atomics.compareExchange(words, FAILURE, 0, Math.max(1, text.length)) === 0) message.set(text);
}

function serve(init: WorkerInit): void {
  const instance = new WebAssembly.Instance(init.module, { env: { memory: init.memory, ...init.globals } });
  const exports = instance.exports as unknown as KernelExports;
  const kernels = init.names.map((name) => exports[name] as KernelFunction);
  const control = viewControl(init.control);
  const { words, args } = control;
  let seen = Atomics.load(words, EPOCH);
  scope.postMessage({ ready: true });
  for (;;) {
    if (!spin(words, EPOCH, seen, SPIN_TURNS)) Atomics.wait(words, EPOCH, seen);
    seen = Atomics.load(words, EPOCH);
    Atomics.add(words, ACTIVE, 1);
    const state = Atomics.load(words, STATE);
    try {
      if (state === OPEN) {
        assignScratch(words, exports, init.thread);
        const kernel = kernels[words[FUNCTION] as number] as KernelFunction;
        takeChunks(words, kernel, Array.from(args.subarray(0, words[ARGUMENTS])));
      }
    } catch (error) {
      reportFailure(control, error);
    }
    if (Atomics.sub(words, ACTIVE, 1) === 1) Atomics.notify(words, ACTIVE);
    if (state === ENDED) return;
  }
}

scope.onmessage = ({ data }) => {
  scope.onmessage = null;
  try {
    serve(data);
  } catch (error) {
    scope.postMessage({ error: String(error) });
  }
};
