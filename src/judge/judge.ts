/**
 * A language model as a judge of answers: it scores an answer beside its reference, or two answers to the same prompt in
 * both orders. Verdicts come as they are given; replies are kept in a cache, so that a run that was stopped goes on where it
 * was, and a second one costs nothing.
 */
import * as z from 'zod';
import { createSha256 } from '#platform';
import { JudgeError } from '../errors.js';
import { isPlainObject, short } from '../inWords.js';
import { checkOption, checkOptions } from '../settings/index.js';
import { inParallel, type WorkSignals } from './inParallel.js';
import { checkJudge, type JudgeOptions } from './options.js';
import { type JudgeQuestion, messagesFor, scoresIn } from './prompt.js';
import { createRequests, type JudgeReply } from './requests.js';

/** An answer that is scored beside what is expected. */
export interface AnswerToRate {
  /** What was asked. */
  readonly instruction: string;
  /** Its further context. Default '': none. */
  readonly input?: string;
  /** What a right answer is: the judge sees it as the first of two answers. */
  readonly reference: string;
  /** What is scored. */
  readonly answer: string;
}

/** Two answers to the same prompt. */
export interface AnswersToCompare {
  /** What was asked. */
  readonly instruction: string;
  /** Its further context. Default '': none. */
  readonly input?: string;
  /** The two answers. */
  readonly answers: readonly [first: string, second: string];
}

/** What each verdict took. */
export interface VerdictFacts {
  /** Which of the answers or pairs that were given, from 0. */
  readonly index: number;
  /** Requests that went to the server: those whose replies the cache had are none. */
  readonly requests: number;
  /** Tokens of these requests, as the server counts them; 0 where it does not say. */
  readonly promptTokens: number;
  /** Tokens of the replies. */
  readonly completionTokens: number;
}

/** What a judge thinks of an answer. */
export interface Rating extends VerdictFacts {
  /** 1 to 10; undefined where the reply has no scores. */
  readonly score: number | undefined;
  /** The same of the reference. */
  readonly referenceScore: number | undefined;
  /** All that the judge said. */
  readonly reply: string;
}

/** Which of two answers a judge prefers. */
export interface Comparison extends VerdictFacts {
  /** The answer that had the higher score in both orders, else 'tie'; undefined where a reply has no scores. */
  readonly winner: 'first' | 'second' | 'tie' | undefined;
  /** 1 to 10, of the first answer and the second: where the first was shown first, and where it was shown second. */
  readonly scores: readonly (readonly [first: number, second: number] | undefined)[];
  /** All that the judge said, in both orders. None of equal answers, which are a tie without a question. */
  readonly replies: readonly string[];
}

/** What verdicts would take. */
export interface JudgeEstimate {
  /** Requests that would go to the server. */
  readonly requests: number;
  /** Those whose replies are in the cache. */
  readonly cached: number;
  /** Tokens of the requests, about: a quarter of their bytes. */
  readonly promptTokens: number;
  /** Tokens of the replies at most; undefined where the request sets no limit. */
  readonly completionTokens: number | undefined;
  /** Dollars at most; undefined without prices or a limit. */
  readonly cost: number | undefined;
}

/** What a judge is asked of. */
export interface JudgeWork {
  /** Answers to rate. Default: none. */
  readonly answers?: readonly AnswerToRate[];
  /** Pairs to compare. Default: none. */
  readonly pairs?: readonly AnswersToCompare[];
}

/** A model that judges answers. */
export interface Judge {
  /**
   * Scores answers, 1 to 10, each beside its reference: one request an answer.
   * @returns the verdicts in the order in which they come
   * @throws OptionError for what is no list of answers; JudgeError, after all verdicts under way, when the judge does not
   * answer, or when the first ten replies have no scores; what the signal is aborted with
   */
  rate(answers: readonly AnswerToRate[]): AsyncGenerator<Rating, void, undefined>;
  /**
   * Compares pairs, each in both orders, for judges prefer a place: two requests a pair. Throws as `rate` does.
   * @returns the verdicts in the order in which they come
   */
  compare(pairs: readonly AnswersToCompare[]): AsyncGenerator<Comparison, void, undefined>;
  /**
   * What this would take, without asking anybody but the cache.
   * @throws OptionError for what is no list of answers or pairs
   */
  estimate(work: JudgeWork): Promise<JudgeEstimate>;
}

