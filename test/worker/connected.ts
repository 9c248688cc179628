/** Both sides of the worker's API in one thread, with a message channel between them. */
import { expose, wrap } from 'comlink';
import { createHost, type Host } from '../../src/worker/host.js';
import { type Connection, connect } from '../../src/worker/remote.js';
import type { Member } from '../../src/worker/types.js';

/** The functions of an API of the test's own, as the page has them. */
export type Functions<Api> = { readonly [Name in keyof Api]: Member<Api[Name]> };

export interface Connected<Api> {
  readonly api: Functions<Api>;
  readonly connection: Connection;
  close(): void;
}

export function connectTo<Api extends object>(api: Api): Connected<Api> {
  const { port1, port2 } = new MessageChannel();
  expose(createHost(api, '1'), port1);
  const connection = connect(wrap<Host>(port2));
  return { api: connection.handle(0) as Functions<Api>, connection, close: () => port1.close() };
}
