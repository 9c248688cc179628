/**
 * The teachers of a run: one for all samples, or several, of which each sample names one. A step puts samples of one teacher
 * into batches of their own, so that a batch has one teacher, whoever works with it.
 */
import type { Sample } from '../data/batch.js';
import type { LanguageModel } from '../models/model.js';
import type { Tokenizer } from '../text/index.js';

/** A teacher with what belongs to it. */
export interface Teacher {
  /** By which samples call it; undefined for the one that teaches all. */
  readonly name: string | undefined;
  readonly model: LanguageModel;
  /** Its own, where it is known. */
  readonly tokenizer: Tokenizer | undefined;
}

/** The options of `distill` that give teachers. */
export interface GivenTeachers {
  readonly teacher?: LanguageModel | undefined;
  readonly teachers?: Readonly<Record<string, LanguageModel>> | undefined;
  readonly teacherTokenizer?: Tokenizer | undefined;
  readonly teacherTokenizers?: Readonly<Record<string, Tokenizer>> | undefined;
}

/** In the order of their names, in whatever order they were given. */
export function teachersOf(given: GivenTeachers): readonly Teacher[] {
  const { teacher, teachers = {}, teacherTokenizer, teacherTokenizers = {} } = given;
  if (teacher) return [{ name: undefined, model: teacher, tokenizer: teacherTokenizer }];
  return Object.entries(teachers)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, model]) => ({ name, model, tokenizer: teacherTokenizers[name] }));
}

/** What messages call a teacher: "the teacher", "the teacher 'math'". */
export const calledTeacher = ({ name }: Pick<Teacher, 'name'>): string =>
  name === undefined ? 'the teacher' : `the teacher '${name}'`;

/** Something of a teacher: "the teacher's vocabulary", "the vocabulary of the teacher 'math'". */
export const ofTeacher = (what: string, teacher: Pick<Teacher, 'name'>): string =>
  teacher.name === undefined ? `the teacher's ${what}` : `the ${what} of ${calledTeacher(teacher)}`;

/** The teacher of a sample. `checkRun` has seen to it that there is one. */
export const teacherOf = (teachers: readonly Teacher[], { teacher }: Pick<Sample, 'teacher'>): LanguageModel =>
  (teachers.find(({ name }) => name === teacher) as Teacher).model;

/** Indices of the samples of each teacher, the teachers in the order in which their first samples come. */
export function byTeacher(samples: readonly Pick<Sample, 'teacher'>[]): number[][] {
  const groups = new Map<string | undefined, number[]>();
  samples.forEach(({ teacher }, index) => {
    const group = groups.get(teacher);
    if (group) group.push(index);
    else groups.set(teacher, [index]);
  });
  return [...groups.values()];
}
