/**
 * What a run must share with the run that it resumes, besides settings and data: the student and the teachers as their
 * configs say, how the teachers are held and with which weights, which parameters are trained, and the tokenizer.
 */
import { createSha256 } from '#platform';
import { fnv1a } from '../../fnv1a.js';
import type { LanguageModel, LoraAdapter } from '../../models/model.js';
import type { Tokenizer } from '../../text/index.js';
import type { TeacherCache } from '../teacherCache/openTeacherCache.js';
import type { Teacher } from '../teachers.js';
import { weightsDigest } from './weightsDigest.js';

/** Fields of config.json that say where a model comes from and how its file is stored, not what it computes. */
const provenance = ['architectures', 'torch_dtype', 'dtype', 'transformers_version', '_name_or_path'];

export const configOf = ({ config }: LanguageModel) =>
  Object.fromEntries(Object.entries(config).filter(([field]) => !provenance.includes(field)));

/** Plain JSON, compared field by field: 'student.n_head', 'teacherFormat'. */
export interface RunIdentity extends IdentityDigests {
  readonly student: Readonly<Record<string, unknown>>;
  /** How many parameters are trained, and a digest of their names. */
  readonly trained: string;
  readonly teacher?: Readonly<Record<string, unknown>>;
  /** The formats of the teacher's matrices. */
  readonly teacherFormat?: string;
  /** Where samples name their teachers: the names of all, then the same by these names. */
  readonly teacherNames?: readonly string[];
  readonly teachers?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly teacherFormats?: Readonly<Record<string, string>>;
  /** The digest of the cache that is in the teacher's place. */
  readonly teacherCache?: string;
  /** Of a student with an adapter: what decides how it computes, besides the tensors. */
  readonly adapter?: Readonly<Record<string, unknown>>;
  /** The formats of the matrices beside which the adapter stands. */
  readonly studentFormat?: string;
  readonly tokenizer?: { readonly vocabSize: number; readonly eosTokenId: number | undefined };
  readonly template?: string;
}

export function identityOf(run: {
  readonly student: LanguageModel;
  readonly teachers: readonly Teacher[];
  readonly teacherCache: Pick<TeacherCache, 'digest'> | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly template: string | undefined;
}): RunIdentity {
  const { student, teachers, teacherCache, tokenizer, template } = run;
  const trained = [...student.parameters].flatMap(([name, { requiresGrad }]) => (requiresGrad ? [name] : []));
  const names = new TextEncoder().encode(trained.sort().join('\n'));
  return {
    student: configOf(student),
    trained: `${trained.length} parameters (${fnv1a(names).toString(16)})`,
    ...(student.adapter && { adapter: adapterFacts(student.adapter), studentFormat: formatsOf(student) }),
    ...factsOf(teachers),
    ...(teacherCache && { teacherCache: teacherCache.digest }),
    ...(tokenizer && { tokenizer: { vocabSize: tokenizer.vocabSize, eosTokenId: tokenizer.eosTokenId } }),
    ...(template !== undefined && { template }),
  };
}

/** Of the one teacher, or of several by their names. */
function factsOf(teachers: readonly Teacher[]): Partial<RunIdentity> {
  const [only] = teachers;
  if (!only) return {};
  if (only.name === undefined) return { teacher: configOf(only.model), teacherFormat: formatsOf(only.model) };
  const byName = <T>(of: (model: LanguageModel) => T) =>
    Object.fromEntries(teachers.map(({ name = '', model }) => [name, of(model)]));
  return {
    teacherNames: teachers.map(({ name = '' }) => name),
    teachers: byName(configOf),
    teacherFormats: byName(formatsOf),
  };
}

export const formatsOf = ({ weights }: LanguageModel): string =>
  [...new Set([...weights.values()].map(({ format }) => format))].sort().join(', ');

/** The ranks are in the shapes, and which parts have adapters in the names of what is trained. */
const adapterFacts = ({ config }: LoraAdapter) =>
  Object.fromEntries(
    ['lora_alpha', 'lora_dropout', 'use_rslora', 'alpha_pattern'].map((field) => [field, config[field] ?? null]),
  );

/** What takes a moment to find out, and is asked for only where a run is stored. */
interface IdentityDigests {
  /** See `weightsDigest`. */
  readonly teacherWeights?: string;
  /** The same of several teachers, by their names. */
  readonly teachersWeights?: Readonly<Record<string, string>>;
  /** The same of what is frozen beside an adapter. */
  readonly studentBase?: string;
  /** SHA-256 of the tokenizer's files. */
  readonly tokenizerFiles?: string;
}

export async function identityDigests(run: {
  readonly student: LanguageModel;
  readonly teachers: readonly Teacher[];
  readonly tokenizer: Tokenizer | undefined;
}): Promise<IdentityDigests> {
  const { student, teachers, tokenizer } = run;
  const ofTeachers: Record<string, string> = {};
  for (const { name = '', model } of teachers) ofTeachers[name] = await weightsDigest(model);
  const isOnly = teachers[0]?.name === undefined;
  return {
    ...(teachers.length > 0 &&
      (isOnly ? { teacherWeights: ofTeachers[''] as string } : { teachersWeights: ofTeachers })),
    ...(student.adapter && { studentBase: await weightsDigest(student) }),
    ...(tokenizer && { tokenizerFiles: digestOfFiles(tokenizer.save()) }),
  };
}

function digestOfFiles(files: Readonly<Record<string, string>>): string {
  const hash = createSha256();
  hash.update(new TextEncoder().encode(JSON.stringify(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))));
  return hash.digest();
}
