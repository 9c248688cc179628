/**
 * All scores of a model's answers: the means over the seeds, how far seeds differ, and how far other records would have
 * moved them. The answers may come from anywhere.
 */
import { OptionError } from '../errors.js';
import { isPlainObject } from '../inWords.js';
import { requireFields, requireOption, unknownOptions } from '../requireOption.js';
import {
  BLEU_COUNTS,
  type BleuCounts,
  type BleuOptions,
  type BleuSettings,
  bleuCounts,
  bleuOf,
  bleuOfSum,
  checkBleu,
} from './bleu.js';
import { type BootstrapOptions, checkBootstrap, type Interval, resampled } from './bootstrap.js';
import { checkLists } from './checkTexts.js';
import { distinctN, selfBleu } from './diversity.js';
import { exactMatch } from './exactMatch.js';
import type { AnswerNormalization } from './normalizeAnswer.js';
import { rougeL } from './rougeL.js';
import { rougeLsum } from './rougeLsum.js';
import { rougeN } from './rougeN.js';

/** What a model said to one prompt. */
export interface GivenAnswer {
  /** All of it. */
  readonly text: string;
  /** Tokens that were drawn, EOS among them. Default: not known. */
  readonly tokens?: number;
  /** Whether the answer ended because it was as long as was allowed. Default: not known. */
  readonly cut?: boolean;
}

/** The answers that one seed drew. */
export interface SeedAnswers {
  /** An integer of at least 0. */
  readonly seed: number;
  /** One a record, in the order of the records. */
  readonly answers: readonly GivenAnswer[];
}

/** How answers are scored. */
export interface ScoreAnswersOptions {
  /** Of `bleu`, and for its tokens of `distinct1`, `distinct2` and `selfBleu`. */
  readonly bleu?: BleuOptions;
  /** What `normalizedMatch` leaves out. Default 'naturalInstructions', as in the paper's code. */
  readonly normalization?: AnswerNormalization;
  /** Of the intervals. */
  readonly bootstrap?: BootstrapOptions;
}

/** Names of the scores. */
export type AnswerMetric =
  | 'rouge1'
  | 'rouge2'
  | 'rougeL'
  | 'rougeLsum'
  | 'bleu'
  | 'exactMatch'
  | 'normalizedMatch'
  | 'distinct1'
  | 'distinct2'
  | 'answerTokens'
  | 'cutShare'
  | 'selfBleu';

/** What is told of each seed, in this order. */
export const seedMetrics: readonly Exclude<AnswerMetric, 'selfBleu'>[] = [
  ...(['rouge1', 'rouge2', 'rougeL', 'rougeLsum', 'bleu', 'exactMatch', 'normalizedMatch'] as const),
  ...(['distinct1', 'distinct2', 'answerTokens', 'cutShare'] as const),
];

/**
 * Scores by their names, 0 to 100: `rouge1`, `rouge2`, `rougeL`, `rougeLsum` and `bleu`; `exactMatch`, and
 * `normalizedMatch`, where case and punctuation do not count; `distinct1` and `distinct2`. `answerTokens` is the mean
 * length, and `cutShare` the share of answers that were cut, where these are known. `selfBleu`, the mean over the records of
 * the self-BLEU of their answers, is there where there are several seeds, for all of them together.
 */
export type MetricMeans = Readonly<
  Record<Exclude<AnswerMetric, 'answerTokens' | 'cutShare' | 'selfBleu'>, number> &
    Partial<Record<AnswerMetric, number>>
>;

/** The scores of the answers that were drawn by one seed. */
export type SeedScores = MetricMeans & {
  /** The seed. */
  readonly seed: number;
  /** Answers that are nothing but white space. */
  readonly emptyAnswers: number;
};

/** The scores of a model. */
export interface AnswerScores {
  /** Over the seeds. */
  readonly mean: MetricMeans;
  /** Standard deviation over the seeds, with one degree of freedom less than there are seeds. One seed has none. */
  readonly deviation: Readonly<Partial<Record<AnswerMetric, number>>>;
  /** Of the means, by the bootstrap over the records. `distinct1` and `distinct2`, which are of all texts together, have none. */
  readonly interval: Readonly<Partial<Record<AnswerMetric, Interval>>>;
  /** Each seed's. */
  readonly seeds: readonly SeedScores[];
}

/** Scores that are means over the answers: one value each. */
type Scorer = (answer: GivenAnswer, references: readonly string[]) => number | undefined;

/**
 * Scores the answers of a model, drawn by one seed or by several.
 * @param runs the answers of each seed, to the same records
 * @param references the references of each record, at least one
 * @example
 * const { mean, interval } = scoreAnswers([{ seed: 10, answers: [{ text: 'Paris' }] }], [['Paris', 'Paris.']]);
 * console.log(mean.rougeL, interval.rougeL);
 * @throws OptionError for empty or unequal lists, and for unknown and wrong options
 */
