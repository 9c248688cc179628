/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The whole API of `distillm`, `distillm/report` and `distillm/testing`, run by a worker: a web worker in pages, a worker thread
 * in Node. The page stays responsive while a model is trained.
 * @module distillm/worker
 */

export { type DistillmWorker, startWorker, type WorkerOptions } from '../worker/startWorker.js';
export { transferred } from '../worker/transferred.js';
export type { Call, Member, Received, Remote, RemoteSamples, Sent } from '../worker/types.js';
