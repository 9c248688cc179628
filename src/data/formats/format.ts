/** A form in which a data set is published, as its records have it. */
import type { Problem } from '../jsonLine.js';
import type { Languages } from '../languages.js';
import type { Question } from '../question.js';
import type { Fields } from '../recordFields.js';

/** What the reader of a format may be told. */
export interface FormatOptions {
  /** Which way translations go; absent: from the first language of a record to its second. */
  readonly languages: Languages | undefined;
}

/** A new format is a file that makes one, and its line in index.ts. */
export interface RecordFormat {
  /** What a record is, for messages: 'a dialogue with its summary'. */
  readonly inWords: string;
  /** Whether a record is of this format, by the names of its fields. */
  matches(record: Fields): boolean;
  /** What the record asks. Answers that it does not have are absent. */
  questions(record: Fields, options: FormatOptions): readonly Question[] | Problem;
}
