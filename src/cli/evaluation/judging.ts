/** The judge of `distillm eval`: its options, what it would cost, and its verdicts as they come. */
import { dirname, join } from 'node:path';
import * as z from 'zod';
import {
  type AnswersToCompare,
  type AnswerToRate,
  type Comparison,
  type ComparisonSummary,
  createJudge,
  type Example,
  type Judge,
  JudgeError,
  OptionError,
  type Rating,
  type RatingSummary,
  summarizeComparisons,
  summarizeRatings,
} from '../../index.js';
import { ranges } from '../../settings/index.js';
import { counted, countedOf, whole } from '../format.js';
import { choice, count, flag, flagOf, given, optional, text, typed, type Values, withDefault } from '../options.js';
import { judgeCacheFile, tryFile } from '../outputs.js';
import type { ProgressLine } from '../progress.js';
import type { Rule } from '../rules.js';
import { noted, shellWord } from '../terminal.js';
import type { AnswersFile } from './answersFile.js';
import { openJudgeCache } from './judgeCache.js';

/** Where the key of the judge's server is: no option, for a command line stays in histories and lists of processes. */
export const keyVariable = 'DISTILLM_JUDGE_KEY';

const dollars = 'two numbers of dollars with a comma between them, as in 2.5,10';
const price = text.transform((value, context): { input: number; output: number } => {
  const [input = Number.NaN, output = Number.NaN, ...more] = value
    .split(',')
    .map((each) => (each.trim() === '' ? Number.NaN : Number(each)));
  if (more.length === 0 && input >= 0 && output >= 0) return { input, output };
  context.addIssue({ code: 'custom', message: dollars });
  return z.NEVER;
});
const object = 'a JSON object, as in \'{"max_completion_tokens": 2000}\'';
const request = text.transform((value, context): Record<string, unknown> => {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(value));
  } catch {
    context.addIssue({ code: 'custom', message: object });
    return z.NEVER;
  }
});

export const judgeOptions = {
  judge: optional(
    '<url>',
    text,
    `an OpenAI-compatible server whose model judges the answers of the first seed, as in https://api.openai.com/v1; its key is in ${keyVariable}`,
  ),
  judgeModel: optional('<name>', text, "the judge's name on that server"),
  judgeMode: withDefault(
    '<mode>',
    choice(['rate', 'pairs']),
    'rate: scores from 1 to 10, beside the reference; pairs: each model against the first one, in both orders',
    'rate' as const,
  ),
  judgePerMinute: optional('<number>', typed(ranges.positive), 'requests a minute at most (default: as many as come)'),
  judgeParallel: optional('<number>', count, 'requests under way at a time (default: 4)'),
  judgeTimeout: optional(
    '<seconds>',
    typed(ranges.between(0.001, 2_000_000)),
    'a request that is not answered by then has failed, and is tried again, six times in all (default: 60)',
  ),
  judgeRequest: optional(
    '<json>',
    request,
    'fields of each request beside model and messages (default: {"temperature": 0, "max_tokens": 512})',
  ),
  judgePrice: optional('<in,out>', price, 'dollars for a million tokens of requests and of replies, for the estimate'),
  judgeCache: optional(
    '<file>',
    text,
    'where its replies are kept: no question is paid for twice (default: judge-cache.jsonl beside --answers)',
  ),
  judgeEstimate: flag('says what the judge would cost, and does not ask it'),
};

export type JudgeValues = Values<typeof judgeOptions>;

const others = Object.keys(judgeOptions).filter((name) => name !== 'judge');

export const judgeRules: readonly Rule[] = [
  (given) => {
    const idle = others.find((name) => given[name] !== undefined);
    if (given.judge !== undefined || idle === undefined) return undefined;
    return `${flagOf(idle)} is about a judge, and --judge names none. Give its address, or leave ${flagOf(idle)} out.`;
  },
  ({ judge, judgeModel }) =>
    judge === undefined || judgeModel !== undefined
      ? undefined
      : "--judge is given without --judge-model. Give the model's name on that server.",
  ({ judge, answers }) =>
    judge === undefined || answers !== undefined
      ? undefined
      : '--judge is given without --answers. Name a file: where a judge stops, the answers are there, and --resume goes on.',
  ({ judgeMode, model }) =>
    judgeMode !== 'pairs' || (Array.isArray(model) && model.length > 1)
      ? undefined
      : '--judge-mode pairs compares models with the first, and there is one. Name several by --model.',
];

/** A judge, and where its replies are. */
export interface Judging {
  readonly judge: Judge;
  readonly cache: string;
  readonly mode: 'rate' | 'pairs';
  readonly estimateOnly: boolean;
}

/** @throws OptionError for options that no judge has; CheckpointError for a cache that cannot be read */
export function openJudge(
  options: JudgeValues,
  {
    answers,
    data,
    signal,
  }: {
    readonly answers: string | undefined;
    readonly data: readonly string[];
    readonly signal: AbortSignal | undefined;
  },
): Judging | undefined {
  const { judge: endpoint, judgeModel, judgeCache, judgeMode, judgeEstimate } = options;
  if (endpoint === undefined || judgeModel === undefined || answers === undefined) return undefined;
  const cache = judgeCache ?? join(dirname(answers), 'judge-cache.jsonl');
  tryFile('--judge-cache', cache, judgeCacheFile, [answers, ...data], { isOwn: true });
  const judge = spelt(() =>
    createJudge({
      ...{ endpoint, model: judgeModel, cache: openJudgeCache(cache) },
      ...given({
        apiKey: process.env[keyVariable] || undefined,
        requestsPerMinute: options.judgePerMinute,
        concurrency: options.judgeParallel,
        timeoutMs: options.judgeTimeout === undefined ? undefined : Math.round(1000 * options.judgeTimeout),
        request: options.judgeRequest,
        price: options.judgePrice,
        signal,
      }),
    }),
  );
  return { judge, cache, mode: judgeMode, estimateOnly: judgeEstimate };
}

