/**
 * What Node offers behind `#thread`, for `distillm/worker`: the worker thread that runs the whole API, and the end of the line
 * to it as comlink uses one.
 */
import { type MessagePort, parentPort, type TransferListItem, Worker } from 'node:worker_threads';
import type { Endpoint } from 'comlink';
import { DeviceError } from '../../errors.js';
import type { ThreadHandle } from '../thread.js';

/** Starts the script of the worker; `died` hears of its end, `terminate` included. */
export function startThread(script: string | URL | undefined, died: (why: string) => void): ThreadHandle {
  const worker = new Worker(script ?? new URL('./nodeWorker.js', import.meta.url), { name: 'distillm' });
  worker.on('error', (error) => died(String(error)));
  worker.on('exit', (code) => died(`exit code ${code}`));
  return { endpoint: endpointOf(worker), terminate: async () => void (await worker.terminate()) };
}

/** The end of the line in the worker itself. @throws DeviceError in the main thread */
export function ownEndpoint(): Endpoint {
  if (parentPort) return endpointOf(parentPort);
  throw new DeviceError('This is the script of a worker: start it by startWorker of distillm/worker.');
}

function endpointOf(port: MessagePort | Worker): Endpoint {
  const heard = new Map<EventListenerOrEventListenerObject, (data: unknown) => void>();
  return {
    postMessage: (message: unknown, transfer: Transferable[] = []) =>
      port.postMessage(message, transfer as unknown as TransferListItem[]),
    addEventListener(_, listener) {
      const hear = (data: unknown) => {
        const event = { data } as MessageEvent;
        if ('handleEvent' in listener) listener.handleEvent(event);
        else listener(event);
      };
      heard.set(listener, hear);
      port.on('message', hear);
    },
    removeEventListener(_, listener) {
      const hear = heard.get(listener);
      heard.delete(listener);
      if (hear) port.off('message', hear);
    },
  };
}
