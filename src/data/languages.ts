/** Languages by their codes, and what is asked for from one into another. */
import * as z from 'zod';
import type { Question } from './question.js';

/** A direction of translation. */
export interface Languages {
  /** Code of what is translated: 'en'. */
  readonly from: string;
  readonly to: string;
}

const direction = /^([a-z]{2,3})-([a-z]{2,3})$/;

/** Takes 'en-de'. */
export const languagesOption = z.string('two languages, as in en-de').refine((text) => {
  const [, from, to] = direction.exec(text) ?? [];
  return from !== undefined && from !== to;
}, 'two languages, as in en-de');

/** The direction of 'en-de', which `languagesOption` took. */
export function languagesOf(text: string): Languages {
  const [, from = '', to = ''] = direction.exec(text) ?? [];
  return { from, to };
}

let names: Intl.DisplayNames | undefined;

/** English name of a language: 'German' of 'de'. @returns undefined for what is the code of none */
export function languageName(code: string): string | undefined {
  names ??= new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' });
  try {
    return names.of(code);
  } catch {
    return undefined;
  }
}

/** A text that is to be translated, with its translation. */
export function translationOf(source: string, target: string, { from, to }: Languages): Question {
  const [ours, theirs] = [from, to].map((code) => languageName(code) ?? code);
  return {
    instruction: `Translate the following text from ${ours} to ${theirs}.`,
    input: source,
    prefix: `translate ${ours} to ${theirs}: `,
    outputs: [target],
  };
}
