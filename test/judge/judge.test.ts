/** A judge beside a server of our own: what is asked, what is kept, what is waited for, and how it ends where nobody answers. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AnswerToRate,
  type Comparison,
  createJudge,
  JudgeError,
  type JudgeOptions,
  OptionError,
  type Rating,
  summarizeComparisons,
  summarizeRatings,
} from '../../src/index.js';
import { answersIn, type PlayedJudge, playJudge, refuse } from './judgeServer.js';

let played: PlayedJudge | undefined;
afterEach(async () => {
  await played?.close();
  played = undefined;
});
const play = async (...given: Parameters<typeof playJudge>): Promise<PlayedJudge> => {
  played = await playJudge(...given);
  return played;
};
const judgeOf = (server: PlayedJudge, options: Partial<JudgeOptions> = {}) =>
  createJudge({ endpoint: server.endpoint, model: 'gpt-x', backoffMs: 1, ...options });

const answersOf = (...answers: readonly string[]): AnswerToRate[] =>
  answers.map((answer, i) => ({ instruction: `Question ${i}?`, reference: 'abcde', answer }));
async function all<T>(verdicts: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const verdict of verdicts) found.push(verdict);
  return found;
}
const inOrder = <T extends { readonly index: number }>(verdicts: readonly T[]) =>
  [...verdicts].sort((a, b) => a.index - b.index);
/** What it threw, and the verdicts before. */
async function ended<T>(verdicts: AsyncIterable<T>): Promise<{ readonly found: T[]; readonly error: unknown }> {
  const found: T[] = [];
  try {
    for await (const verdict of verdicts) found.push(verdict);
    return { found, error: undefined };
  } catch (error) {
    return { found, error };
  }
}

describe('rate', () => {
  it('scores each answer beside its reference, with the key in a header', async () => {
    const server = await play();
    const judge = judgeOf(server, { apiKey: 'sk-secret', request: { temperature: 0.7, max_tokens: 9 } });
    const ratings = inOrder(await all(judge.rate(answersOf('a', 'abc', 'abcdefghijklmn'))));
    expect(ratings.map(({ index, score, referenceScore }) => [index, score, referenceScore])).toEqual([
      [0, 1, 5],
      [1, 3, 5],
      [2, 10, 5],
    ]);
    expect(ratings[0]).toMatchObject({ requests: 1, promptTokens: 100, completionTokens: 20 });
    expect(ratings[0]?.reply).toBe('5 1\nBoth are short.');
    expect(server.asked).toHaveLength(3);
    for (const { url, headers, body } of server.asked) {
      expect(url).toBe('/v1/chat/completions');
      expect(headers.authorization).toBe('Bearer sk-secret');
      const { messages, ...rest } = body;
      expect(rest).toEqual({ model: 'gpt-x', temperature: 0.7, max_tokens: 9 });
      expect(messages.map(({ role }) => role)).toEqual(['system', 'user']);
    }
    // The reference is the first of the two, as the judge sees them.
    expect(server.asked.map(answersIn)).toContainEqual(['abcde', 'abc']);
    expect(summarizeRatings(ratings)).toEqual({
      ...{ score: 14 / 3, referenceScore: 5, ratio: (100 * 14) / 15, rated: 3, unreadable: 0 },
    });
  });

  it('sends no key where there is none, and takes an endpoint that ends in a slash or is whole', async () => {
    const server = await play();
    for (const endpoint of [`${server.endpoint}/`, `${server.endpoint}/chat/completions`]) {
      await all(judgeOf(server, { endpoint }).rate(answersOf('a')));
    }
    expect(server.asked.map(({ url }) => url)).toEqual(['/v1/chat/completions', '/v1/chat/completions']);
    expect(server.asked[0]?.headers.authorization).toBeUndefined();
  });

  it('leaves out what it cannot read, and says so', async () => {
    const server = await play({ reply: (_, number) => [null, 'Both are fine.', '9 3'][number - 1] as string | null });
    const ratings = await all(judgeOf(server, { concurrency: 1 }).rate(answersOf('a', 'b', 'c')));
    expect(ratings.map(({ score }) => score)).toEqual([undefined, undefined, 3]);
    expect(summarizeRatings(ratings)).toMatchObject({ score: 3, referenceScore: 9, rated: 1, unreadable: 2 });
  });

  it('ends after ten replies without a score, for the rest would cost as much', async () => {
    const server = await play({ reply: () => 'Assistant 1 is better.' });
    const cache = new Map<string, string>();
    const many = answersOf(...Array.from({ length: 50 }, (_, i) => `${i}`));
    const { found, error } = await ended(judgeOf(server, { cache, concurrency: 3 }).rate(many));
    expect(error).toBeInstanceOf(JudgeError);
    expect((error as Error).message).toContain(
      'the first 10 replies have no line of two scores from 1 to 10, the last begins Assistant 1 is better.',
    );
    expect(found).toHaveLength(10);
    expect(server.asked.length).toBeLessThan(15);
  });

  it('has as many requests open as it may', async () => {
    const server = await play({ delayMs: 15 });
    await all(judgeOf(server, { concurrency: 3 }).rate(answersOf(...'abcdefghi')));
    expect(server.mostOpen()).toBe(3);
  });

  it('spreads requests over the minute', async () => {
    const server = await play();
    await all(judgeOf(server, { requestsPerMinute: 1500, concurrency: 8 }).rate(answersOf(...'abcdef')));
    const times = server.asked.map(({ at }) => at);
    // Six requests, 40 ms apart. Timers may be a little early.
    expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThan(5 * 40 - 20);
  });
});

