/** The API as a handle, over an endpoint at which `serveWorker` listens, and its end. */
import { type Endpoint, wrap } from 'comlink';
import { CompatibilityError, DisposedError } from '../errors.js';
import { version } from '../version.js';
import type { Host } from './host.js';
import { type Connection, connect } from './remote.js';
import type { DistillmWorker } from './startWorker.js';

/** What `openWorker` needs to know of the thread behind its endpoint. */
interface ThreadEnd {
  terminate(): Promise<void>;
  /** Called with what is to be told when the thread ends by itself. */
  onFailure(fail: (error: Error) => void): void;
}

/** The API in the thread behind the endpoint. @throws as `startWorker` */
export async function openWorker(endpoint: Endpoint, { terminate, onFailure }: ThreadEnd): Promise<DistillmWorker> {
  const connection = connect(wrap<Host>(endpoint));
  onFailure(connection.fail);
  const found = await connection.wait(() => connection.host.version());
  if (found !== version) {
    throw new CompatibilityError(
      `startWorker: the script of the worker is of version ${found}, this is ${version}. Serve both of one version.`,
      { found, expected: version },
    );
  }
  const forget = savingWhenHidden(connection);
  const end = async () => {
    forget();
    connection.fail(new DisposedError('The worker was terminated. Start another by startWorker.'));
    await terminate();
  };
  return new Proxy(connection.handle(0), {
    get: (api, name) => (name === 'terminate' || name === Symbol.asyncDispose ? end : Reflect.get(api, name)),
  }) as DistillmWorker;
}

/** A page that is hidden may not come back. Threads without a page have none of these events. */
function savingWhenHidden({ host }: Connection): () => void {
  if (typeof document === 'undefined') return () => {};
  const save = () => void host.saveRuns();
  const changed = () => document.visibilityState === 'hidden' && save();
  document.addEventListener('visibilitychange', changed);
  addEventListener('pagehide', save);
  return () => {
    document.removeEventListener('visibilitychange', changed);
    removeEventListener('pagehide', save);
  };
}
