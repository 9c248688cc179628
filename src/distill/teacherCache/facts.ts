/**
 * What a teacher cache is of: the teacher, the data, the tokenizer, and what of each prediction is kept. Shards of one cache
 * agree in all of it, and a run can use a cache only where they agree in what both know.
 */
import * as z from 'zod';
import { createSha256 } from '#platform';
import { whole } from '../../errors.js';
import type { LanguageModel } from '../../models/model.js';
import { ranges } from '../../settings/index.js';
import type { Tokenizer } from '../../text/index.js';
import { trainingDigest } from '../dataDigest.js';
import { configOf, formatsOf } from '../trainer/identity.js';
import type { TrainingData } from '../trainer/options.js';
import { weightsDigest } from '../trainer/weightsDigest.js';

const { count, countOrZero, positiveF32, text } = ranges;

export const factsSchema = z.strictObject({
  topK: count,
  temperature: positiveF32,
  vocabSize: count,
  startTokenId: countOrZero.nullable(),
  teacher: z.strictObject({ config: z.record(z.string(), z.json()), format: text, digest: text }),
  tokenizer: text.nullable(),
  data: z.strictObject({
    digest: text,
    samples: count,
    tokens: count,
    longest: count,
    longestPrompt: countOrZero,
    template: text.nullable(),
  }),
});

/** What a teacher cache is of, as plain JSON. */
export interface TeacherCacheFacts {
  /** Tokens of each prediction that are named: the likeliest. */
  readonly topK: number;
  /** The teacher's logits were divided by it. */
  readonly temperature: number;
  /** Tokens of the teacher's vocabulary that were predicted, the first of its head. */
  readonly vocabSize: number;
  /** Of an encoder-decoder teacher the token before the first of every answer; null for a decoder-only one. */
  readonly startTokenId: number | null;
  /** The teacher: its config, how its matrices were held, and a digest of its weights. */
  readonly teacher: {
    /** Fields of config.json, without those that say where it comes from. */
    readonly config: Readonly<Record<string, unknown>>;
    /** 'f32', or 'f32, int8'. */
    readonly format: string;
    /** SHA-256 of samples of each of its tensors. */
    readonly digest: string;
  };
  /** SHA-256 of the tokens by their ids; null where no tokenizer was given. */
  readonly tokenizer: string | null;
  /** The samples, all shards together. */
  readonly data: {
    /** SHA-256 of the samples, as `RunSettings.dataDigest.train`. */
    readonly digest: string;
    /** How many there are. */
    readonly samples: number;
    /** Tokens of all of them, prompts included. */
    readonly tokens: number;
    /** Tokens of the longest. */
    readonly longest: number;
    /** Tokens of the longest prompt. */
    readonly longestPrompt: number;
    /** Name of the prompt template; null where the data have none. */
    readonly template: string | null;
  };
}

export const dataFacts = (
  { train, template = null }: { readonly train: TrainingData['train']; readonly template?: string | null | undefined },
  digest = trainingDigest(train),
): TeacherCacheFacts['data'] => {
  const most = (of: (sample: TrainingData['train'][number]) => number) =>
    train.reduce((most, sample) => Math.max(most, of(sample)), 0);
  return {
    digest,
    samples: train.length,
    tokens: train.reduce((total, { ids }) => total + ids.length, 0),
    longest: most(({ ids }) => ids.length),
    longestPrompt: most(({ promptLength }) => promptLength),
    template,
  };
};

export async function factsOf(
  {
    teacher,
    data,
    tokenizer,
  }: { readonly teacher: LanguageModel; readonly data: TrainingData; readonly tokenizer: Tokenizer | undefined },
  kept: Pick<TeacherCacheFacts, 'topK' | 'temperature' | 'vocabSize'>,
): Promise<TeacherCacheFacts> {
  return {
    ...kept,
    startTokenId: teacher.startTokenId ?? null,
    teacher: { config: configOf(teacher), format: formatsOf(teacher), digest: await weightsDigest(teacher) },
    tokenizer: tokenizer ? vocabularyDigest(tokenizer) : null,
    data: dataFacts(data),
  };
}

/** SHA-256 of the tokens by their ids. What else the files of a tokenizer say changes no prediction. */
export function vocabularyDigest(tokenizer: Tokenizer): string {
  const hash = createSha256();
  const tokens = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id) ?? null);
  hash.update(new TextEncoder().encode(JSON.stringify(tokens)));
  return hash.digest();
}

/** What data differ in, each as "what: there, here": the digest alone says only that they do. */
export function dataDifferences(there: TeacherCacheFacts['data'], here: TeacherCacheFacts['data']): string[] {
  if (there.digest === here.digest && there.template === here.template) return [];
  const numbers = (['samples', 'longest', 'longestPrompt', 'tokens'] as const).filter(
    (name) => there[name] !== here[name],
  );
  const told = [
    ...(there.template === here.template
      ? []
      : [`the template is ${there.template ?? 'none'} there, ${here.template ?? 'none'} here`]),
    ...numbers.map((name) => `${words[name]} ${whole(there[name])} there, ${whole(here[name])} here`),
  ];
  return told.length > 0 ? told : ['the ids, masks or order of the samples are others (by their SHA-256)'];
}

const words = {
  samples: 'samples to train on are',
  longest: 'tokens of the longest sample are',
  longestPrompt: 'tokens of the longest prompt are',
  tokens: 'tokens of all samples are',
} as const;

/** What two sets of facts differ in, for messages. */
export function factDifferences(there: TeacherCacheFacts, here: TeacherCacheFacts): string[] {
  const of = (name: string, one: unknown, other: unknown) =>
    JSON.stringify(one) === JSON.stringify(other)
      ? []
      : [`${name} is ${JSON.stringify(one)} there, ${JSON.stringify(other)} here`];
  return [
    ...(['topK', 'temperature', 'vocabSize', 'startTokenId'] as const).flatMap((name) =>
      of(name, there[name], here[name]),
    ),
    ...(sameJson(there.teacher.config, here.teacher.config) ? [] : ['the config of the teacher is another']),
    ...of('the format of the teacher', there.teacher.format, here.teacher.format),
    ...(there.teacher.digest === here.teacher.digest
      ? []
      : ['the weights of the teacher are others (by their SHA-256)']),
    ...(there.tokenizer === here.tokenizer ? [] : ['the tokenizer is another (by the SHA-256 of its tokens)']),
    ...dataDifferences(there.data, here.data),
  ];
}

const sameJson = (one: object, other: object): boolean => {
  const sorted = (value: object) => JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  return sorted(one) === sorted(other);
};
