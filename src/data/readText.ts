/** Plain text to training samples of one length. */
import { z } from 'zod';
import { DataError } from '../errors.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import type { Sample } from './batch.js';
import { plainEncoding } from './encodePrompt.js';
import { parseJsonLine } from './jsonLine.js';
import { readSource, sourceName, sourceOption, type TextSource } from './source.js';

/** How text becomes samples. */
export interface ReadTextOptions {
  /** The student's. */
  readonly tokenizer: Tokenizer;
  /** Tokens a sample, at least 2; default 512. */
  readonly length?: number;
}

const readOptions = z.strictObject({
  tokenizer: tokenizerOption,
  length: ranges.integer(2).default(512),
} satisfies Fields<ReadTextOptions>);

/**
 * Plain text for the auxiliary language-modelling loss (the paper takes OpenWebText): documents (separated by blank
 * lines; in `.jsonl` files, the `text` of each line) are joined by EOS and cut into samples of `length` tokens. Every
 * token but a sample's first is predicted. The last, shorter piece is kept when it holds at least two tokens.
 * @throws OptionError; DataError when there is no text or a JSONL line is malformed.
 */
export async function readText(source: TextSource, options: ReadTextOptions): Promise<Sample[]> {
  checkOption('readText', 'source', source, sourceOption);
  const { tokenizer, length } = checkOptions('readText', readOptions, options);
  const name = sourceName(source);
  const separator = tokenizer.eosTokenId;
  if (separator === undefined) throw new DataError('The tokenizer has no EOS token, which must separate documents.');
  const content = await readSource(source);
  const documents = /\.jsonl(\.gz)?$/.test(name) ? jsonDocuments(content, name) : content.split(/\n\s*\n/);
  const encoded = tokenizer.encodeBatch(
    documents.filter((document) => document.trim() !== ''),
    plainEncoding,
  );
  const total = encoded.reduce((sum, ids) => sum + ids.length + 1, 0);
  if (total < 2) throw new DataError(`${name} holds no text.`);
  const stream = new Int32Array(total);
  let at = 0;
  for (const ids of encoded) {
    stream.set(ids, at);
    stream[at + ids.length] = separator;
    at += ids.length + 1;
  }
  const samples: Sample[] = [];
  for (let start = 0; start + 2 <= total; start += length) {
    samples.push({ ids: stream.subarray(start, start + length), promptLength: 1 });
  }
  return samples;
}

function jsonDocuments(content: string, name: string): string[] {
  return content.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const where = `${name}: line ${index + 1}`;
    const { text } = Object(parseJsonLine(line, where)) as { text?: unknown };
    if (typeof text === 'string') return [text];
    throw new DataError(`${where} has no 'text' that is a string.`);
  });
}