export function scoreAnswers(
  runs: readonly SeedAnswers[],
  references: readonly (readonly string[])[],
  options: ScoreAnswersOptions = {},
): AnswerScores {
  const where = 'scoreAnswers';
  checkRuns(where, 'runs', runs, references);
  return scoresOf(measureAnswers(runs, references, checkScoring(where, options)));
}

/** The answers of a model with all that is measured of each record, of which any draw of records has scores. */
export interface MeasuredAnswers {
  readonly records: number;
  /** Of the scores that `at` gives. */
  readonly names: readonly AnswerMetric[];
  /** Of the records that were drawn: the means over the seeds. */
  at(drawn: Int32Array): ReadonlyMap<AnswerMetric, number>;
  /** Each seed's own scores. */
  readonly seeds: AnswerScores['seeds'];
  /** Of all records, where there are several seeds. */
  readonly selfBleu: number | undefined;
  readonly bootstrap: Required<BootstrapOptions>;
}

/** Runs and references have been checked. */
export function measureAnswers(
  runs: readonly SeedAnswers[],
  references: readonly (readonly string[])[],
  { bleu, normalization, bootstrap }: ReturnType<typeof checkScoring>,
): MeasuredAnswers {
  const scorers: Readonly<Partial<Record<AnswerMetric, Scorer>>> = {
    rouge1: ({ text }, those) => rougeN(text, those),
    rouge2: ({ text }, those) => rougeN(text, those, { n: 2 }),
    rougeL: ({ text }, those) => rougeL(text, those),
    rougeLsum: ({ text }, those) => rougeLsum(text, those),
    exactMatch: ({ text }, those) => percent(exactMatch(text, those)),
    normalizedMatch: ({ text }, those) => percent(exactMatch(text, those, { normalization })),
    answerTokens: ({ tokens }) => tokens,
    cutShare: ({ cut }) => (cut === undefined ? undefined : percent(cut)),
  };
  const scored = runs.map(({ seed, answers }) => scoreSeed(seed, answers, references, { scorers, bleu }));
  const records = references.length;
  const ofRecords = Array.from({ length: records }, (_, record) => runs.map((run) => run.answers[record]!.text));
  const alike = runs.length > 1 ? ofRecords.map((texts) => selfBleu(texts, tokensOf(bleu))) : undefined;

  // Over the seeds: one value a record, of which any draw of records has a mean.
  const values = new Map<AnswerMetric, readonly number[]>();
  for (const name of Object.keys(scorers) as AnswerMetric[]) {
    const all = scored.map((each) => each.values.get(name));
    if (all.every((of) => of !== undefined)) {
      values.set(
        name,
        Array.from({ length: records }, (_, i) => meanOf(all.map((of) => of[i] as number))),
      );
    }
  }
  if (alike) values.set('selfBleu', alike);
  const ofRecord = [...values];
  return {
    records,
    names: [...values.keys(), 'bleu'],
    at: (drawn) =>
      new Map([
        ...ofRecord.map(([name, each]) => [name, meanAt(each, drawn)] as const),
        ['bleu', meanOf(scored.map(({ counts }) => bleuAt(counts, drawn, bleu)))],
      ]),
    seeds: scored.map(({ told }) => told),
    selfBleu: alike && meanOf(alike),
    bootstrap,
  };
}

export function scoresOf({ records, names, at, seeds, selfBleu: alike, bootstrap }: MeasuredAnswers): AnswerScores {
  const intervals = resampled(records, (drawn) => [...at(drawn).values()], bootstrap);
  return {
    mean: { ...(over(seeds, meanOf) as MetricMeans), ...(alike !== undefined && { selfBleu: alike }) },
    deviation: seeds.length > 1 ? over(seeds, deviationOf) : {},
    interval: Object.fromEntries(names.map((name, i) => [name, intervals[i]])),
    seeds,
  };
}

interface ScoredSeed {
  readonly told: AnswerScores['seeds'][number];
  readonly values: ReadonlyMap<AnswerMetric, readonly number[]>;
  readonly counts: readonly BleuCounts[];
}

