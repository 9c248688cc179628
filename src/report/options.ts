/** What reports and drawings of runs take, and what they refuse. */
import * as z from 'zod';
import { requireOption } from '../requireOption.js';
import { ranges } from '../settings/index.js';
import { chartNames } from './runCharts.js';
import type { RunLog } from './runLog.js';

const { choice, text } = ranges;
const anyText = z.string('some text');

const charts = z
  .array(choice(chartNames), `a list of ${chartNames.join(', ')}`)
  .min(1, 'at least one chart')
  .optional();
const cell = z.union([anyText, z.strictObject({ text: anyText, share: z.number() })], 'text, or { text, share }');
const table = z.strictObject({
  heading: text,
  note: anyText.optional(),
  headings: z.array(anyText, 'a list of headings'),
  rows: z.array(z.array(cell, 'a list of cells'), 'a list of rows'),
});
const answer = z.strictObject({
  by: text,
  text: anyText,
  score: z.number().optional(),
  rating: z.number().optional(),
});
const card = z.strictObject({
  prompt: anyText,
  input: anyText.optional(),
  reference: anyText,
  answers: z.array(answer, 'a list of answers'),
});

export const answerCards = z.array(card, 'a list of answers');
export const paragraphs = z.array(anyText, 'a list of paragraphs').default([]);

export const reportOptions = z.strictObject({
  title: text.default('Training runs'),
  lead: paragraphs,
  charts,
  tables: z.array(table, 'a list of tables').optional(),
  answers: answerCards.optional(),
});
export const plotOptions = z.strictObject({ charts });

/** @throws OptionError unless these are runs */
export function requireRuns(where: string, runs: unknown): asserts runs is readonly RunLog[] {
  const ok = Array.isArray(runs) && runs.length > 0 && runs.every(isRun);
  requireOption(where, 'runs', runs, ok, 'a list of runs with their names, steps and validations');
}

function isRun(value: unknown): boolean {
  const { name, steps, validations } = Object(value) as Partial<Record<keyof RunLog, unknown>>;
  return typeof name === 'string' && isListOf(steps) && isListOf(validations);
}

const isListOf = (events: unknown): boolean =>
  Array.isArray(events) && events.every((event) => Number.isSafeInteger(Object(event).step));