describe('compare', () => {
  it('asks in both orders, and a preference for a place is none', async () => {
    // A judge that likes the first place, unless an answer is much longer.
    const server = await play({
      reply: (asked) => {
        const [first, second] = answersIn(asked);
        return second.length > first.length + 3 ? '4 9' : '9 4';
      },
    });
    const pairs = [
      { instruction: 'a', answers: ['long answer', 'short'] as const },
      { instruction: 'b', answers: ['short', 'long answer'] as const },
      { instruction: 'c', answers: ['same', 'like'] as const },
      { instruction: 'd', answers: ['equal', 'equal'] as const },
    ];
    const found = inOrder(await all(judgeOf(server).compare(pairs)));
    expect(found.map(({ winner }) => winner)).toEqual(['first', 'second', 'tie', 'tie']);
    // Scores are told of the answers, not of the places.
    expect(found[1]?.scores).toEqual([
      [4, 9],
      [4, 9],
    ]);
    expect(found[2]?.scores).toEqual([
      [9, 4],
      [4, 9],
    ]);
    expect([found[3]?.scores, found[3]?.requests]).toEqual([[], 0]);
    expect(server.asked).toHaveLength(6);
    expect(summarizeComparisons(found)).toEqual({ wins: 1, ties: 2, losses: 1, winRate: 50, unreadable: 0 });
  });

  it('has no winner where one of the two replies has no scores', async () => {
    const server = await play({ reply: (_, number) => (number === 1 ? '8 2' : 'No.') });
    const [found] = await all(judgeOf(server).compare([{ instruction: 'a', answers: ['one', 'two'] }]));
    expect(found).toMatchObject({ winner: undefined, scores: [[8, 2], undefined] } satisfies Partial<Comparison>);
    expect(summarizeComparisons([found!]).unreadable).toBe(1);
  });
});

describe('the cache', () => {
  it('lets a second run cost nothing, and asks what is new alone', async () => {
    const server = await play();
    const cache = new Map<string, string>();
    const first = inOrder(await all(judgeOf(server, { cache }).rate(answersOf('a', 'ab'))));
    expect([server.asked.length, cache.size]).toEqual([2, 2]);
    for (const key of cache.keys()) expect(key).toMatch(/^[0-9a-f]{64}$/);
    const judge = judgeOf(server, { cache });
    const again = inOrder(await all(judge.rate(answersOf('a', 'ab', 'abc'))));
    expect(server.asked).toHaveLength(3);
    const verdict = ({ score, reply }: Rating) => [score, reply];
    expect(again.slice(0, 2).map(verdict)).toEqual(first.map(verdict));
    expect(again.map(({ requests, promptTokens }) => [requests, promptTokens])).toEqual([
      [0, 0],
      [0, 0],
      [1, 100],
    ]);
    // Another model, other settings or another order are other questions.
    await all(judgeOf(server, { cache, model: 'other' }).rate(answersOf('a')));
    await all(judgeOf(server, { cache, request: {} }).rate(answersOf('a')));
    await all(judge.rate([{ instruction: 'Question 0?', reference: 'a', answer: 'abcde' }]));
    expect(server.asked).toHaveLength(6);
  });

  it('holds no key', async () => {
    const server = await play();
    const cache = new Map<string, string>();
    await all(judgeOf(server, { cache, apiKey: 'sk-secret' }).rate(answersOf('a')));
    expect(JSON.stringify([...cache])).not.toContain('secret');
  });

  it('asks again where the cache has something else', async () => {
    const server = await play();
    const cache = { get: () => '{"no": 1}', set: () => undefined };
    const [rating] = await all(judgeOf(server, { cache }).rate(answersOf('ab')));
    expect([rating?.score, server.asked.length]).toEqual([2, 1]);
  });
});

