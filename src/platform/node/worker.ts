/** Worker threads of Node behind the interface of web workers, so that one worker script serves both. */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { WorkerHandle, WorkerListeners } from '../workers.js';

/**
 * Runs before the worker's script: defines the two globals of a web worker, and stores the number by which Linux knows
 * the thread.
 */
const WORKER_START = `
const { parentPort, workerData } = require('node:worker_threads');
try {
  workerData[0] = Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').pop());
} catch {}
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => globalThis.onmessage?.({ data }));
`;

/** Starts a worker that runs the script `source`, written for web workers. */
export function spawnWorker(source: string, { message, died }: WorkerListeners): WorkerHandle {
  const thread = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(WORKER_START + source, { eval: true, execArgv: [], workerData: thread });
  worker.on('message', message);
  worker.on('error', (error) => died(String(error)));
  worker.on('exit', (code) => died(`exit code ${code}`));
  return {
    post: (data) => worker.postMessage(data),
    unref: () => worker.unref(),
    terminate: async () => void (await worker.terminate()),
    alive: () => thread[0] === 0 || existsSync(`/proc/self/task/${thread[0]}`),
  };
}
