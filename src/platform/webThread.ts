/**
 * What pages offer behind `#thread`, for `distillm/worker`: the web worker that runs the whole API. `node/thread.ts` has the
 * same names. It is no part of `#platform`, for bundlers make a file of each worker that they find.
 */
import type { Endpoint } from 'comlink';
import { bundledAdvice } from '../bundledAdvice.js';
import type { ThreadHandle } from './thread.js';

/** Starts the script of the worker that runs the whole API; `died` hears that it does not load. */
export function startThread(script: string | URL | undefined, died: (why: string) => void): ThreadHandle {
  const worker =
    script === undefined
      ? startOwnScript()
      : new Worker(sameOrigin(new URL(script, location.href)), { type: 'module', name: 'distillm' });
  // After the first message it is an error in a listener or the like, which ends nothing.
  let isHeard = false;
  worker.addEventListener('message', () => {
    isHeard = true;
  });
  worker.addEventListener('error', ({ message }) => {
    if (!isHeard) died((message || 'its script did not load') + bundledAdvice(script === undefined ? here : ''));
  });
  return { endpoint: worker, terminate: async () => worker.terminate() };
}

/** The address of this script; empty in bundles that know none. */
const here: string = import.meta.url ?? '';

function startOwnScript(): Worker {
  try {
    // As bundlers look for it.
    return new Worker(new URL('./browserWorker.js', import.meta.url), { type: 'module', name: 'distillm' });
  } catch (error) {
    // From a CDN, without a bundler: one must not take this for a second script.
    const name = './browserWorker.js';
    if (!here) throw error;
    return new Worker(sameOrigin(new URL(name, here)), { type: 'module', name: 'distillm' });
  }
}

/** Scripts of workers must be of the page's origin: one of another origin is imported by a script of the page's own. */
function sameOrigin(script: URL): URL | string {
  if (script.origin === location.origin || !/^https?:$/.test(script.protocol)) return script;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(script.href)};`], { type: 'text/javascript' }));
}

/** The end of the line in the worker itself. */
export const ownEndpoint = (): Endpoint => globalThis as unknown as Endpoint;
