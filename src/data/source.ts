/**
 * Where text comes from: a path, a URL, or the text itself; and how it is read, piece by piece, so that a corpus may be
 * larger than memory and larger than the longest string of the engine (512 MiB in V8).
 */
import { DataError } from '../errors.js';
import type { FileStore } from '../io/fileStore.js';
import { mistaken, tellingBytes } from '../io/likeness.js';
import { openFile } from '../platform/openFolder.js';
import { special } from '../settings/index.js';

/** A file by path or URL (gzip is unpacked), or text itself with a name. */
export type TextSource =
  | string
  | {
      /** Its content. */
      readonly text: string;
      /** Default 'the given text'. One that ends in `.jsonl` is read as such where other text is possible too. */
      readonly name?: string;
    };

/** One source, or several that are read one after the other. */
export type TextSources = TextSource | readonly TextSource[];

const isSource = (value: unknown): boolean => {
  if (typeof value === 'string') return value !== '';
  const { text, name = '' } = Object(value) as { text?: unknown; name?: unknown };
  return typeof text === 'string' && typeof name === 'string';
};

export const areSources = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 && value.every(isSource) : isSource(value);

/** Takes one source or several, for options and arguments. */
export const sourcesOption = special<TextSources>(
  "a file's path or URL, the text itself as { text }, or a list of these",
  areSources,
);

export const sourcesOf = (sources: TextSources): readonly TextSource[] =>
  Array.isArray(sources) ? (sources as readonly TextSource[]) : [sources as TextSource];

export const sourceName = (source: TextSource): string =>
  typeof source === 'string' ? source : (source.name ?? 'the given text');

/** For messages: "a.jsonl, b.jsonl". */
export const namesOf = (sources: TextSources): string => sourcesOf(sources).map(sourceName).join(', ');

/** Whether a source holds JSON lines, by its name. */
export const isJsonLines = (source: TextSource): boolean =>
  /\.jsonl(\.gz)?$/i.test(sourceName(source).replace(/^(https?:[^?#]*)[?#].*/i, '$1'));

/** Bytes of a file that are read at a time. */
const pieceBytes = 2 ** 22;

/**
 * The bytes of a source in pieces, unpacked where they are gzip, whatever the name.
 * @param expected what the file should be, for messages: "JSON lines"
 * @throws CheckpointError for a missing file; DataError for a file of another kind, and for gzip that is cut or damaged
 */
export async function* readBytes(source: TextSource, expected: string): AsyncGenerator<Uint8Array> {
  if (typeof source !== 'string') {
    yield* encoded(source.text);
    return;
  }
  const { store, path } = openFile(source);
  const beginning = await store.read(path, 0, Math.min(await store.size(path), tellingBytes));
  if (beginning[0] === 0x1f && beginning[1] === 0x8b) {
    yield* refusingOthers(source, expected, unpacked(source, piecesOf(store, path)));
  } else {
    yield* refusingOthers(source, expected, piecesOf(store, path));
  }
}

async function* piecesOf(store: FileStore, path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const size = await store.size(path);
  for (let at = 0; at < size; at += pieceBytes) yield await store.read(path, at, Math.min(pieceBytes, size - at));
}

/** The pieces, once the first of them looks like text. @throws DataError */
async function* refusingOthers(
  name: string,
  expected: string,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const piece of pieces) {
    const other = first ? mistaken(name, piece, expected) : undefined;
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

/** `end`, or one more where it would split a pair of surrogates. */
export const wholeCharacters = (text: string, end: number): number =>
  /[\ud800-\udbff]/.test(text[end - 1] ?? '') && /[\udc00-\udfff]/.test(text[end] ?? '') ? end + 1 : end;
