import { peek } from './peek.js';
import { readBytes, type TextSource } from './source.js';

/** A file of JSON begins with an object, or with a list of objects. A line of text may begin with a bracket. */
const json = /^(?:\ufeff|\s)*(?:\{|\[\s*\{)/;
/** Bytes that tell. */
const telling = 256;

/** Whether a file that begins so holds JSON. */
export const beginsAsJson = (beginning: Uint8Array): boolean =>
  json.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(beginning.subarray(0, telling)));

/** Looks at the beginning of a source, packed or not. @throws DataError as `readBytes` */
export async function looksLikeJson(source: TextSource): Promise<boolean> {
  const bytes = readBytes(source, () => undefined);
  try {
    return beginsAsJson((await peek(bytes, (begun) => begun.length >= telling)).beginning);
  } finally {
    await bytes.return(undefined);
  }
}
