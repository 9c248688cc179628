/** Teachers on the command line: one, or several, each with a name before it: `--teacher math=./math code=./code`. */
import { quoted } from '../inWords.js';
import { given } from './options.js';

/** A teacher that was named on the command line. */
export interface NamedSource {
  /** undefined of the only one. */
  readonly name: string | undefined;
  readonly source: string;
}

/** What is typed for teachers, in whatever order. */
export interface TeacherOptions {
  readonly teacher?: readonly string[] | undefined;
  readonly teacherField?: string | undefined;
}

/** A name and a source with = between. A source may have one too, behind its first slash or colon. */
const form = /^([^=/\\:]+)=(.+)$/;

/** The teachers by their names; without --teacher-field there is one, which needs none. */
export const namedSources = ({ teacher = [], teacherField }: TeacherOptions): NamedSource[] =>
  teacher.map((text) => {
    const [before, source] = parted(text, { teacherField });
    return { name: before === '' ? undefined : before.slice(0, -1), source };
  });

/** What is wrong with teachers that were typed, if anything. */
export function teachersProblem(options: TeacherOptions): string | undefined {
  const { teacher, teacherField } = options;
  const sources = namedSources(options);
  const names = sources.map(({ name }) => name);
  if (teacherField === undefined) {
    if (sources.length < 2) return undefined;
    return (
      `--teacher names ${sources.length} teachers, and nothing says which records each is for. Give each a name, as in --teacher ` +
      'math=FOLDER code=FOLDER, and --teacher-field, the field of a record that has the name.'
    );
  }
  if (teacher === undefined) return undefined;
  const nameless = sources.find(({ name }) => name === undefined);
  if (nameless) {
    return (
      `--teacher is ${nameless.source}, expected a name before it, one that --teacher-field ${teacherField} may have: ` +
      'NAME=SOURCE. For one teacher of all records leave --teacher-field out.'
    );
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? undefined : `--teacher has two teachers of the name ${quoted(twice)}. Name each once.`;
}

/** Which field of a record names its teacher, as the API takes it. */
export const teachersInData = (options: TeacherOptions) =>
  given({
    teachers:
      options.teacherField === undefined
        ? undefined
        : { field: options.teacherField, names: namedSources(options).map(({ name }) => name as string) },
  });

/** A value of --teacher in two: the name with its =, '' where there is none, and the source. */
export function parted(text: string, { teacherField }: TeacherOptions): readonly [before: string, source: string] {
  const [, name, source] = (teacherField === undefined ? undefined : form.exec(text)) ?? [];
  return name === undefined || source === undefined ? ['', text] : [`${name}=`, source];
}

/** Objects of teachers as `distill` takes them: the only one by `one`, several by their names. */
export const byNames = <T>(all: readonly (readonly [NamedSource, T])[]) => {
  const [only] = all;
  if (!only) return {};
  return only[0].name === undefined
    ? { one: only[1] }
    : { several: Object.fromEntries(all.map(([{ name }, each]) => [name as string, each])) };
};
