/** The thread that runs the whole API, as `distillm/worker` needs it, of Node or of the web. */
import type { Endpoint } from 'comlink';

export interface ThreadHandle {
  /** The end of the line to it. */
  readonly endpoint: Endpoint;
  terminate(): Promise<void>;
}
