/** Which teacher a record is for, of several: a field of the record names it. */
import * as z from 'zod';
import { quoted, short } from '../inWords.js';
import { type Fields as FieldsOf, ranges } from '../settings/index.js';
import { Problem } from './jsonLine.js';
import { type Fields, has, wrongField } from './recordFields.js';

/** By which field of a record its teacher is chosen. */
export interface TeacherField {
  /** Name of the field, of the record itself: `{ "subject": "math", "instruction": ... }`. */
  readonly field: string;
  /** What it may hold: the names of the teachers, as `teachers` of `distill` has them. */
  readonly names: readonly string[];
}

export const teacherFieldOption = z.strictObject({
  field: ranges.text,
  names: z.array(ranges.text, 'a list of the names of the teachers').min(1, 'a list of the names of the teachers'),
} satisfies FieldsOf<TeacherField>);

/** The teacher that a record names, or why it names none. */
export function teacherIn(record: Fields, { field, names }: TeacherField): string | Problem {
  const expected = `${names.length > 1 ? 'one of the teachers' : 'the teacher'} ${names.map(quoted).join(', ')}`;
  if (!has(record, field)) {
    const found = Object.keys(record).map(quoted).join(', ') || 'nothing';
    return new Problem(`: field '${field}' is missing, expected ${expected}; found ${short(found)}`);
  }
  const name = record[field];
  return typeof name === 'string' && names.includes(name) ? name : wrongField(field, name, expected);
}
