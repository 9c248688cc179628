/**
 * Where text comes from: a path, a URL, a File or Blob, or the text or the records themselves; and how it is read, piece
 * by piece, so that a corpus may be larger than memory and larger than the longest string of the engine (512 MiB in V8).
 */
import { CheckpointError, DataError, OptionError } from '../errors.js';
import { isPlainObject } from '../inWords.js';
import { tellingBytes } from '../io/likeness.js';
import { openFile } from '../platform/openFolder.js';
import { refusedOption } from '../requireOption.js';
import { checkOption, hasMethods, special } from '../settings/index.js';

/** Text itself. */
export interface GivenText {
  /** Its content. */
  readonly text: string;
  /** Default 'the given text'. One that ends in `.jsonl` or `.json` is read as such where other text is possible too. */
  readonly name?: string;
}

/** Records as objects: what the lines of a JSON lines file hold. */
export type GivenRecords = readonly object[];

/**
 * A file by path or URL; a File or Blob, as a page's file picker and `fetch` give them (one without a name that ends in
 * `.jsonl` or `.json`, nor a type that says JSON, is plain text where that is possible too); text itself; or records. Gzip is
 * unpacked.
 */
export type TextSource = string | Blob | GivenText | GivenRecords;

/** One source, or several that are read one after the other. */
export type TextSources = TextSource | readonly TextSource[];

/** One of another realm, or of a package, is as good. */
export const isBlob = (source: unknown): source is Blob => hasMethods(source, 'slice', 'arrayBuffer', 'stream');

export const isRecords = (source: unknown): source is GivenRecords =>
  Array.isArray(source) &&
  source.length > 0 &&
  source.every((record) => typeof record === 'object' && record !== null && !Array.isArray(record) && !isBlob(record));

/** A record may have a field `text` too, beside others. */
const isGivenText = (value: unknown): value is GivenText => {
  if (!isPlainObject(value)) return false;
  const { text, name = '', ...others } = value;
  return typeof text === 'string' && typeof name === 'string' && Object.keys(others).length === 0;
};

const isSource = (value: unknown): boolean =>
  typeof value === 'string' ? value !== '' : isBlob(value) || isGivenText(value) || isRecords(value);

/** A list of texts is one of sources, though each could be a record. */
const isList = (value: unknown): value is readonly TextSource[] =>
  Array.isArray(value) && value.length > 0 && value.every(isSource);

export const areSources = (value: unknown): boolean => isSource(value) || isList(value);

const sourcesOption = special<TextSources>(
  "a file's path or URL, a File or Blob, the text itself as { text }, records as a list of objects, or a list of these",
  areSources,
);

/** @throws OptionError for what is no source; of a list that is none, what it lacks or which of its records is none */
export function checkSources(where: string, sources: unknown): void {
  if (Array.isArray(sources)) {
    if (sources.length === 0) {
      throw new OptionError(`${where}: there are no records: the list is empty. Give at least one.`, {
        option: 'sources',
        found: sources,
      });
    }
    const at = Array.from(sources).findIndex((each) => !isSource(each) && !isRecords([each]));
    if (at >= 0 && Array.from(sources).every((each, index) => index === at || !isText(each))) {
      throw refusedOption(where, `record ${at + 1}`, sources[at], 'an object with the fields of a record');
    }
  }
  checkOption(where, 'sources', sources, sourcesOption);
}

/** What is a source by itself, and no record. */
const isText = (value: unknown): boolean => typeof value === 'string' || isBlob(value) || Array.isArray(value);

export const sourcesOf = (sources: TextSources): readonly TextSource[] =>
  isList(sources) ? sources : [sources as TextSource];

export function sourceName(source: TextSource): string {
  if (typeof source === 'string') return source;
  if (isRecords(source)) return 'the given records';
  if (isBlob(source)) return (source as Partial<File>).name || 'the given Blob';
  return (source as GivenText).name ?? 'the given text';
}

/** For messages: "a.jsonl, b.jsonl". */
export const namesOf = (sources: TextSources): string => sourcesOf(sources).map(sourceName).join(', ');

