/** The beginning of bytes that come in pieces, without losing them for who reads on. */
import { concatenate } from '../io/concatenate.js';

/**
 * Reads pieces until `enough` is true of all of them together, or to their end.
 * @returns what was looked at, and all the bytes
 */
export async function peek(
  all: AsyncGenerator<Uint8Array>,
  enough: (beginning: Uint8Array) => boolean,
): Promise<{ readonly beginning: Uint8Array; readonly pieces: AsyncGenerator<Uint8Array> }> {
  const begun: Uint8Array[] = [];
  let beginning: Uint8Array = new Uint8Array(0);
  while (!enough(beginning)) {
    const { done, value } = await all.next();
    if (done) break;
    begun.push(value);
    beginning = begun.length === 1 ? value : concatenate(begun);
  }
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      yield* begun;
      yield* all;
    } finally {
      // A reader that has seen enough while the first pieces were read: the file is closed.
      await all.return(undefined);
    }
  }
  return { beginning, pieces: pieces() };
}
