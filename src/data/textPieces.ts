/**
 * Plain text in pieces of about a million characters. A piece ends before a space that follows a word: there every
 * byte-level tokenizer ends a token too, so that the ids of the pieces are those of the whole.
 */
import { DataError } from '../errors.js';
import { mistakenForText } from '../io/likeness.js';
import { firstInvalid, notUtf8 } from '../io/utf8.js';
import { readBytes, sourceName, type TextSource, wholeCharacters } from './source.js';

/** Characters of a piece at most. */
const longest = 2 ** 20;

/**
 * The text of a source in pieces, without a byte order mark. A million characters without a space or an end of a line
 * are split where they are.
 * @throws DataError for a file that is missing or of another kind, and for text that is not UTF-8, with
 * the line
 */
export async function* readPieces(source: TextSource): AsyncGenerator<string> {
  let pending = '';
  for await (const text of decoded(source)) {
    pending += text;
    while (pending.length > longest) {
      const end = splitBefore(pending);
      yield pending.slice(0, end);
      pending = pending.slice(end);
    }
  }
  if (pending !== '') yield pending;
}

/** Where a piece of a longer text may end. */
function splitBefore(text: string): number {
  for (const end of [' ', '\n']) {
    for (let i = longest; i > longest / 2; i--) {
      if (text[i] === end && !/\s/.test(text[i - 1] as string)) return i;
    }
  }
  return wholeCharacters(text, longest);
}

/** Bytes that a character may lack at the end of a piece. */
const mostMissing = 3;

/** The text of each piece of bytes; what is left of a character goes to the next. */
async function* decoded(source: TextSource): AsyncGenerator<string> {
  const name = sourceName(source);
  let rest = new Uint8Array(0);
  let before = 0;
  let lines = 0;
  const decode = (bytes: Uint8Array): string => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: before > 0 }).decode(bytes);
    } catch (cause) {
      const other = before === 0 ? mistakenForText(name, bytes) : undefined;
      throw new DataError(other ?? `${name}: ${notUtf8(bytes, { lines, before })}`, { cause });
    }
  };
  for await (const piece of readBytes(source, mistakenForText)) {
    let bytes = piece;
    if (rest.length > 0) {
      bytes = new Uint8Array(rest.length + piece.length);
      bytes.set(rest);
      bytes.set(piece, rest.length);
    }
    const end = bytes.length - unfinished(bytes);
    yield decode(bytes.subarray(0, end));
    for (let i = 0; i < end; i++) if (bytes[i] === 0x0a) lines++;
    before += end;
    rest = bytes.slice(end);
  }
  if (rest.length > 0) yield decode(rest);
}

/** Bytes at the end that begin a character and do not finish it. */
function unfinished(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(mostMissing, bytes.length); count++) {
    const byte = bytes[bytes.length - count] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return firstInvalid(bytes.subarray(bytes.length - count)) === count ? 0 : count;
  }
  return 0;
}