describe('estimate', () => {
  it('counts what would be asked, and asks nobody', async () => {
    const server = await play();
    const cache = new Map<string, string>();
    const judge = judgeOf(server, { cache, price: { input: 2, output: 10 }, request: { max_tokens: 100 } });
    const [kept, ...open] = answersOf('a', 'ab', 'abc');
    await all(judge.rate([kept!]));
    const pairs = [
      { instruction: 'x', answers: ['1', '2'] as const },
      { instruction: 'y', answers: ['1', '1'] as const },
    ];
    // What is there twice is asked once.
    const estimate = await judge.estimate({ answers: [kept!, ...open, open[0]!], pairs });
    expect(server.asked).toHaveLength(1);
    expect(estimate).toMatchObject({ requests: 4, cached: 2, completionTokens: 400 });
    expect(estimate.cost).toBeCloseTo((2 * estimate.promptTokens + 10 * 400) / 1e6, 12);
    await all(judge.rate(open));
    const sent = server.asked.slice(1).flatMap(({ body }) => body.messages.map(({ content }) => content.length));
    const two = await judgeOf(server, { request: { max_tokens: 100 } }).estimate({ answers: open });
    expect(two.promptTokens).toBe(Math.ceil(sent.reduce((sum, length) => sum + length, 0) / 4));
    expect(two.cost).toBeUndefined();
    expect((await judgeOf(server, { request: {} }).estimate({ answers: open })).completionTokens).toBeUndefined();
  });
});

