/** The scores of models side by side: a row a score, a column a model. */
import * as z from 'zod';
import type { ComparisonSummary, RatingSummary } from '../judge/index.js';
import type { AnswerMetric, AnswerScores, ComparedScores, Interval } from '../metrics/index.js';
import { checkOption, ranges } from '../settings/index.js';
import type { Cell, Table } from './page/tables.js';

/** A model and how good its answers are. */
export interface EvaluatedModel {
  /** What the table calls it. */
  readonly name: string;
  /** As `scoreAnswers` gives them. */
  readonly scores: Pick<AnswerScores, 'mean' | 'deviation' | 'interval'>;
  /** Of the references. Default: not measured. */
  readonly perplexity?: number | undefined;
  /** What a judge thinks of it. Default: not asked. */
  readonly rating?: RatingSummary | undefined;
  /** How a judge sees it beside another model, as the first of each pair. Default: not asked. */
  readonly comparison?: ComparisonSummary | undefined;
  /** How its scores differ from those of the first model, as `compareAnswers` gives it. Default: not compared. */
  readonly difference?: ComparedScores | undefined;
  /** How its answers were drawn and scored, by names for people: `{ temperature: '0.7' }`. Default: not told. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

const interval = z.tuple([z.number(), z.number()]);
const numbers = z.record(z.string(), z.number().or(z.undefined()));
const models = z
  .array(
    z.looseObject({
      name: ranges.text,
      scores: z.looseObject({
        mean: numbers,
        deviation: numbers,
        interval: z.record(z.string(), interval.or(z.undefined())),
      }),
      perplexity: z.number().optional(),
      rating: z.looseObject({ score: z.number().or(z.nan()), ratio: z.number().or(z.nan()) }).optional(),
      comparison: z.looseObject({ winRate: z.number().or(z.nan()) }).optional(),
      difference: z
        .record(z.string(), z.looseObject({ difference: z.number(), interval, pValue: z.number() }).or(z.undefined()))
        .optional(),
      settings: z.record(z.string(), z.string('some text')).optional(),
    }),
    'a list of models with their scores',
  )
  .min(1, 'a list of models with their scores, at least one');

/** @throws OptionError for what is no list of models with scores */
export function requireEvaluated(where: string, given: unknown): asserts given is readonly EvaluatedModel[] {
  checkOption(where, 'models', given, models);
}

/** What the table calls a score, and whether it is from 0 to 100 and the better the higher. */
const rows: readonly (readonly [AnswerMetric, name: string, isShown: boolean])[] = [
  ['rougeL', 'ROUGE-L', true],
  ['rouge1', 'ROUGE-1', true],
  ['rouge2', 'ROUGE-2', true],
  ['rougeLsum', 'ROUGE-Lsum', true],
  ['bleu', 'BLEU', true],
  ['exactMatch', 'exact match, %', true],
  ['normalizedMatch', 'exact match, normalized, %', true],
  ['distinct1', 'distinct-1', false],
  ['distinct2', 'distinct-2', false],
  ['selfBleu', 'self-BLEU', false],
  ['answerTokens', 'tokens per answer', false],
  ['cutShare', 'answers cut, %', false],
];

/**
 * The scores of models as a table: the mean over the seeds, after \u00b1 the standard deviation over them, in brackets the interval
 * over the records. A score that no model has has no row.
 * @example
 * const { headings, rows } = evaluationTable([{ name: 'student', scores: scoreAnswers(runs, references) }]);
 * @throws OptionError for what is no list of models with scores
 */
export function evaluationTable(models: readonly EvaluatedModel[]): Table {
  requireEvaluated('evaluationTable', models);
  const measured = rows.map(([metric, name, isShown]): readonly [string, readonly (Cell | undefined)[]] => [
    name,
    models.map(({ scores }) => scoreCell(metric, scores, isShown)),
  ]);
  const single = (name: string, of: (model: EvaluatedModel) => number | undefined, digits: number, isShown = false) =>
    [
      name,
      models.map((model): Cell | undefined => {
        const value = of(model);
        if (value === undefined || !Number.isFinite(value)) return undefined;
        const text = value.toFixed(digits);
        return isShown ? { text, share: value / 100 } : text;
      }),
    ] as const;
  const all = [
    ...measured,
    single('perplexity of the references', ({ perplexity }) => perplexity, 2),
    single('judge, 1 to 10', ({ rating }) => rating?.score, 2),
    single("judge, % of the references' scores", ({ rating }) => rating?.ratio, 1),
    single('judge, % won in pairs', ({ comparison }) => comparison?.winRate, 1, true),
  ];
  return {
    headings: ['', ...models.map(({ name }) => name)],
    rows: all
      .filter(([, cells]) => cells.some((cell) => cell !== undefined))
      .map(([name, cells]) => [name, ...cells.map((cell) => cell ?? '')]),
  };
}

/**
 * How the scores of models differ from those of the first: in brackets the interval over the records, then how likely so much
 * would be by chance. No rows where no model has been compared.
 * @example
 * const difference = compareAnswers(runs, runsOfBaseline, references);
 * const models = [{ name: 'baseline', scores: baseline }, { name: 'student', scores, difference }];
 * const { headings, rows } = differenceTable(models);
 * @throws OptionError for what is no list of models with scores
 */
export function differenceTable(models: readonly EvaluatedModel[]): Table {
  requireEvaluated('differenceTable', models);
  const compared = models.filter(({ difference }) => difference);
  return {
    headings: [`difference from ${models[0]?.name}`, ...compared.map(({ name }) => name)],
    rows: rows.flatMap(([metric, name]): Cell[][] => {
      const cells = compared.map(({ difference }) => differenceCell(difference?.[metric]));
      return cells.some((cell) => cell !== '') ? [[name, ...cells]] : [];
    }),
  };
}

/** How the answers of models were drawn and scored: a row a setting. No rows where no model tells of any. */
export function settingsTable(models: readonly EvaluatedModel[]): Table {
  const names = new Set(models.flatMap(({ settings = {} }) => Object.keys(settings)));
  return {
    headings: ['', ...models.map(({ name }) => name)],
    rows: [...names].map((name) => [name, ...models.map(({ settings }) => settings?.[name] ?? '')]),
  };
}

function differenceCell(compared: ComparedScores[AnswerMetric]): string {
  if (!compared) return '';
  const { difference, interval, pValue } = compared;
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  return `${difference < 0 ? '' : '+'}${difference.toFixed(2)} ${ends(interval)} ${p}`;
}

function scoreCell(
  metric: AnswerMetric,
  { mean, deviation, interval }: EvaluatedModel['scores'],
  isShown: boolean,
): Cell | undefined {
  const value = mean[metric];
  if (value === undefined) return undefined;
  const text = [value.toFixed(2), spread(deviation[metric]), ends(interval[metric])].filter(Boolean).join(' ');
  return isShown ? { text, share: value / 100 } : text;
}

/** One seed has no deviation. */
const spread = (deviation: number | undefined): string =>
  deviation === undefined ? '' : `\u00b1 ${deviation.toFixed(2)}`;
const ends = (interval: Interval | undefined): string =>
  interval ? `[${interval.map((end) => end.toFixed(1)).join(', ')}]` : '';