const answer = z.strictObject(
  { instruction: z.string(), input: z.string().default(''), reference: z.string(), answer: z.string() },
  'an answer, { instruction, input, reference, answer }',
);
const pair = z.strictObject(
  {
    instruction: z.string(),
    input: z.string().default(''),
    answers: z.tuple([z.string(), z.string()], 'a list of two answers'),
  },
  'a pair, { instruction, input, answers }',
);
const answerList = z.array(answer, 'a list of answers, { instruction, input, reference, answer }');
const pairList = z.array(pair, 'a list of pairs, { instruction, input, answers }');
const workOptions = z.strictObject({ answers: answerList.default([]), pairs: pairList.default([]) });

/** So many replies without scores, and none with, show that there will be none. */
const unreadable = 10;
/** Bytes of a token, about: of English text four. */
const bytesPerToken = 4;

/**
 * A judge on any OpenAI-compatible server. Nothing is asked yet.
 * @example
 * const judge = createJudge({ endpoint: 'http://localhost:8080/v1', model: 'qwen3-32b', cache: new Map() });
 * const answers = [{ instruction: 'Name a fruit.', reference: 'A pear.', answer: 'An apple.' }];
 * console.log(await judge.estimate({ answers }));
 * for await (const { score, referenceScore } of judge.rate(answers)) console.log(score, referenceScore);
 * @throws OptionError for unknown and wrong options, for a key that no header can hold, and for one that would go
 * unencrypted to another machine
 */