function scoreSeed(
  seed: number,
  answers: readonly GivenAnswer[],
  references: readonly (readonly string[])[],
  { scorers, bleu }: { readonly scorers: Readonly<Partial<Record<AnswerMetric, Scorer>>>; readonly bleu: BleuSettings },
): ScoredSeed {
  const values = new Map<AnswerMetric, readonly number[]>();
  for (const [name, scorer] of Object.entries(scorers) as [AnswerMetric, Scorer][]) {
    const all = answers.map((answer, i) => scorer(answer, references[i] as readonly string[]));
    if (all.every((value) => value !== undefined)) values.set(name, all);
  }
  const counts = answers.map(({ text }, i) => bleuCounts(text, references[i] as readonly string[], bleu));
  const texts = answers.map(({ text }) => text);
  const found: Partial<Record<AnswerMetric, number>> = {
    ...Object.fromEntries([...values].map(([name, each]) => [name, meanOf(each)])),
    bleu: bleuOf(counts, bleu).score,
    distinct1: distinctN(texts, { ...tokensOf(bleu), n: 1 }),
    distinct2: distinctN(texts, { ...tokensOf(bleu), n: 2 }),
  };
  const inOrder = seedMetrics.filter((name) => found[name] !== undefined).map((name) => [name, found[name]]);
  const emptyAnswers = texts.filter((text) => text.trim() === '').length;
  return { told: { seed, ...(Object.fromEntries(inOrder) as MetricMeans), emptyAnswers }, values, counts };
}

const percent = (is: boolean): number => (is ? 100 : 0);
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const tokensOf = ({ tokenization, lowercase }: BleuSettings) => ({ tokenization, lowercase });

function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** A number for each score that all seeds have. */
const over = (seeds: AnswerScores['seeds'], of: (values: readonly number[]) => number) =>
  Object.fromEntries(
    seedMetrics.flatMap((name): [AnswerMetric, number][] => {
      const values = seeds.map((seed) => seed[name]).filter((value) => value !== undefined);
      return values.length === seeds.length ? [[name, of(values)]] : [];
    }),
  );

function meanAt(values: readonly number[], drawn: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < drawn.length; i++) sum += values[drawn[i] as number] as number;
  return sum / drawn.length;
}

function bleuAt(counts: readonly BleuCounts[], drawn: Int32Array, settings: BleuSettings): number {
  const sum = new Float64Array(BLEU_COUNTS);
  for (let i = 0; i < drawn.length; i++) {
    const record = counts[drawn[i] as number] as BleuCounts;
    for (let j = 0; j < BLEU_COUNTS; j++) sum[j]! += record[j] as number;
  }
  return bleuOfSum(sum, settings).score;
}

/** The options with their defaults; those of each group are checked by whoever takes them. */
export function checkScoring(where: string, options: unknown) {
  requireFields(where, options);
  const {
    bleu = {},
    normalization = 'naturalInstructions',
    bootstrap = {},
    ...others
  } = options as ScoreAnswersOptions;
  const unknown = Object.keys(others);
  if (unknown.length > 0) throw unknownOptions(where, unknown, ['bleu', 'normalization', 'bootstrap']);
  // Whether there is such a normalisation is said before any answer is scored.
  exactMatch('', [''], { normalization });
  return { bleu: checkBleu(where, bleu), normalization, bootstrap: checkBootstrap(where, bootstrap) };
}

/**
 * @param option what the caller calls the runs
 * @throws OptionError unless each run has an answer to each record
 */
export function checkRuns(
  where: string,
  option: string,
  runs: unknown,
  references: unknown,
): asserts runs is readonly SeedAnswers[] {
  const isList = Array.isArray(runs) && runs.length > 0;
  requireOption(where, option, runs, isList, 'a list of { seed, answers }, at least one');
  for (const [at, run] of (runs as readonly unknown[]).entries()) {
    const place = `${option}[${at}]`;
    const { seed, answers } = Object(run) as Partial<SeedAnswers>;
    requireOption(where, place, run, isPlainObject(run), '{ seed, answers }');
    requireOption(
      where,
      `${place}.seed`,
      seed,
      Number.isSafeInteger(seed) && (seed as number) >= 0,
      'an integer of at least 0',
    );
    requireOption(
      where,
      `${place}.answers`,
      answers,
      Array.isArray(answers),
      'a list of answers, { text, tokens, cut }',
    );
    for (const [i, answer] of (answers as readonly unknown[]).entries()) {
      const { text, tokens, cut } = Object(answer) as Partial<GivenAnswer>;
      const isCut = cut === undefined || typeof cut === 'boolean';
      const ok = isPlainObject(answer) && typeof text === 'string' && isCut;
      requireOption(where, `${place}.answers[${i}]`, answer, ok, 'an answer, { text, tokens, cut }');
      const isCount = tokens === undefined || (Number.isSafeInteger(tokens) && tokens >= 0);
      requireOption(where, `${place}.answers[${i}].tokens`, tokens, isCount, 'an integer of at least 0');
    }
    const texts = (answers as readonly GivenAnswer[]).map(({ text }) => text);
    checkLists(where, texts, references);
  }
  const found = (runs as readonly SeedAnswers[]).map(({ seed }) => seed);
  if (new Set(found).size === found.length) return;
  throw new OptionError(`${where}: a seed is there twice among ${found.join(', ')}, expected each once.`, {
    option,
    found,
  });
}
