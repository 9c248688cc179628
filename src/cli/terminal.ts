import type { Writable } from 'node:stream';

/** Where a command reads and writes: the process's own streams, or a test's. */
export interface Terminal {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Results. */
  readonly stdout: Writable;
  /** Lines for people. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /**
   * Calls `listener` at the first Ctrl-C (or SIGTERM). The second ends the process.
   * @returns a function that stops listening
   */
  onInterrupt(listener: () => void): () => void;
}

export const processTerminal: Terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onInterrupt(listener) {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    const release = () => {
      for (const signal of signals) process.off(signal, interrupted);
    };
    const interrupted = () => {
      release();
      listener();
    };
    for (const signal of signals) process.on(signal, interrupted);
    return release;
  },
};
