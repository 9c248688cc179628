/**
 * The documents of plain text: separated by blank lines; a line each, as the scripts of MiniLLM and DistiLLM write OpenWebText; or
 * the field `text` of records.
 */
import { inWords } from '../inWords.js';
import { Problem } from './jsonLine.js';
import { type RecordCount, readJsonRecords } from './records.js';
import { isJsonLines, type TextSource } from './source.js';
import { readPieces } from './textPieces.js';

/** A document or a part of one. */
export interface DocumentPart {
  readonly text: string;
  /** Whether a document begins with it. */
  readonly begins: boolean;
}

/** What these scripts write for the end of a line in a document, which is a line of the file. */
const lineEnd = '<@x(x!>';

/**
 * The documents of a source, a part of one at a time.
 * @throws DataError as `readPieces` and `readJsonRecords`
 */
export async function* readDocuments(source: TextSource, count: RecordCount): AsyncGenerator<DocumentPart> {
  const documents = isJsonLines(source) ? readJsonRecords(source, documentOf, count) : undefined;
  if (documents) {
    for await (const text of documents) if (text.trim() !== '') yield { text, begins: true };
    return;
  }
  let begins = true;
  let separator: RegExp | undefined;
  for await (const piece of readPieces(source)) {
    separator ??= piece.includes(lineEnd) ? /\r?\n/ : /\n\s*\n/;
    // No piece begins or ends inside white space, which is what separates documents.
    for (const [index, text] of piece.split(separator).entries()) {
      begins ||= index > 0;
      if (text.trim() === '' && begins) continue;
      yield { text: text.replaceAll(lineEnd, '\n'), begins };
      begins = false;
    }
  }
}

function documentOf(value: unknown): string | Problem {
  const { text } = Object(value) as { text?: unknown };
  if (typeof text === 'string') return text;
  return new Problem(` has no 'text' that is a string${text === undefined ? '' : `, found ${inWords(text)}`}`);
}