/** What the API calls the options whose names differ here. */
const spellings = { endpoint: '--judge', apiKey: keyVariable, request: '--judge-request' } as const;

/** Refusals in the words of the command line. */
function spelt<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const { option, found, expected } = error;
    const names = Object.keys(spellings).join('|');
    const message = error.message.replace(
      new RegExp(`(?<=^createJudge: )(?:${names})\\b`),
      (name) => spellings[name as keyof typeof spellings],
    );
    throw new OptionError(message, { ...(option !== undefined && { option }), found, expected });
  }
}

/** A model's answers, one to each example. */
export interface Judged {
  readonly name: string;
  readonly answers: readonly { readonly text: string }[];
}

/** Verdicts on a model. */
export interface Verdicts {
  readonly rating?: RatingSummary;
  readonly comparison?: ComparisonSummary;
  /** Scores of its answers, 1 to 10, in the order of the examples; undefined where there is none. */
  readonly scores?: readonly (number | undefined)[];
}

/**
 * What a judge says of each model; nothing where only the estimate is wanted.
 * @throws JudgeError where it does not answer, with what goes on
 */
export async function judgeAll(
  { judge, cache, mode, estimateOnly }: Judging,
  models: readonly Judged[],
  examples: readonly Example[],
  { line, file, answersPath }: { line: ProgressLine; file: AnswersFile; answersPath: string },
): Promise<readonly Verdicts[]> {
  const [first, ...rest] = models as [Judged, ...Judged[]];
  const questions = models.map((model) => ratingsOf(model, examples));
  const pairs = rest.map((model) => pairsOf(model, first, examples));
  const work = mode === 'rate' ? { answers: questions.flat() } : { pairs: pairs.flat() };
  line.print(estimateLine(await judge.estimate(work)));
  if (estimateOnly) return models.map(() => ({}));
  const tally = { done: 0, all: mode === 'rate' ? questions.flat().length : pairs.flat().length, tokens: 0 };
  const told = ({ promptTokens, completionTokens }: Rating | Comparison) => {
    tally.tokens += promptTokens + completionTokens;
    tally.done++;
    line.update(`judge: ${whole(tally.done)}/${whole(tally.all)} verdicts, ${whole(tally.tokens)} tokens`);
  };
  try {
    const verdicts: Verdicts[] = [];
    for (const [at, { name }] of models.entries()) {
      if (mode === 'rate') {
        const ratings: Rating[] = [];
        for await (const rating of judge.rate(questions[at] as AnswerToRate[])) {
          const { index, score, referenceScore, reply } = rating;
          file.note({ type: 'rating', model: name, index, score, referenceScore, reply });
          ratings[index] = rating;
          told(rating);
        }
        const summary = summarizeRatings(ratings);
        noteUnreadable(line, summary.unreadable, ratings.length, name);
        verdicts.push({ rating: summary, scores: ratings.map(({ score }) => score) });
      } else if (at === 0) verdicts.push({});
      else {
        const comparisons: Comparison[] = [];
        for await (const comparison of judge.compare(pairs[at - 1] as AnswersToCompare[])) {
          const { index, winner, scores, replies } = comparison;
          file.note({ type: 'comparison', model: name, with: first.name, index, winner, scores, replies });
          comparisons[index] = comparison;
          told(comparison);
        }
        const summary = summarizeComparisons(comparisons);
        noteUnreadable(line, summary.unreadable, comparisons.length, name);
        verdicts.push({ comparison: summary });
      }
    }
    line.done();
    return verdicts;
  } catch (error) {
    line.done();
    if (!(error instanceof JudgeError)) throw error;
    const advice =
      `The answers are in ${shellWord(answersPath)}, ${countedOf(tally.done, tally.all, 'verdict', 'are')} in ${shellWord(cache)}: ` +
      'the same command with --resume goes on.';
    throw new JudgeError(`${error.message} ${advice}`, { found: error.found, expected: error.expected, cause: error });
  }
}

const ratingsOf = ({ answers }: Judged, examples: readonly Example[]): AnswerToRate[] =>
  examples.map(({ instruction, input, references }, i) => ({
    ...{ instruction, input, reference: references[0] ?? '', answer: answers[i]?.text ?? '' },
  }));

const pairsOf = (model: Judged, first: Judged, examples: readonly Example[]): AnswersToCompare[] =>
  examples.map(({ instruction, input }, i) => ({
    ...{ instruction, input, answers: [model.answers[i]?.text ?? '', first.answers[i]?.text ?? ''] },
  }));

function noteUnreadable(line: ProgressLine, unreadable: number, all: number, name: string): void {
  if (unreadable === 0) return;
  line.print(
    noted(
      `${name}: ${countedOf(unreadable, all, 'verdict', 'have')} no line of two scores, and ` +
        `${unreadable === 1 ? 'is' : 'are'} left out.`,
    ),
  );
}

function estimateLine({
  requests,
  cached,
  promptTokens,
  completionTokens,
  cost,
}: Awaited<ReturnType<Judge['estimate']>>): string {
  const replies = completionTokens === undefined ? '' : `, at most ${whole(completionTokens)} of replies`;
  const dollars = cost === undefined ? '' : `: at most $${cost.toFixed(2)}`;
  const known = cached === 0 ? '' : `; ${counted(cached, 'reply', 'are')} there already`;
  return `The judge: ${counted(requests, 'request')}, about ${whole(promptTokens)} tokens${replies}${dollars}${known}.`;
}
