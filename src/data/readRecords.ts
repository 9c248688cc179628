/** The records of data files one by one, whatever their form, for programs that look at them or write them anew. */
import * as z from 'zod';
import { checkOptions } from '../settings/index.js';
import type { ChatMessage } from './chat/messages.js';
import { type AskedRecord, type ReadRecordsOptions, readQuestions, recordFields } from './instructions.js';
import type { Question } from './question.js';
import { type Place, placeInWords } from './records.js';
import { checkSources, type TextSources } from './source.js';

/** What a record asks, with its answers, if it has some. */
export interface DataQuestion extends Question {
  /** Where it stands in its file: 'line 12', 'record 3'. */
  readonly at: string;
}

/** A conversation. Its last message is the answer, if it has one, else the user's. */
export interface DataConversation {
  /** All that is said. */
  readonly messages: readonly ChatMessage[];
  /** The answer's text; none where there is no answer. */
  readonly outputs: readonly string[];
  /** Where it stands in its file. */
  readonly at: string;
}

/** A record of a data file. */
export type DataRecord = DataQuestion | DataConversation;

const where = 'readRecords';
const readOptions = z.strictObject(recordFields);

/**
 * Reads the records of all formats that `readInstructions` reads, as they stand: neither rendered nor cut. No more than a
 * piece of a file is in memory. Unlike there, a record need have no answer: its `outputs` are then empty. A record of several
 * instances comes as several.
 * @param sources a file's path or URL, a File or Blob, records as a list of objects, text, or several of these
 * @example
 * for await (const record of readRecords('dialogsum.test.jsonl')) {
 *   if ('instruction' in record) console.log(record.at, record.input.length, record.outputs.length);
 * }
 * @throws OptionError; DataError for malformed records (how many, and the first ten with their lines) and a missing file
 */
export function readRecords(
  sources: TextSources,
  options: ReadRecordsOptions = {},
): AsyncGenerator<DataRecord, void, undefined> {
  checkSources(where, sources);
  const checked = checkOptions(where, readOptions, options);
  const placed = (record: AskedRecord, place: Place): DataRecord => ({
    ...record,
    at: placeInWords(place),
  });
  return readQuestions(sources, checked, placed, { needsAnswer: false });
}
