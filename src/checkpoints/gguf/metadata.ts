/** What the metadata of a GGUF file say, key by key, each held to the kind that it must be of. */
import { CheckpointError } from '../../errors.js';
import { inWords } from '../../inWords.js';
import type { GgufFile, GgufValue } from '../../io/gguf/index.js';

/** Reads keys of one file. */
export interface Metadata {
  /** The file, for messages. */
  readonly name: string;
  has(key: string): boolean;
  /** @throws CheckpointError for what is no number, or a key that is missing and has no `fallback` */
  number(key: string, fallback?: number): number;
  optionalNumber(key: string): number | undefined;
  text(key: string, fallback?: string): string;
  optionalText(key: string): string | undefined;
  flag(key: string, fallback: boolean): boolean;
  texts(key: string): readonly string[];
  numbers(key: string): ArrayLike<number> | undefined;
}

const advice = 'Convert the model again, or take another file of it.';

export function metadataOf({ name, metadata }: GgufFile): Metadata {
  const wrong = (key: string, found: GgufValue | undefined, expected: string) =>
    new CheckpointError(
      `${name}: the key '${key}' is ${found === undefined ? 'missing' : inWords(found)}, expected ${expected}. ${advice}`,
      { found, expected },
    );
  const one = <T extends GgufValue>(
    key: string,
    expected: string,
    is: (value: GgufValue) => value is T,
  ): T | undefined => {
    const found = metadata.get(key);
    if (found === undefined || is(found)) return found;
    throw wrong(key, found, expected);
  };
  const required = <T>(key: string, value: T | undefined, expected: string): T => {
    if (value === undefined) throw wrong(key, undefined, expected);
    return value;
  };
  const optionalNumber = (key: string) => one(key, 'a number', (value) => typeof value === 'number');
  const optionalText = (key: string) => one(key, 'a text', (value) => typeof value === 'string');
  return {
    name,
    has: (key) => metadata.has(key),
    number: (key, fallback) => required(key, optionalNumber(key) ?? fallback, 'a number'),
    optionalNumber,
    text: (key, fallback) => required(key, optionalText(key) ?? fallback, 'a text'),
    optionalText,
    flag: (key, fallback) => one(key, 'true or false', (value) => typeof value === 'boolean') ?? fallback,
    texts: (key) => required(key, one(key, 'a list of texts', isTexts), 'a list of texts'),
    numbers: (key) => one(key, 'a list of numbers', isNumbers),
  };
}

const isTexts = (value: GgufValue): value is readonly string[] => Array.isArray(value) && typeof value[0] !== 'boolean';
const isNumbers = (value: GgufValue): value is ArrayLike<number> => typeof value === 'object' && !Array.isArray(value);

/** A number that was rounded to f32, as it was written: 1e-5, not 9.999999747378752e-6. */
export const asWritten = (value: number): number => Number(value.toPrecision(7));
