/** The fields of a record, checked one by one, each refusal with the name of its field. */
import { inWords } from '../inWords.js';
import { isObject } from '../io/json.js';
import { Problem } from './jsonLine.js';

/** A record as JSON has it. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a field is there. A spreadsheet writes null for an empty cell. */
export const has = (record: Fields, field: string): boolean =>
  Object.hasOwn(record, field) && record[field] !== null && record[field] !== undefined;

export const wrongField = (field: string, found: unknown, expected: string): Problem =>
  new Problem(`: field '${field}' is ${inWords(found)}, expected ${expected}`);

/** Text that says something. */
export const someText = (field: string, value: unknown): string | Problem =>
  typeof value === 'string' && value.trim() !== '' ? value : wrongField(field, value, 'some text');

/** Text, '' for none. */
export const anyText = (field: string, value: unknown): string | Problem =>
  value === undefined || value === null
    ? ''
    : typeof value === 'string'
      ? value
      : wrongField(field, value, 'text, or null');

/** One answer, or a list of them. */
export function answersIn(field: string, answer: unknown): readonly [string, ...string[]] | Problem {
  if (typeof answer === 'string') return [answer];
  if (!Array.isArray(answer)) return wrongField(field, answer, 'the answer, a string or a list of strings');
  if (answer.length === 0) return wrongField(field, answer, 'at least one answer');
  const index = answer.findIndex((each) => typeof each !== 'string');
  if (index >= 0) return wrongField(`${field}[${index}]`, answer[index], 'a string');
  return answer as [string, ...string[]];
}

/** The objects of a list that has some. */
export function objectsIn(field: string, value: unknown, what: string): readonly Fields[] | Problem {
  if (!Array.isArray(value) || value.length === 0) return wrongField(field, value, `a list of ${what}`);
  const index = value.findIndex((each) => !isObject(each));
  if (index >= 0) return wrongField(`${field}[${index}]`, value[index], 'an object');
  return value as Fields[];
}

/** The parts of a record that were read, or the first of them that cannot be. */
export function allRead<const Parts extends Readonly<Record<string, unknown>>>(
  parts: Parts,
): { readonly [Name in keyof Parts]: Exclude<Parts[Name], Problem> } | Problem {
  const wrong = Object.values(parts).find((part) => part instanceof Problem);
  return (wrong as Problem | undefined) ?? (parts as { [Name in keyof Parts]: Exclude<Parts[Name], Problem> });
}
