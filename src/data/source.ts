/** Where text comes from: a path, a URL, or the text itself. */
import { DataError } from '../errors.js';
import { openFolder } from '../platform/openFolder.js';
import { special } from '../settings/index.js';

/** A file by path or URL (`.gz` is unpacked), or text itself with a name. */
export type TextSource =
  | string
  | {
      /** Its content. */
      readonly text: string;
      /** Default 'the given text'. One that ends in `.jsonl` is read as such where other text is possible too. */
      readonly name?: string;
    };

export const isSource = (value: unknown): boolean => {
  if (typeof value === 'string') return value !== '';
  const { text, name = '' } = Object(value) as { text?: unknown; name?: unknown };
  return typeof text === 'string' && typeof name === 'string';
};

/** Takes a source, for options and arguments. */
export const sourceOption = special<TextSource>("a file's path or URL, or the text itself as { text }", isSource);

export const sourceName = (source: TextSource): string =>
  typeof source === 'string' ? source : (source.name ?? 'the given text');

/** The text of a source, without a byte order mark. @throws CheckpointError, DataError when it is not UTF-8. */
export async function readSource(source: TextSource): Promise<string> {
  if (typeof source !== 'string') return source.text.replace(/^\ufeff/, '');
  const cut = source.lastIndexOf('/') + 1;
  const bytes = await openFolder(source.slice(0, cut) || '.').read(source.slice(cut));
  const stream = new Blob([bytes]).stream();
  try {
    const plain = source.endsWith('.gz') ? stream.pipeThrough(new DecompressionStream('gzip')) : stream;
    return new TextDecoder('utf-8', { fatal: true }).decode(await new Response(plain).arrayBuffer());
  } catch (cause) {
    throw new DataError(`${source}: not ${source.endsWith('.gz') ? 'gzip of ' : ''}UTF-8 text. Convert it to UTF-8.`, {
      cause,
    });
  }
}
