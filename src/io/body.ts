/**
 * Bodies of a server's answers. A server may send without end, and a short packed answer may be a long one: what is read
 * has a limit, and no more than that is ever held.
 */
import { concatenate } from './concatenate.js';

interface BodyReading {
  /** Bytes after unpacking that are taken at most. */
  readonly most: number;
  /** The error where more come. */
  readonly tooLong: () => Error;
  /** The error where the connection is lost. */
  readonly cut: (cause: unknown) => Error;
  /** Told of each part's bytes. */
  readonly onPart?: ((bytes: number) => void) | undefined;
}

/** All of a body. @throws the errors that are given */
export async function readBody(
  response: Response,
  { most, tooLong, cut, onPart }: BodyReading,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.body) return new Uint8Array(0);
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw cut(cause);
      });
      if (done) return concatenate(parts);
      bytes += value.byteLength;
      if (bytes > most) throw tooLong();
      parts.push(value);
      onPart?.(value.byteLength);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
