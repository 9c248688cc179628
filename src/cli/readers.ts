/**
 * What happens when nobody reads the output any more: its reader has ended (`| head`, a `tee` that Ctrl-C ended as well),
 * or the terminal is gone. Lines for people are dropped then. Results are what most commands are for, and those end; a
 * training goes on to its end, as it would with its output in a file.
 */
import type { Writable } from 'node:stream';
import { systemReason } from '../systemReason.js';

type Output = Writable & { readonly isTTY?: boolean };

/** A pipe or a socket without a reader; EIO is a terminal that is gone, but of a file a broken disk. */
const isUnread = (code: string | undefined, { isTTY }: Output): boolean =>
  code === 'EPIPE' || code === 'ECONNRESET' || (code === 'EIO' && isTTY === true);

/**
 * Watches the two streams, which throw as events.
 * @param end ends the process: with its usual code after a reader that has seen enough, with `failed` otherwise
 * @returns a function after which the process outlives the readers of its results
 */
export function watchReaders(
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
  end: (how?: 'failed') => void,
): () => void {
  let outlives = false;
  stderr.on('error', () => {});
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isUnread(error.code, stdout)) {
      stderr.write(`distillm: the output cannot be written: ${systemReason(error)}\n`);
      end('failed');
    } else if (!outlives) end();
  });
  return () => {
    outlives = true;
  };
}