export function createJudge(options: JudgeOptions): Judge {
  const settings = checkJudge(options);
  const { endpoint, model, request, cache, price } = settings;
  const ask = createRequests(settings);

  /** What names a question in the cache: all that its reply depends on. */
  function keyOf(question: JudgeQuestion): string {
    const hash = createSha256();
    hash.update(new TextEncoder().encode(JSON.stringify([endpoint, model, request, messagesFor(question)])));
    return hash.digest();
  }
  async function kept(question: JudgeQuestion): Promise<JudgeReply | undefined> {
    const text = await cache?.get(keyOf(question));
    return text === undefined ? undefined : replyOf(text);
  }

  /** The reply of the cache, else of the server. */
  async function answered(
    question: JudgeQuestion,
    signals: WorkSignals,
  ): Promise<{ readonly reply: string; readonly took: Omit<VerdictFacts, 'index'> }> {
    const old = await kept(question);
    if (old) return { reply: old.text, took: { requests: 0, promptTokens: 0, completionTokens: 0 } };
    const { text, ...tokens } = await ask(messagesFor(question), signals);
    await cache?.set(keyOf(question), JSON.stringify({ text, ...tokens }));
    return { reply: text, took: { requests: 1, ...tokens } };
  }

  /** Verdicts of several questions each, until it shows that none has scores. */
  async function* verdicts<T>(
    questions: readonly (readonly JudgeQuestion[])[],
    verdict: (
      index: number,
      replies: readonly string[],
      scores: readonly ReturnType<typeof scoresIn>[],
      facts: VerdictFacts,
    ) => T,
  ): AsyncGenerator<T, void, undefined> {
    let [readable, without] = [0, 0];
    const work = async (index: number, signals: WorkSignals) => {
      const replies: string[] = [];
      const facts = { index, requests: 0, promptTokens: 0, completionTokens: 0 };
      for (const question of questions[index] as readonly JudgeQuestion[]) {
        const { reply, took } = await answered(question, signals);
        replies.push(reply);
        facts.requests += took.requests;
        facts.promptTokens += took.promptTokens;
        facts.completionTokens += took.completionTokens;
      }
      return { index, replies, facts };
    };
    const { concurrency, signal } = settings;
    for await (const { index, replies, facts } of inParallel(questions.length, { concurrency, signal }, work)) {
      const scores = replies.map(scoresIn);
      for (const each of scores) each ? readable++ : without++;
      yield verdict(index, replies, scores, facts);
      if (readable > 0 || without < unreadable) continue;
      throw new JudgeError(
        `The judge ${model} at ${endpoint}: the first ${without} replies have no line of two scores from 1 to 10, the last ` +
          `begins ${short(replies.at(-1)) || 'with nothing'}. Take a model that follows instructions, or a longer limit of its ` +
          'replies (max_tokens).',
        { found: replies.at(-1), expected: 'two scores from 1 to 10' },
      );
    }
  }

  return {
    async *rate(answers) {
      const checked = checkOption('rate', 'answers', answers, answerList);
      const questions = checked.map((each) => [ratingQuestion(each)]);
      yield* verdicts(questions, (_, [reply = ''], [scores], facts): Rating => {
        const [referenceScore, score] = scores ?? [undefined, undefined];
        return { ...facts, score, referenceScore, reply };
      });
    },
    async *compare(pairs) {
      const checked = checkOption('compare', 'pairs', pairs, pairList);
      yield* verdicts(checked.map(pairQuestions), (index, replies, scores, facts): Comparison => {
        if (isEven(checked[index] as Pair)) return { ...facts, winner: 'tie', scores: [], replies };
        const [straight, swapped] = scores;
        const ofAnswers = [straight, swapped && ([swapped[1], swapped[0]] as const)];
        return { ...facts, winner: winnerOf(ofAnswers), scores: ofAnswers, replies };
      });
    },
    async estimate(work) {
      const { answers, pairs } = checkOptions('estimate', workOptions, work);
      const questions = [...answers.map(ratingQuestion), ...pairs.flatMap(pairQuestions)];
      // What is asked twice is asked once.
      const open = new Map<string, JudgeQuestion>();
      let cached = 0;
      for (const question of questions) {
        const key = keyOf(question);
        if (open.has(key) || (await kept(question))) cached++;
        else open.set(key, question);
      }
      const bytes = [...open.values()].reduce((sum, question) => sum + sizeOf(question), 0);
      const promptTokens = Math.ceil(bytes / bytesPerToken);
      const limit = request.max_tokens ?? request.max_completion_tokens;
      const completionTokens = typeof limit === 'number' ? limit * open.size : undefined;
      const cost =
        price && completionTokens !== undefined
          ? (promptTokens * price.input + completionTokens * price.output) / 1e6
          : undefined;
      return { requests: open.size, cached, promptTokens, completionTokens, cost };
    },
  };
}

type Answer = z.output<typeof answer>;
type Pair = z.output<typeof pair>;

const ratingQuestion = ({ instruction, input, reference, answer }: Answer): JudgeQuestion => ({
  ...{ instruction, input },
  answers: [reference, answer],
});

/** Equal answers are not worth a question. */
const isEven = ({ answers: [first, second] }: Pair): boolean => first === second;

function pairQuestions(pair: Pair): JudgeQuestion[] {
  const [first, second] = pair.answers;
  return isEven(pair) ? [] : [pair, { ...pair, answers: [second, first] }];
}

/** Who has the higher score in all orders; of one who has it in one alone, judges would say so of the place. */
function winnerOf(scores: readonly (readonly [number, number] | undefined)[]): Comparison['winner'] {
  const leads = scores.map((each) => each && Math.sign(each[0] - each[1]));
  if (leads.some((lead) => lead === undefined)) return undefined;
  if (leads.every((lead) => lead === 1)) return 'first';
  return leads.every((lead) => lead === -1) ? 'second' : 'tie';
}

const sizeOf = (question: JudgeQuestion): number =>
  messagesFor(question).reduce((sum, { content }) => sum + new TextEncoder().encode(content).length, 0);

/** A reply as the cache has it; undefined for what is none: it is asked again. */
function replyOf(text: string): JudgeReply | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isPlainObject(value) && typeof value.text === 'string' ? (value as unknown as JudgeReply) : undefined;
  } catch {
    return undefined;
  }
}