/** Whether a source holds records: by what it is, by its name, or by the type of a Blob. */
export const isJsonLines = (source: TextSource): boolean =>
  isRecords(source) ||
  /\.jsonl?(\.gz)?$/i.test(sourceName(source).replace(/^(https?:[^?#]*)[?#].*/i, '$1')) ||
  (isBlob(source) && /^application\/(x-)?(jsonl?|jsonlines|ndjson)\b/i.test(source.type));

/** Bytes of a file that are read at a time. */
const pieceBytes = 2 ** 22;

/**
 * The bytes of a source in pieces, unpacked where they are gzip, whatever the name. Records come as JSON lines.
 * @param mistaken what is wrong with a file that begins with these bytes, if anything: see likeness.ts
 * @throws DataError for a file that is missing or of another kind, and for gzip that is cut or damaged
 */
export async function* readBytes(
  source: TextSource,
  mistaken: (name: string, beginning: Uint8Array) => string | undefined,
): AsyncGenerator<Uint8Array> {
  if (isRecords(source)) {
    yield* encodedRecords(source);
    return;
  }
  if (typeof source !== 'string' && !isBlob(source)) {
    yield* encoded(source.text);
    return;
  }
  const name = sourceName(source);
  const file = await openParts(source);
  const beginning = await file.read(0, Math.min(file.size, tellingBytes));
  const isPacked = beginning[0] === 0x1f && beginning[1] === 0x8b;
  yield* refusingOthers((piece) => mistaken(name, piece), isPacked ? unpacked(name, piecesOf(file)) : piecesOf(file));
}

/** A file that is read in parts. */
interface Parts {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

async function openParts(source: string | Blob): Promise<Parts> {
  if (typeof source === 'string') {
    const { store, path } = openFile(source);
    return {
      size: await store.size(path).catch(unreadable),
      read: (offset, length) => store.read(path, offset, length).catch(unreadable),
    };
  }
  const read = async (offset: number, length: number) => {
    try {
      return new Uint8Array(await source.slice(offset, offset + length).arrayBuffer());
    } catch (cause) {
      // A file of a page's picker may have been changed or removed since.
      throw new DataError(`${sourceName(source)} cannot be read (${cause}). Choose the file again.`, { cause });
    }
  };
  return { size: source.size, read };
}

/** What a store says of a checkpoint's file, of a data file. */
function unreadable(error: unknown): never {
  if (!(error instanceof CheckpointError)) throw error;
  const { message, found, expected } = error;
  throw new DataError(message, {
    ...(found !== undefined && { found }),
    ...(expected !== undefined && { expected }),
    cause: error,
  });
}

async function* piecesOf({ size, read }: Parts): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < size; at += pieceBytes) yield await read(at, Math.min(pieceBytes, size - at));
}

/** The pieces, once the first of them looks like text. @throws DataError */
async function* refusingOthers(
  mistaken: (beginning: Uint8Array) => string | undefined,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const piece of pieces) {
    const other = first ? mistaken(piece) : undefined;
    if (other !== undefined) throw new DataError(other);
    first = false;
    yield piece;
  }
}

/** @throws DataError when the archive is cut or damaged, with the bytes that could be unpacked */
async function* unpacked(
  name: string,
  pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let failure: unknown;
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        failure = error;
        controller.error(error);
      }
    },
    cancel: () => void pieces.return(undefined),
  });
  const reader = packed.pipeThrough(new DecompressionStream('gzip')).getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.byteLength;
      yield value as Uint8Array<ArrayBuffer>;
    }
  } catch (cause) {
    if (failure !== undefined) throw failure;
    throw notWhole(name, bytes, cause as Error);
  } finally {
    // A reader that has seen enough: the file is closed.
    await reader.cancel().catch(() => {});
  }
}

function notWhole(name: string, bytes: number, cause: Error): DataError {
  // Node's own error may be empty, with the reason as its cause.
  const why = [cause, cause.cause].find((each): each is Error => each instanceof Error && each.message !== '');
  const what = /junk/i.test(why?.message ?? '')
    ? 'several archives one after the other, or other bytes after its end, of which only the first archive is read. ' +
      'Unpack it first (gunzip).'
    : `cut or damaged after ${bytes} bytes of its content${why ? ` (${why.message})` : ''}. Download or copy it again.`;
  return new DataError(`${name}: the gzip archive is ${what}`, { found: bytes, cause });
}

/** Characters of a given text that are encoded at a time. */
const pieceLength = 2 ** 20;

function* encoded(text: string): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let at = 0; at < text.length; ) {
    const end = wholeCharacters(text, Math.min(text.length, at + pieceLength));
    yield encoder.encode(text.slice(at, end));
    at = end;
  }
}

function* encodedRecords(records: GivenRecords): Generator<Uint8Array> {
  let lines = '';
  for (const [index, record] of records.entries()) {
    try {
      lines += `${JSON.stringify(record)}\n`;
    } catch (cause) {
      const why = (cause as Error).message.split('\n')[0];
      throw new DataError(`${sourceName(records)}: record ${index + 1} is nothing that JSON can hold (${why}).`, {
        cause,
      });
    }
    if (lines.length < pieceLength) continue;
    yield* encoded(lines);
    lines = '';
  }
  yield* encoded(lines);
}

/** `end`, or one more where it would split a pair of surrogates. */
export const wholeCharacters = (text: string, end: number): number =>
  /[\ud800-\udbff]/.test(text[end - 1] ?? '') && /[\udc00-\udfff]/.test(text[end] ?? '') ? end + 1 : end;
