/** The formats of data sets that are told by the fields of their records, besides plain instructions and conversations. */
import { isObject } from '../../io/json.js';
import type { RecordFormat } from './format.js';
import { question } from './question.js';
import { selfInstruct } from './selfInstruct.js';
import { summary } from './summary.js';
import { superNaturalInstructions } from './superNaturalInstructions.js';
import { translation } from './translation.js';

/** The first that matches counts. */
export const formats = {
  selfInstruct,
  superNaturalInstructions,
  question,
  summary,
  translation,
} as const satisfies Readonly<Record<string, RecordFormat>>;

/** Name of one of them. */
export type FormatName = keyof typeof formats;

/** The format of a record; undefined for an instruction of its own, a conversation, and what is none of all. */
export function formatOf(record: unknown): FormatName | undefined {
  if (!isObject(record)) return undefined;
  return (Object.keys(formats) as FormatName[]).find((name) => formats[name].matches(record));
}