describe('a server in trouble', () => {
  it.each([
    ['too many requests', 429],
    ['an overload', 503],
    ['a fault of its own', 500],
    ['a request that came too slowly', 408],
  ])('is asked again after %s', async (_, status) => {
    const server = await play({ first: (response, __, number) => number <= 2 && refuse(response, status) });
    const [rating] = await all(judgeOf(server).rate(answersOf('ab')));
    expect([rating?.score, server.asked.length]).toEqual([2, 3]);
  });

  it('is asked again after a connection that was cut, before the answer and within it', async () => {
    const server = await play({
      first: (response, _, number) => {
        if (number === 1) response.destroy();
        else if (number === 2) response.write('{"choices": [', () => response.destroy());
        return number <= 2;
      },
    });
    const [rating] = await all(judgeOf(server).rate(answersOf('ab')));
    expect([rating?.score, server.asked.length]).toEqual([2, 3]);
  });

  it('waits twice as long before each further try', async () => {
    const server = await play({ first: (response, _, number) => number <= 3 && refuse(response, 500) });
    await all(judgeOf(server, { backoffMs: 20 }).rate(answersOf('ab')));
    const times = server.asked.map(({ at }) => at);
    const waits = times.slice(1).map((at, i) => at - (times[i] as number));
    // Timers may be a millisecond early, and late by any time.
    for (const [i, least] of [20, 40, 80].entries()) expect(waits[i]).toBeGreaterThan(least - 3);
  });

  it('is waited for as long as it asks, by all requests', async () => {
    const server = await play({
      first: (response, _, number) => number === 1 && refuse(response, 429, { headers: { 'Retry-After': '0.2' } }),
    });
    await all(judgeOf(server, { concurrency: 1 }).rate(answersOf('a', 'ab')));
    const times = server.asked.map(({ at }) => at);
    expect(times[1]! - times[0]!).toBeGreaterThan(190);
    await server.close();
    const two = await play({
      first: (response, _, number) => number === 1 && refuse(response, 429, { headers: { 'Retry-After': '0.2' } }),
    });
    await all(judgeOf(two, { concurrency: 2, requestsPerMinute: 6000 }).rate(answersOf('a', 'ab', 'abc', 'abcd')));
    // The second was on its way when the first was refused; nobody else begins before the time.
    const later = two.asked.slice(2).map(({ at }) => at - two.asked[0]!.at);
    expect(Math.min(...later)).toBeGreaterThan(190);
  });

  it('understands a date, too', async () => {
    const server = await play({
      first: (response, _, number) => {
        const headers = { 'Retry-After': new Date(Date.now() + 1500).toUTCString() };
        return number === 1 && refuse(response, 503, { headers });
      },
    });
    await all(judgeOf(server).rate(answersOf('a')));
    // Dates have whole seconds.
    expect(server.asked[1]!.at - server.asked[0]!.at).toBeGreaterThan(400);
  });

  it('is not waited for where it asks for an hour', async () => {
    const server = await play({ first: (response) => refuse(response, 429, { headers: { 'Retry-After': '3600' } }) });
    const { error } = await ended(judgeOf(server).rate(answersOf('a')));
    expect((error as Error).message).toContain(
      'the server answered 429 Too Many Requests (no), and asks to wait for 60 minutes. Go on then.',
    );
    expect(server.asked).toHaveLength(1);
  });

  it('stops after its tries, with all verdicts before, and goes on where it was', async () => {
    let isDown = true;
    const server = await play({ first: (response, _, number) => number > 3 && isDown && refuse(response, 500) });
    const cache = new Map<string, string>();
    const options = { cache, attempts: 2, concurrency: 2 };
    const answers = answersOf(...'abcdefgh');
    const { found, error } = await ended(judgeOf(server, options).rate(answers));
    expect(error).toBeInstanceOf(JudgeError);
    expect(error).toMatchObject({ code: 'ERR_JUDGE', found: 500 });
    expect((error as Error).message).toMatch(
      /^The judge gpt-x at http:.*: the server answered 500 Internal Server Error \(no\), 2 times\. Try again later\.$/,
    );
    expect([found.length, cache.size]).toEqual([3, 3]);
    // Nobody tries on once one has given up.
    const before = server.asked.length;
    expect(before).toBeLessThanOrEqual(3 + 2 + 2);
    isDown = false;
    expect(await all(judgeOf(server, options).rate(answers))).toHaveLength(8);
    expect(server.asked.length - before).toBe(5);
  });

  it('ends at once where no further try will help, and says what to do', async () => {
    for (const [status, more, advice] of [
      [401, {}, 'Give a key.'],
      [404, {}, "Check the endpoint and the model's name."],
      [400, { message: "Unsupported parameter: 'max_tokens'" }, 'Check the model, and the fields of the request.'],
      [429, { code: 'insufficient_quota' }, 'Check the credit of the account.'],
    ] as const) {
      const server = await play({ first: (response) => refuse(response, status, more) });
      const { error } = await ended(judgeOf(server).rate(answersOf('a')));
      expect((error as Error).message).toContain(advice);
      expect([error, server.asked.length]).toEqual([expect.objectContaining({ found: status }), 1]);
      await server.close();
    }
  });

  it('has its refusals shown without the key', async () => {
    const message = 'Incorrect API key provided: sk-secret. You can find your key somewhere.';
    const server = await play({ first: (response) => refuse(response, 401, { message }) });
    const { error } = await ended(judgeOf(server, { apiKey: 'sk-secret' }).rate(answersOf('a')));
    expect((error as Error).message).toContain('(Incorrect API key provided: ***. You can find your key somewhere.)');
    expect((error as Error).message).toContain('Check the key, and what it may do.');
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('secret');
  });

  it('takes the key nowhere else', async () => {
    const other = await playJudge();
    const server = await play({
      first: (response) => {
        response.writeHead(307, { Location: `${other.endpoint}/chat/completions` }).end();
        return true;
      },
    });
    const { error } = await ended(judgeOf(server, { apiKey: 'sk-secret' }).rate(answersOf('a')));
    expect([(error as Error).message, other.asked.length]).toEqual([
      expect.stringContaining('the server answered 307 Temporary Redirect'),
      0,
    ]);
    await other.close();
  });

  it.each([
    ['no JSON', '<html>hello</html>', 'the answer is no JSON (<html>hello</html>)'],
    ['other JSON', '{"object": "list"}', 'expected a chat completion'],
    ['a list', '[]', 'expected a chat completion'],
  ])('is no judge where it answers %s', async (_, body, message) => {
    const server = await play({
      first: (response) => {
        response.end(body);
        return true;
      },
    });
    const { error } = await ended(judgeOf(server).rate(answersOf('a')));
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toContain('Check that the endpoint is that of an OpenAI-compatible server.');
  });

  it('is given up where it does not answer in time, or is not there', async () => {
    const server = await play({ first: () => true });
    const slow = await ended(judgeOf(server, { timeoutMs: 50, attempts: 2 }).rate(answersOf('a')));
    expect((slow.error as Error).message).toContain('no answer came in 0.05 s, 2 times.');
    const gone = { ...server };
    await server.close();
    const { error } = await ended(judgeOf(gone, { attempts: 2 }).rate(answersOf('a')));
    expect((error as Error).message).toContain(
      'it cannot be reached (no server listens at this address (ECONNREFUSED))',
    );
  });
});

