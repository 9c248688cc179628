/** `distillm eval` with several models, with answers that are there already, with a page, and with a judge. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createModel, loadTokenizer, openDevice, perplexity, readInstructions, saveModel } from '../../src/index.js';
import { byLength, type PlayedJudge, playJudge, refuse } from '../judge/judgeServer.js';
import { requireWellFormed } from '../report/markup.js';
import { testTerminal } from './terminal.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
const at = (name: string) => join(folder, name);
const run = (words: readonly string[]) => distillm('', { more: words, terminal: testTerminal() });
const linesOf = (name: string) =>
  readFileSync(at(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  folder = await makeWorkspace();
  await run([
    'tokenizer',
    '--data',
    at('train.jsonl'),
    '--template',
    'compact',
    '--vocab-size',
    '280',
    '--out',
    at('tok'),
  ]);
  const tokenizer = await loadTokenizer(at('tok'));
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const config = { ...JSON.parse(readFileSync(at('config.json'), 'utf8')), vocab_size: tokenizer.vocabSize };
  const eos = { bos_token_id: tokenizer.eosTokenId, eos_token_id: tokenizer.eosTokenId };
  for (const [seed, name] of ['one', 'two'].entries()) {
    const model = await createModel({ ...config, ...eos }, { device, seed });
    model.promptTemplate = 'compact';
    await saveModel(model, at(name), { files: tokenizer.save() });
  }
  await device.dispose();
});
afterAll(() => rm(folder, { recursive: true }));

const words = (...more: readonly string[]) => [
  ...['eval', '--model', at('one'), at('two'), '--data', at('held-out.jsonl'), '--max-new-tokens', '5'],
  ...['--seeds', '1,2', '--limit', '6', '--device', 'wasm', '--threads', '1', ...more],
];

describe('several models', () => {
  it('have a table side by side, a line of JSON each, and a page with their answers', async () => {
    const { code, out, err } = await run(
      words('--report', at('eval.html'), '--perplexity', '--answers', at('a.jsonl')),
    );
    expect(code, err).toBe(0);
    const results = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(results.map(({ model }) => model)).toEqual([at('one'), at('two')]);
    for (const each of results) {
      expect(each).toMatchObject({
        ...{ examples: 6, rouge1: expect.any(Number), bleu: expect.any(Number), selfBleu: expect.any(Number) },
        deviation: { rougeL: expect.any(Number) },
        interval: { rougeL: [expect.any(Number), expect.any(Number)] },
        settings: { template: 'compact', normalization: 'naturalInstructions', bleu: { tokenization: '13a' } },
      });
      expect(each.seeds.map(({ seed }: { seed: number }) => seed)).toEqual([1, 2]);
    }
    // The table has a column a model.
    const cells = (name: string) => new RegExp(`^${name} {2,}(\\S.*?\\]?)(?: {2,}|$)(.*)$`, 'm').exec(err);
    expect(cells('tokens per answer')?.slice(1, 3)).toEqual(
      results.map(({ answerTokens }) => expect.stringContaining(answerTokens.toFixed(2))),
    );
    const page = readFileSync(at('eval.html'), 'utf8');
    requireWellFormed(page.slice(page.indexOf('<main>'), page.indexOf('</main>') + 7));
    expect(page).toContain('Say ant 3 times.');
    expect(page.match(/<article>/g)).toHaveLength(6);
    for (const { model, rougeL } of results) {
      expect(page).toContain(`<dt>${model}</dt>`);
      expect(page).toContain(rougeL.toFixed(2));
    }
    // Each model's answers are in the file, below its settings.
    const records = linesOf('a.jsonl');
    expect(records.map(({ type }) => type).filter((type) => type === 'model')).toHaveLength(2);
    expect(records.filter(({ type, model }) => type === 'answer' && model === at('two'))).toHaveLength(12);
  });

  it('have the perplexity that the API gives', async () => {
    const { out } = await run([
      ...['eval', '--model', at('one'), '--data', at('held-out.jsonl'), '--greedy', '--max-new-tokens', '1'],
      ...['--perplexity', '--device', 'wasm', '--threads', '1'],
    ]);
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const { loadModel } = await import('../../src/index.js');
    const model = await loadModel(at('one'), { device });
    const tokenizer = await loadTokenizer(at('one'));
    const data = await readInstructions(at('held-out.jsonl'), { tokenizer, template: 'compact', maxLength: 96 });
    const expected = await perplexity(model, data.train, { vocabSize: tokenizer.vocabSize });
    await device.dispose();
    expect(JSON.parse(out).perplexity).toBeCloseTo(expected.perplexity, 6);
    // Weights are random: it guesses among nearly all ids.
    expect(expected.perplexity).toBeGreaterThan(150);
    expect(expected.perplexity).toBeCloseTo(Math.exp(expected.loss), 6);
  });

  it('give by themselves what they give together', async () => {
    const both = (await run(words())).out.trimEnd().split('\n');
    const alone = (await run(words().filter((word) => word !== at('one')))).out.trimEnd();
    const { difference, differenceFrom, ...own } = JSON.parse(both[1] as string);
    expect(JSON.parse(alone)).toEqual(own);
    expect([differenceFrom, JSON.parse(both[0] as string).difference]).toEqual([at('one'), undefined]);
    expect(difference.rougeL).toEqual({
      difference: expect.closeTo(own.rougeL - JSON.parse(both[0] as string).rougeL, 9),
      interval: [expect.any(Number), expect.any(Number)],
      pValue: expect.any(Number),
    });
  });

  it('have a second table of their differences, which is in the page too', async () => {
    const { code, out, err } = await run(words('--report', at('differences.html')));
    expect(code, err).toBe(0);
    const { difference } = JSON.parse(out.trimEnd().split('\n')[1] as string);
    const shown = (name: string) =>
      new RegExp(`^${name} {2,}([+-]\\S+) \\[\\S+, \\S+\\] p [<=] [01]\\.\\d{3}$`, 'm').exec(err);
    expect(err).toContain(`difference from ${at('one')}`);
    const signed = (value: number) => `${value < 0 ? '' : '+'}${value.toFixed(2)}`;
    expect(shown('tokens per answer')?.[1]).toBe(signed(difference.answerTokens.difference));
    expect(readFileSync(at('differences.html'), 'utf8')).toContain('<h2>Differences</h2>');
  });

  it('say how many of the prompts that they are asked are cut, and of one page all settings', async () => {
    const cut = words('--max-prompt-length', '12', '--report', at('settings.html'), '--bleu-tokenization', 'char');
    const { code, out, err } = await run([...cut, '--bleu-lowercase', '--normalization', 'squad']);
    expect(code, err).toBe(0);
    const [first] = out.split('\n').map((each) => each && JSON.parse(each));
    expect([first.examples, first.promptsCut]).toEqual([6, 6]);
    for (const name of ['one', 'two']) {
      expect(err).toContain(`Note: ${at(name)}, 6 of 6 prompts are longer than 12 tokens, and cut inside. Raise`);
    }
    expect(err).toContain('\nBLEU: case:lc|eff:no|tok:char|smooth:exp; exact match, normalized: squad\n');
    const page = readFileSync(at('settings.html'), 'utf8');
    for (const [name, value] of Object.entries({
      ...{ '--temperature': '1', '--max-new-tokens': '5', '--max-prompt-length': '12', '--template': 'compact' },
      ...{ '--seeds': '1,2', '--normalization': 'squad', BLEU: 'case:lc|eff:no|tok:char|smooth:exp' },
      ...{ 'prompts cut': '6 of 6 prompts' },
    })) {
      expect(page).toMatch(
        new RegExp(`<th scope="row">${name}</th>(<td[^>]*>${value.replaceAll('|', '\\|')}</td>){2}`),
      );
    }
    expect(page).toMatch(/<th scope="row">--tokenizer<\/th><td[^>]*>[^<]*one \(\d+ tokens\)</);
    const usual = await run(words());
    expect(usual.err).not.toMatch(/^BLEU:|prompts are longer/m);
  });

  it('say at once what they do, and score BLEU as they are told to', async () => {
    // Models of random weights say no word of the references, but letters of them.
    const letters = ['--bleu-tokenization', 'char'];
    const options = [
      ...letters,
      '--bleu-smoothing',
      'floor',
      '--bleu-smoothing-value',
      '0.5',
      '--bleu-effective-order',
    ];
    const { code, out, err } = await run(words(...options));
    expect(code, err).toBe(0);
    expect(err).toMatch(new RegExp(`^Evaluating ${at('one')}, ${at('two')} on ${at('held-out.jsonl')}\n`));
    const [first] = out.split('\n').map((each) => each && JSON.parse(each));
    expect(err).toContain('\nBLEU: case:mixed|eff:yes|tok:char|smooth:floor[0.5]\n');
    expect(first.settings.bleu).toMatchObject({ smoothing: 'floor', smoothingValue: 0.5, effectiveOrder: true });
    const usual = JSON.parse((await run(words(...letters))).out.split('\n')[0] as string);
    expect(first.bleu).not.toBe(usual.bleu);
    const none = await run(words('--bleu-smoothing-value', '0.5'));
    expect([none.code, none.err]).toEqual([
      2,
      expect.stringContaining('--bleu-smoothing-value is that of --bleu-smoothing floor or add-k, and exp has none.'),
    ]);
  });
});

describe('--resume', () => {
  const evaluate = (...more: readonly string[]) => run(words('--answers', at('resumed.jsonl'), ...more));

  it('draws what is missing alone, and ends with the same file and the same scores', async () => {
    const whole = await evaluate();
    expect(whole.code, whole.err).toBe(0);
    const content = readFileSync(at('resumed.jsonl'), 'utf8');
    const refused = await evaluate();
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('holds answers of distillm eval already')]);
    // Cut within the first seed of the second model, within a line.
    const lines = content.split('\n');
    const most = lines.slice(0, 1 + 12 + 1 + 3).join('\n').length + 20;
    truncateSync(at('resumed.jsonl'), most);
    const resumed = await evaluate('--resume');
    expect(resumed.code, resumed.err).toBe(0);
    expect(readFileSync(at('resumed.jsonl'), 'utf8')).toBe(content);
    expect(resumed.out).toBe(whole.out);
    expect(resumed.err).toContain(`${at('one')}, the answers of 2 of 2 seeds are those of --answers.`);
    expect(resumed.err).not.toContain(`${at('two')}, the answers`);
    // Nothing is drawn any more, and a file that is not there yet is a beginning.
    expect((await evaluate('--resume')).out).toBe(whole.out);
    const begun = await run(words('--answers', at('begun.jsonl'), '--resume'));
    expect([begun.code, begun.out]).toEqual([0, whole.out]);
  });

  it('adds a seed to those that are there', async () => {
    const more = words('--answers', at('resumed.jsonl'), '--resume').map((word) => (word === '1,2' ? '1,2,3' : word));
    const { code, out, err } = await run(more);
    expect(code, err).toBe(0);
    expect(JSON.parse(out.split('\n')[0] as string).seeds).toHaveLength(3);
    expect(err).toContain('the answers of 2 of 3 seeds are those of --answers.');
  });

  it.each<[string, readonly string[], RegExp]>([
    ['other settings', ['--temperature', '0.5'], /line 1: --temperature was 1, and is 0\.5 now\. Take another name/],
    ['another length', ['--max-prompt-length', '40'], /line 1: --max-prompt-length was 48, and is 40 now/],
  ])('refuses answers of %s', async (_, more, message) => {
    const { code, err } = await evaluate('--resume', ...more);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  it('refuses answers of another model in the same place', async () => {
    const place = at('best');
    await cp(at('one'), place, { recursive: true });
    const line = words('--answers', at('moved.jsonl')).map((word) => (word === at('one') ? place : word));
    expect((await run(line)).code).toBe(0);
    await cp(at('two/model.safetensors'), join(place, 'model.safetensors'));
    const { code, err } = await run([...line, '--resume']);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/line 1: .*best was another model: .* have changed since\./),
    ]);
    await cp(at('one/model.safetensors'), join(place, 'model.safetensors'));
    expect((await run([...line, '--resume'])).code).toBe(0);
  });

  it('refuses answers to other records, and of other models', async () => {
    const other = words('--answers', at('resumed.jsonl'), '--resume');
    const records = await run(other.map((word) => (word === at('held-out.jsonl') ? at('train.jsonl') : word)));
    expect([records.code, records.err]).toEqual([
      2,
      expect.stringContaining('line 2: the record is another than that'),
    ]);
    const fewer = await run(other.map((word) => (word === '6' ? '5' : word)));
    expect(fewer.err).toContain('line 1: there were 6 records, and now there are 5.');
    const one = await run(other.filter((word) => word !== at('two')));
    expect([one.code, one.err]).toEqual([2, expect.stringMatching(/the model is .*two, which --model does not name/)]);
    writeFileSync(at('else.jsonl'), '{"a": 1}\n');
    const nothing = await run(words('--answers', at('else.jsonl'), '--resume'));
    expect([nothing.code, nothing.err]).toEqual([
      2,
      expect.stringContaining('holds something else than answers of distillm eval'),
    ]);
  });
});

describe('--judge', () => {
  let server: PlayedJudge;
  afterEach(async () => {
    vi.unstubAllEnvs();
    await server?.close();
  });
  const judged = (name: string, ...more: readonly string[]) =>
    run([
      ...words('--answers', at(`${name}.jsonl`), '--judge', server.endpoint, '--judge-model', 'gpt-x'),
      ...['--judge-cache', at(`${name}.cache`), '--resume', ...more],
    ]);

  it('says what it costs, scores the answers of the first seed, and costs nothing a second time', async () => {
    server = await playJudge();
    vi.stubEnv('DISTILLM_JUDGE_KEY', 'sk-secret');
    const estimate = await judged('rated', '--judge-estimate', '--judge-price', '2,10');
    expect(estimate.code, estimate.err).toBe(0);
    // Some answers may be the same: each question is asked once.
    const [, requests = 0] =
      /The judge: (\d+) requests, about [\d,]+ tokens, at most [\d,]+ of replies: at most \$0\.\d\d/.exec(
        estimate.err,
      ) ?? [];
    expect(Number(requests)).toBeGreaterThan(6);
    expect(server.asked).toHaveLength(0);
    expect(JSON.parse(estimate.out.split('\n')[0] as string).judge).toBeUndefined();
    const rated = await judged('rated', '--report', at('judged.html'), '--judge-parallel', '1');
    expect(rated.code, rated.err).toBe(0);
    expect(server.asked).toHaveLength(Number(requests));
    expect(server.asked.every(({ headers }) => headers.authorization === 'Bearer sk-secret')).toBe(true);
    const results = rated.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { judge } of results) {
      expect(judge).toMatchObject({ score: expect.any(Number), ratio: expect.any(Number), rated: 6, unreadable: 0 });
    }
    expect(rated.err).toMatch(/^judge, 1 to 10 +[\d.]+ +[\d.]+$/m);
    expect(readFileSync(at('judged.html'), 'utf8')).toMatch(/>judge \d+</);
    const ratings = linesOf('rated.jsonl').filter(({ type }) => type === 'rating');
    expect(ratings).toHaveLength(12);
    expect(ratings[0].reply).toContain('Both are short.');
    // Nothing is asked again, and nothing has the key.
    const asked = server.asked.length;
    const again = await judged('rated');
    expect([again.out, server.asked.length]).toEqual([rated.out, asked]);
    for (const text of [
      rated.out,
      rated.err,
      ...['rated.jsonl', 'rated.cache', 'judged.html'].map((name) => readFileSync(at(name), 'utf8')),
    ]) {
      expect(text).not.toContain('secret');
    }
  });

  it.each([
    [1, '1 of 6 verdicts has no line of two scores, and is left out.'],
    [2, '2 of 6 verdicts have no line of two scores, and are left out.'],
  ])('leaves %s verdicts out that cannot be read, and says so', async (many, words) => {
    let left = many;
    // Of the first model's answers, which are rated first.
    server = await playJudge({ reply: (asked) => (left-- > 0 ? 'Both are short.' : byLength(asked)) });
    const { code, err } = await judged(`unreadable-${many}`, '--judge-parallel', '1');
    expect([code, err]).toEqual([0, expect.stringContaining(words)]);
  });

  it('is asked again where it takes a question and never answers, after the time that is given', async () => {
    server = await playJudge({ first: (_, __, number) => number === 1 });
    const { code, err } = await judged('silent', '--judge-parallel', '1', '--judge-timeout', '0.5');
    expect(code, err).toBe(0);
    expect(linesOf('silent.jsonl').filter(({ type }) => type === 'rating')).toHaveLength(12);
    const wrong = await judged('silent', '--judge-timeout', '0');
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('--judge-timeout is 0, expected')]);
  });

  it('keeps all that there is where it stops answering, and goes on', async () => {
    let isDown = true;
    server = await playJudge({ first: (response, _, number) => number > 4 && isDown && refuse(response, 401) });
    const stopped = await judged('stopped', '--judge-parallel', '1');
    expect([stopped.code, stopped.out]).toEqual([1, '']);
    expect(stopped.err).toMatch(/^distillm: The judge gpt-x at .* answered 401 Unauthorized \(no\)\. Give a key\./m);
    expect(stopped.err).toMatch(
      /The answers are in \S+stopped\.jsonl, 4 of 12 verdicts are in \S+stopped\.cache: the same command with --resume goes on\.$/m,
    );
    expect(linesOf('stopped.jsonl').filter(({ type }) => type === 'answer')).toHaveLength(24);
    expect(linesOf('stopped.jsonl').filter(({ type }) => type === 'rating')).toHaveLength(4);
    isDown = false;
    // A line of the cache that was cut by a kill.
    const { size } = statSync(at('stopped.cache'));
    truncateSync(at('stopped.cache'), size - 10);
    const before = server.asked.length;
    const { code, out, err } = await judged('stopped');
    expect(code, err).toBe(0);
    expect(server.asked.length - before).toBeLessThanOrEqual(9);
    expect(JSON.parse(out.split('\n')[0] as string).judge.rated).toBe(6);
    expect(linesOf('stopped.jsonl').filter(({ type }) => type === 'rating')).toHaveLength(12);
    const asked = server.asked.length;
    await judged('stopped');
    expect(server.asked.length).toBe(asked);
  });

  it('compares with the first model, in both orders', async () => {
    server = await playJudge();
    const { code, out, err } = await judged('pairs', '--judge-mode', 'pairs');
    expect(code, err).toBe(0);
    const [first, second] = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(first.judge).toBeUndefined();
    const { wins, ties, losses, winRate } = second.judge;
    expect(wins + ties + losses).toBe(6);
    expect(winRate).toBeCloseTo((100 * (wins + ties / 2)) / 6, 9);
    expect(linesOf('pairs.jsonl').filter(({ type }) => type === 'comparison')[0].scores).toHaveLength(2);
  });

  it.each<[string, readonly string[], string]>([
    ['without a model', ['--judge', 'https://a.b', '--answers', 'x'], '--judge is given without --judge-model.'],
    ['without --answers', ['--judge', 'https://a.b', '--judge-model', 'm'], '--judge is given without --answers.'],
    ['its options alone', ['--judge-model', 'm'], '--judge-model is about a judge, and --judge names none.'],
    ['a price of one', ['--judge-price', '3'], '--judge-price is 3, expected two numbers of dollars'],
    ['a request that is no object', ['--judge-request', '[1]'], '--judge-request is [1], expected a JSON object'],
    ['no address', ['--judge', 'here', '--judge-model', 'm', '--answers', 'x'], '--judge is here, expected a URL'],
  ])('refuses %s', async (_, more, message) => {
    const { code, err } = await run(['eval', '--model', 'no/model', '--data', at('train.jsonl'), ...more]);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });

  it('refuses pairs of one model, models that are named twice, and --resume of nothing', async () => {
    const refused = async (more: readonly string[], message: string) => {
      const { code, err } = await run(['eval', '--data', at('train.jsonl'), ...more]);
      expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    };
    const judge = ['--judge', 'https://a.b', '--judge-model', 'm', '--answers', 'x', '--judge-mode', 'pairs'];
    await refused(['--model', 'a', ...judge], '--judge-mode pairs compares models with the first, and there is one.');
    await refused(['--model', 'a', 'b', 'a'], '--model names a twice.');
    await refused(['--model', 'a', '--resume'], '--answers names none.');
  });

  it('refuses a key that no header can hold, and a cache that is something else', async () => {
    server = await playJudge();
    vi.stubEnv('DISTILLM_JUDGE_KEY', 'sk secret');
    const { code, err } = await judged('key');
    expect([code, err]).toEqual([2, expect.stringContaining('DISTILLM_JUDGE_KEY is empty, or has spaces')]);
    expect(err).not.toContain('secret');
    vi.stubEnv('DISTILLM_JUDGE_KEY', '');
    writeFileSync(at('else.cache'), 'hello\n');
    const other = await judged('else2', '--judge-cache', at('else.cache'));
    expect([other.code, other.err]).toEqual([
      2,
      expect.stringContaining("holds something else than a judge's replies"),
    ]);
  });
});
