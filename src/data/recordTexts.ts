/**
 * The records of a file as texts, read piece by piece: a line each, or the elements of one JSON array, as Alpaca's data are
 * published. No more than a record is held whole.
 */
import { counted, DataError, formatBytes } from '../errors.js';
import { concatenate } from '../io/concatenate.js';
import { mistaken } from '../io/likeness.js';
import { type Line, lineIn, linesOf, longestLine } from './lines.js';
import { isRecords, readBytes, sourceName, type TextSource } from './source.js';

/** Records that come together. */
interface RecordTexts {
  /** What their numbers count, for messages. */
  readonly place: 'line' | 'record';
  readonly lines: readonly Line[];
}

/** @throws DataError as `readBytes`; for an array that does not end, and for what stands after one */
export async function* readRecordTexts(source: TextSource): AsyncGenerator<RecordTexts> {
  const bytes = readBytes(source, (name, beginning) => mistaken(name, beginning, 'JSON lines'));
  for await (const { place, lines } of recordTextsOf(sourceName(source), bytes)) {
    yield { place: isRecords(source) ? 'record' : place, lines };
  }
}

/** The same of bytes, in whatever pieces they come. */
export async function* recordTextsOf(name: string, bytes: AsyncGenerator<Uint8Array>): AsyncGenerator<RecordTexts> {
  const { isArray, pieces } = await begin(bytes);
  const place = isArray ? 'record' : 'line';
  for await (const lines of isArray ? elementsOf(name, pieces) : linesOf(pieces)) yield { place, lines };
}

const [space, tab, newline, carriageReturn] = [0x20, 0x09, 0x0a, 0x0d];
const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number) => byte === space || byte === newline || byte === tab || byte === carriageReturn;
/** Of a byte order mark. */
const mark = [0xef, 0xbb, 0xbf];

/** Whether the first byte that is no white space begins an array; and all the bytes. */
async function begin(all: AsyncGenerator<Uint8Array>) {
  const begun: Uint8Array[] = [];
  let first: number | undefined;
  while (first === undefined) {
    const { done, value } = await all.next();
    if (done) break;
    begun.push(value);
    first = value.find((byte) => !isSpace(byte) && !mark.includes(byte));
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
  return { isArray: first === openList, pieces: pieces() };
}

async function* elementsOf(name: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  /** What has been read of an element whose end has not. */
  let begun: Uint8Array[] = [];
  let bytes = 0;
  let number = 1;
  let depth = 0;
  let inString = false;
  let escaped = false;
  let ended = false;
  for await (const piece of pieces) {
    const lines: Line[] = [];
    let from = 0;
    const finish = (end: number, isLast: boolean) => {
      bytes += end - from;
      const line =
        bytes > longestLine
          ? { number, problem: `it has ${formatBytes(bytes)}, expected at most ${formatBytes(longestLine)}` }
          : lineIn(concatenate([...begun, piece.subarray(from, end)]), number);
      if (line) lines.push(line);
      else if (!(isLast && number === 1))
        lines.push({ number, problem: 'there is nothing between two commas, expected a record' });
      begun = [];
      bytes = 0;
      number++;
    };
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] as number;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
      } else if (isSpace(byte)) continue;
      else if (ended) throw more(name);
      else if (byte === quote) inString = true;
      else if (byte === openList || byte === openObject) {
        depth++;
        if (depth === 1) from = at + 1;
      } else if (byte === closeList || byte === closeObject) {
        depth--;
        if (depth > 0) continue;
        finish(at, true);
        ended = true;
      } else if (byte === comma && depth === 1) {
        finish(at, false);
        from = at + 1;
      }
    }
    if (!ended && depth > 0) {
      // Of an element that is too long already only its length is of interest.
      if (bytes <= longestLine) begun.push(piece.slice(from));
      bytes += piece.length - from;
    }
    if (lines.length > 0) yield lines;
  }
  if (!ended) {
    throw new DataError(
      `${name}: the JSON array does not end: the file is cut, after ${counted(number - 1, 'whole record')}, or a bracket is missing. ` +
        'Download or write it again.',
      { found: number - 1 },
    );
  }
}

const more = (name: string) =>
  new DataError(`${name}: something stands after the end of the JSON array, expected one array, or one object a line.`);
