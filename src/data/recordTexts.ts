/**
 * The records of a file as texts, read piece by piece: a line each, the elements of one JSON array, as Alpaca's data are
 * published, or objects that are spread over many lines, as the tasks of Super-NaturalInstructions are. No more than a record
 * is held whole.
 */
import { counted, DataError, formatBytes } from '../errors.js';
import { concatenate } from '../io/concatenate.js';
import { mistaken } from '../io/likeness.js';
import { type Line, lineIn, linesOf, longestLine } from './lines.js';
import { peek } from './peek.js';
import { isRecords, readBytes, sourceName, type TextSource } from './source.js';

/** Records that come together. */
interface RecordTexts {
  /** What their numbers count, for messages. */
  readonly place: 'line' | 'record';
  readonly lines: readonly Line[];
}

/** @throws DataError as `readBytes`; for JSON that does not end, and for what stands beside it */
export async function* readRecordTexts(source: TextSource): AsyncGenerator<RecordTexts> {
  const bytes = readBytes(source, (name, beginning) => mistaken(name, beginning, 'JSON lines'));
  for await (const { place, lines } of recordTextsOf(sourceName(source), bytes)) {
    yield { place: isRecords(source) ? 'record' : place, lines };
  }
}

/** The same of bytes, in whatever pieces they come. */
export async function* recordTextsOf(name: string, bytes: AsyncGenerator<Uint8Array>): AsyncGenerator<RecordTexts> {
  const { beginning, pieces } = await peek(bytes, (begun) => formOf(begun) !== undefined);
  const form = formOf(beginning) ?? 'lines';
  const place = form === 'lines' ? 'line' : 'record';
  const texts = {
    lines: () => linesOf(pieces),
    array: () => elementsOf(name, pieces),
    objects: () => objectsOf(name, pieces),
  };
  for await (const lines of texts[form]()) yield { place, lines };
}

const [space, tab, newline, carriageReturn] = [0x20, 0x09, 0x0a, 0x0d];
const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number) => byte === space || byte === newline || byte === tab || byte === carriageReturn;
/** Of a byte order mark. */
const mark = [0xef, 0xbb, 0xbf];

/**
 * How the records of a file stand in it, by its first bytes: an array begins with a bracket, an object over many lines with a
 * brace that is alone on its line.
 * @returns undefined where too few bytes are there to tell
 */
function formOf(beginning: Uint8Array): 'lines' | 'array' | 'objects' | undefined {
  const at = beginning.findIndex((byte) => !isSpace(byte) && !mark.includes(byte));
  if (at < 0) return undefined;
  if (beginning[at] === openList) return 'array';
  if (beginning[at] !== openObject) return 'lines';
  const next = beginning.subarray(at + 1).find((byte) => !isSpace(byte) || byte === newline);
  return next === undefined ? undefined : next === newline ? 'objects' : 'lines';
}

/** Follows JSON byte by byte: how deep in lists and objects it is, and what is text in quotes. */
class Nesting {
  depth = 0;
  #inString = false;
  #escaped = false;

  /** Takes the next byte. @returns whether it is one of structure: not of a text, and no white space */
  take(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inString = false;
      return false;
    }
    if (isSpace(byte)) return false;
    if (byte === quote) this.#inString = true;
    else if (byte === openList || byte === openObject) this.depth++;
    else if (byte === closeList || byte === closeObject) this.depth--;
    return true;
  }
}

/** A record that is read over several pieces. One that is too long is counted, and not kept. */
class RecordBytes {
  readonly #longest: number;
  #begun: Uint8Array[] = [];
  #bytes = 0;

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Bytes of a record whose end has not been read. */
  add(part: Uint8Array): void {
    if (this.#bytes <= this.#longest) this.#begun.push(part.slice());
    this.#bytes += part.length;
  }

  /** @returns undefined for white space */
  end(part: Uint8Array, number: number): Line | undefined {
    const bytes = this.#bytes + part.length;
    const line: Line | undefined =
      bytes > this.#longest
        ? { number, problem: `it has ${formatBytes(bytes)}, expected at most ${formatBytes(this.#longest)}` }
        : lineIn(concatenate([...this.#begun, part]), number);
    this.#begun = [];
    this.#bytes = 0;
    return line;
  }
}

async function* elementsOf(name: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  const element = new RecordBytes(longestLine);
  const nesting = new Nesting();
  let number = 1;
  let ended = false;
  for await (const piece of pieces) {
    const lines: Line[] = [];
    let from = 0;
    const finish = (end: number, isLast: boolean) => {
      const line = element.end(piece.subarray(from, end), number);
      if (line) lines.push(line);
      else if (!(isLast && number === 1))
        lines.push({ number, problem: 'there is nothing between two commas, expected a record' });
      number++;
    };
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] as number;
      const { depth } = nesting;
      if (!nesting.take(byte)) continue;
      if (ended) throw more(name, 'the JSON array', 'one array');
      if (depth === 0 && nesting.depth === 1) from = at + 1;
      else if (depth === 1 && nesting.depth === 0) {
        finish(at, true);
        ended = true;
      } else if (byte === comma && depth === 1) {
        finish(at, false);
        from = at + 1;
      }
    }
    if (!ended && nesting.depth > 0) element.add(piece.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (!ended) throw unended(name, 'the JSON array', number - 1);
}

/** Bytes of an object over many lines, which may be all that a file has. */
const longestObject = 2 ** 28;

async function* objectsOf(name: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  const object = new RecordBytes(longestObject);
  const nesting = new Nesting();
  let number = 1;
  for await (const piece of pieces) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] as number;
      const { depth } = nesting;
      if (!nesting.take(byte)) continue;
      if (depth === 0) {
        const isMark = number === 1 && mark.includes(byte);
        if (byte !== openObject && !isMark) throw more(name, `record ${number - 1}`, 'JSON objects');
        from = at;
      } else if (nesting.depth === 0) {
        const line = object.end(piece.subarray(from, at + 1), number++);
        if (line) lines.push(line);
      }
    }
    if (nesting.depth > 0) object.add(piece.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (nesting.depth > 0) throw unended(name, 'a JSON object', number - 1);
}

const unended = (name: string, what: string, whole: number) =>
  new DataError(
    `${name}: ${what} does not end: the file is cut, after ${counted(whole, 'whole record')}, or a bracket is missing. ` +
      'Download or write it again.',
    { found: whole },
  );

const more = (name: string, after: string, expected: string) =>
  new DataError(`${name}: something stands after the end of ${after}, expected ${expected}, or one object a line.`);
