/** How a teacher and a student predict, side by side: what people watch while a student learns. */
import { run } from '../run.js';
import type { Tensor } from '../tensor.js';
import { topTokens } from './topTokens.js';

/** The likeliest tokens of both that are compared as sets: as many as the largest, but for smaller vocabularies. */
const SET = 10;

/** What rows of both are compared by, [rows] each. */
export interface ComparedRows {
  /** Of the teacher's prediction, nats. */
  readonly teacherEntropy: Tensor;
  /** Of the student's. */
  readonly studentEntropy: Tensor;
  /** 1 where the likeliest token is the same, else 0. */
  readonly agreement: Tensor;
  /** Share of the ten likeliest tokens of the teacher that are among the ten likeliest of the student. */
  readonly overlap: Tensor;
}

/** Names of these. */
export const comparedRows = ['teacherEntropy', 'studentEntropy', 'agreement', 'overlap'] as const;

/**
 * Compares rows of logits [rows, vocab] at temperature 1. Both stay as they are.
 * @param labels [rows] i32. Of rows with -100 all is 0
 * @throws ShapeError
 */
export function compareRows(teacher: Tensor, student: Tensor, labels: Tensor): ComparedRows {
  const { device } = student;
  const k = Math.min(SET, student.shape[1] as number);
  const sets = { a: topTokens(teacher, k), b: topTokens(student, k) };
  const { share } = run(device, 'overlap', { ...sets, labels }, {});
  return { ...run(device, 'compareRows', { teacher, student, labels }, {}), overlap: share };
}
