/**
 * JSON as records. Records that cannot be used are counted, and the first of them are told together: whoever
 * corrects a file should not have to read it once for each mistake.
 */
import { countedOf, DataError } from '../errors.js';
import { special } from '../settings/index.js';
import { Problem, parseJsonLine } from './jsonLine.js';
import { readRecordTexts } from './recordTexts.js';
import { sourceName, type TextSource } from './source.js';

/** Records that were left out. */
export interface SkippedRecords {
  /** How many. */
  readonly count: number;
  /** The first ten, with their lines and what is wrong with them. */
  readonly first: readonly string[];
}

/**
 * What becomes of records that cannot be used. Default false: they are an error, which counts them and tells the first
 * ten. true leaves them out; a function is told of those that were left out, if there were any.
 */
export type SkipInvalid = boolean | ((skipped: SkippedRecords) => void);

export const skipOption = special<SkipInvalid>(
  'true, false, or a function that is told of what was left out',
  (value) => typeof value === 'boolean' || typeof value === 'function',
).default(false);

/** Where a record stands in its file, counted from 1. */
export interface Place {
  /** What is counted: lines, or the elements of an array. */
  readonly kind: 'line' | 'record';
  readonly number: number;
}

export const placeInWords = ({ kind, number }: Place): string => `${kind} ${number}`;

/** Records that are told one by one. */
const told = 10;
/** A file that begins with so many unusable records, and no usable one, is no such file. */
const hopeless = 100;

/** Counts the records of one reading, which may have several sources. */
export class RecordCount {
  #usable = 0;
  #invalid = 0;
  readonly #first: string[] = [];
  readonly #skip: SkipInvalid;
  readonly #fault: (records: number) => DataError | undefined;

  /** @param fault what is wrong with all of so many records, if anything: it is told in place of them */
  constructor(skip: SkipInvalid, fault: (records: number) => DataError | undefined = () => undefined) {
    this.#skip = skip;
    this.#fault = fault;
  }

  /** Whether reading will end with an error: the records are then only counted. */
  get failed(): boolean {
    return this.#invalid > 0 && this.#skip === false;
  }

  usable(): void {
    this.#usable++;
  }

  /** @throws DataError when nothing but such records came so far */
  invalid(what: string): void {
    this.#invalid++;
    if (this.#first.length < told) this.#first.push(what);
    if (this.#usable > 0 || this.#invalid < hopeless) return;
    this.#refuseAll();
    throw new DataError(
      `none of the first ${hopeless} records can be used. Check that it is the right file. The first ${told}:\n` +
        this.#list(),
      { found: this.#invalid },
    );
  }

  /** @throws DataError unless all records were usable or the others are to be left out, and for a fault of all */
  end(): void {
    this.#refuseAll();
    if (this.#invalid === 0) return;
    const skipped = { count: this.#invalid, first: this.#first };
    if (typeof this.#skip === 'function') this.#skip(skipped);
    if (this.#skip !== false) return;
    if (this.#invalid === 1) {
      throw new DataError(`${this.#first[0]}. Correct it, or leave it out with skipInvalid.`, { found: 1 });
    }
    throw new DataError(
      `${countedOf(this.#invalid, this.#invalid + this.#usable, 'record')} cannot be used. Correct them, or leave them out ` +
        `with skipInvalid. The first ${this.#first.length}:\n${this.#list()}`,
      { found: this.#invalid },
    );
  }

  #refuseAll(): void {
    const fault = this.#fault(this.#usable + this.#invalid);
    if (fault) throw fault;
  }

  #list(): string {
    return this.#first.map((what) => `  ${what}`).join('\n');
  }
}

/**
 * The records of a file of JSON lines, of one JSON array, or of objects over many lines. After the first that cannot be used, unless
 * these are left out, the others are only counted.
 * @param recordOf makes a record of a value and its place, or says why it cannot
 * @throws DataError for a file that is missing or no JSON
 */
export async function* readJsonRecords<T>(
  source: TextSource,
  recordOf: (value: unknown, place: Place) => T | Problem,
  count: RecordCount,
): AsyncGenerator<T> {
  const name = sourceName(source);
  for await (const { place, lines } of readRecordTexts(source)) {
    for (const line of lines) {
      const at = { kind: place, number: line.number };
      const where = `${name}: ${placeInWords(at)}`;
      if ('problem' in line) {
        count.invalid(`${where}: ${line.problem}`);
        continue;
      }
      const value = parseJsonLine(line.text);
      const record = value instanceof Problem ? value : recordOf(value, at);
      if (record instanceof Problem) count.invalid(`${where}${record.text}`);
      else {
        count.usable();
        if (!count.failed) yield record;
      }
    }
  }
}