describe('an end from outside', () => {
  it('a signal breaks off requests and waits', async () => {
    const server = await play({ first: () => true });
    const controller = new AbortController();
    const rating = ended(judgeOf(server, { signal: controller.signal }).rate(answersOf('a', 'b')));
    while (server.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await rating).toEqual({ found: [], error: reason });
  });

  it('leaving the loop breaks off what is under way', async () => {
    const server = await play({ delayMs: 5 });
    for await (const _ of judgeOf(server, { concurrency: 2 }).rate(answersOf(...'abcdefgh'))) break;
    // What was on its way to the server may still arrive.
    const later = () => new Promise((resolve) => setTimeout(resolve, 50));
    await later();
    const asked = server.asked.length;
    expect(asked).toBeLessThan(5);
    await later();
    expect(server.asked.length).toBe(asked);
  });
});

describe('createJudge refuses', () => {
  const endpoint = 'https://api.example.org/v1';
  it.each<[string, object, string]>([
    ['what is no address', { endpoint: 'localhost:80' }, 'endpoint is localhost:80, expected a URL'],
    ['an address with a password', { endpoint: 'https://a:b@example.org' }, 'Give a key as apiKey'],
    ['a key on its way in the open', { endpoint: 'http://example.org/v1', apiKey: 'k' }, 'would go there unencrypted'],
    [
      'fields that are its own',
      { request: { model: 'x' } },
      'request.model is x, expected none: the judge sets it itself',
    ],
    ['a request that JSON cannot hold', { request: { a: 3n } }, 'expected what JSON can hold'],
    ['a cache without set', { cache: { get: () => undefined } }, 'expected a cache with get and set'],
    ['no tries', { attempts: 0 }, 'attempts is 0, expected an integer of at least 1'],
    ['a price alone', { price: { input: 3 } }, 'price.output'],
  ])('%s', (_, options, message) => {
    const make = () => createJudge({ endpoint, model: 'm', ...options } as JudgeOptions);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  it.each(['sk secret', 'sk-secret\n', '', 'sk-s\u00e9cret'])(
    'a key that no header can hold, without showing it',
    (apiKey) => {
      const make = () => createJudge({ endpoint, model: 'm', apiKey });
      expect(make).toThrow('apiKey is empty, or has spaces or letters that no header can hold');
      expect(make).not.toThrow(/secret|cret/);
    },
  );

  it('lists that are none, at the first verdict', async () => {
    const judge = createJudge({ endpoint, model: 'm' });
    await expect(all(judge.rate('a' as never))).rejects.toThrow(
      "rate: answers is the string 'a', expected a list of answers",
    );
    await expect(all(judge.rate([{ instruction: 'a' }] as never))).rejects.toThrow(OptionError);
    await expect(all(judge.compare([{ instruction: 'a', answers: ['b'] }] as never))).rejects.toThrow(OptionError);
    await expect(judge.estimate({ answer: [] } as never)).rejects.toThrow('Did you mean answers?');
    expect(await all(judge.rate([]))).toEqual([]);
  });
});
