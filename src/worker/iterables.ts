/** Functions of the API that do nothing until what they give is iterated. */
import type * as api from './api.js';

type Functions = typeof api;
type Iterable = {
  [Name in keyof Functions]: Functions[Name] extends (...given: never[]) => AsyncIterable<unknown> ? Name : never;
}[keyof Functions];

const names = {
  cacheTeacher: true,
  distill: true,
  fineTune: true,
  generateBatches: true,
  readRecords: true,
  readTokenizerTexts: true,
  streamText: true,
  streamTokens: true,
  verifyDevice: true,
} satisfies Readonly<Record<Iterable, true>>;

/** Whether what the function gives is there to be iterated. */
export const givesIterable = (name: string): boolean => Object.hasOwn(names, name);
