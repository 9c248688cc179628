/**
 * Callers without types, and slips of the pen: every public function of the main entry and of `distillm/report` is
 * called rightly, then with each argument and each option replaced by things of other kinds, and with an option that it
 * does not have. Whatever is refused is refused by an error of ours; nothing else is thrown.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { losses } from '../src/distill/losses/index.js';
import * as report from '../src/entries/report.js';
import * as api from '../src/index.js';
import { isPlainObject } from '../src/inWords.js';
import { createTokenizer } from '../src/text/index.js';
import { letters } from './distill/fixtures.js';
import { makeRun } from './report/runs.js';

const all = { ...api, ...report };

const config = { model_type: 'gpt2', vocab_size: 300, n_positions: 64, n_embd: 8, n_layer: 1, n_head: 2 };
const text = ['a b', 'b c', 'c d'].map((output) => JSON.stringify({ instruction: 'say', output })).join('\n');

const evaluated = { name: 'one', scores: api.scoreAnswers([{ seed: 1, answers: [{ text: 'a' }] }], [['a']]) };

const log = `${JSON.stringify({ type: 'validation', step: 1, loss: 2 })}\n`;
/** A function of the caller's, which an option takes. */
const ignore = () => {};

/** Right arguments of each function. What is not plain (a device, a model) comes from `made`. */
type Calls = Readonly<Record<string, readonly unknown[]>>;
let calls: Calls = {};
let made: { tokenizer: api.Tokenizer; student: api.LanguageModel };

const home = process.cwd();
afterAll(async () => {
  const folder = process.cwd();
  process.chdir(home);
  await rm(folder, { recursive: true });
});
beforeAll(async () => {
  // Any text is a path to those who save.
  process.chdir(await mkdtemp(join(tmpdir(), 'distillm-misuse-')));
  const device = await api.openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const tokenizer = api.trainTokenizer(letters, { vocabSize: 260, specialTokens: { eos: '<|endoftext|>' } });
  const chatting = createTokenizer({
    ...{ vocab: { a: 0 }, merges: [], specialTokens: { eos: 'e!' } },
    config: { chat_template: '{{ messages }}' },
  });
  const student = await api.createModel(config, { device });
  const teacher = await api.createModel(config, { device, trainable: false, seed: 1 });
  made = { tokenizer, student };
  const store = api.memoryStore(tokenizer.save());
  await api.saveModel(teacher, store);
  const data = await api.readInstructions({ text }, { tokenizer, template: 'compact', maxLength: 60 });
  const prompt = Int32Array.of(1, 2, 3);
  const { signal } = new AbortController();
  const hub = { endpoint: 'https://localhost', token: 'x', offline: true };
  const generation = { maxNewTokens: 2, eosTokenId: 0, temperature: 1, topK: 3, bannedTokens: [7], signal };
  const { eosTokenId: _, ...drawing } = generation;
  const texts = { ...drawing, tokenizer, template: 'compact', stop: ['b'], seeds: [1], batchSize: 1 };
  const memory = await api.planGeneration(student, { promptLength: 3, maxNewTokens: 2 });
  const cache = api.memoryStore({}, { name: 'cache' });
  for await (const _ of api.cacheTeacher({ teacher, data, topK: 2, out: cache }));
  const run = { data, tokenizer, steps: 1, optimizer: { lr: 1e-3 }, validation: { every: 1 }, signal };
  const encoding = { tokenizer, template: 'compact', maxPromptLength: 50 };
  calls = {
    openDevice: [{ kind: 'wasm', wasm: { threads: 1 } }],
    examineDevices: [],
    startProfile: [device],
    openCheckpoint: [store, { base: store, onProgress: ignore, signal, hub }],
    createChatTemplate: [chatting, { name: 'default' }],
    recordKind: [[{ text }], { fields: { output: 'output' }, skipInvalid: true }],
    encodePrompt: [{ instruction: 'say', input: 'a', prefix: 'say: ' }, encoding],
    encodeInstruction: [
      { instruction: 'say', input: '', outputs: ['a'] },
      { ...encoding, maxLength: 60 },
    ],
    readInstructions: [
      [{ text }],
      {
        ...{ ...encoding, maxLength: 60, validation: 1 },
        ...{ fields: { output: 'output' }, languages: 'en-de', skipInvalid: true },
        ...{ answers: 'optional', teachers: { field: 'instruction', names: ['say'] } },
      },
    ],
    readPrompts: [[{ text }], { fields: { instruction: 'instruction' }, skipInvalid: true }],
    readRecords: [[{ text }], { fields: { instruction: 'instruction' }, languages: 'en-de', skipInvalid: true }],
    surveyData: [
      [{ text, name: 'd.jsonl' }],
      { ...encoding, maxLength: 60, samples: 1, fields: { output: 'output' }, languages: 'en-de', onProgress: ignore },
    ],
    readText: [{ text: 'a b c' }, { tokenizer, length: 4, limit: 9, seed: 1, skipInvalid: false }],
    readTokenizerTexts: [{ text }, { template: 'compact', fields: { output: 'output' } }],
    savedTemplate: [store],
    ...Object.fromEntries(
      Object.keys(losses).map((loss) => [
        loss,
        [{ temperature: 2, teacherTemperature: 1, temperatureSquared: true, clamp: 5, topK: 3 }],
      ]),
    ),
    alphaBeta: [{ alpha: 0.2, beta: 0.7, topK: 3 }],
    alphaMixture: [
      { alpha: 0.5, lambda: 0.5, between: 'teacherMixture', divergenceAlpha: 0.2, divergenceBeta: 0.7, clamp: 5 },
    ],
    taid: [{ start: 0.4, end: 1, rate: 5e-4, momentum: 0.99, follows: 'crossEntropy' }],
    adaptiveOffPolicy: [{ capacity: 10, guard: { cap: 1 } }],
    dataOnly: [{}],
    onPolicy: [{}],
    mixed: [{ share: 0.5 }],
    offPolicy: [{ share: 0.5, capacity: 10, schedule: 'constant' }],
    policyGradient: [{ clip: 0.2, updates: 2 }],
    cacheTeacher: [
      {
        ...{ teacher, data, tokenizer, out: api.memoryStore(), topK: 2, temperature: 1, vocabSize: 300, batchSize: 2 },
        ...{ partRows: 9, shard: { index: 1, of: 1 }, signal },
      },
    ],
    openTeacherCache: [cache, { verify: true }],
    mergeTeacherCache: [cache],
    distill: [{ ...run, student, teacher, loss: api.skewKL(), sgo: api.dataOnly(), generation: { topK: 1 } }],
    fineTune: [{ ...run, model: student }],
    generate: [student, [prompt], { ...generation, seeds: [1], batchSize: 1 }],
    generateBatches: [student, [prompt], { ...generation, seeds: [1], batchSize: 1 }],
    streamTokens: [student, prompt, { ...generation, seed: 1 }],
    planGeneration: [student, { promptLength: 3, maxNewTokens: 2, batchSize: 1 }],
    requireMemory: [memory],
    generateText: [student, ['a b'], texts],
    streamText: [student, [{ instruction: 'say', input: 'a' }], texts],
    httpStore: ['https://localhost/', { fetch, onProgress: ignore, signal }],
    blobStore: [{ 'a.txt': new Blob(['a']) }, { name: 'here' }],
    memoryStore: [{ 'a.txt': 'a' }, { name: 'here' }],
    readJson: [store, 'config.json'],
    openFolder: [store, { onProgress: ignore, signal, hub }],
    bleu: [
      ['a b c d'],
      [['a b c d']],
      { tokenization: 'intl', smoothing: 'floor', smoothingValue: 0.2, lowercase: true },
    ],
    bootstrapInterval: [[1, 2, 4], { resamples: 10, confidence: 0.9, seed: 1 }],
    createJudge: [
      {
        ...{ endpoint: 'https://localhost', model: 'm', apiKey: 'k', request: { max_tokens: 9 }, requestsPerMinute: 9 },
        ...{
          concurrency: 1,
          attempts: 1,
          backoffMs: 1,
          timeoutMs: 9,
          cache: new Map(),
          price: { input: 1, output: 2 },
          signal,
        },
      },
    ],
    distinctN: [['a b'], { tokenization: 'char', lowercase: true, n: 1 }],
    exactMatch: ['a', ['a'], { normalization: 'squad' }],
    perplexity: [student, data.train, { vocabSize: 300, batchSize: 2 }],
    rougeLsum: ['a', ['a'], { stemming: true }],
    rougeN: ['a', ['a'], { stemming: true, n: 2 }],
    compareAnswers: [
      [{ seed: 1, answers: [{ text: 'a', tokens: 1, cut: false }] }],
      [{ seed: 2, answers: [{ text: 'b', tokens: 1, cut: false }] }],
      [['a']],
      { bleu: { smoothing: 'add-k', smoothingValue: 1 }, normalization: 'none', bootstrap: { resamples: 3, seed: 1 } },
    ],
    scoreAnswers: [
      [{ seed: 1, answers: [{ text: 'a', tokens: 2, cut: true }] }],
      [['a']],
      { bleu: { lowercase: true }, normalization: 'squad', bootstrap: { resamples: 9 } },
    ],
    selfBleu: [['a', 'b'], { tokenization: 'none', lowercase: false }],
    summarizeComparisons: [[{ winner: 'tie' }]],
    summarizeRatings: [[{ score: 3, referenceScore: 4 }]],
    evaluationTable: [[evaluated]],
    differenceTable: [[evaluated]],
    reportEvaluations: [[evaluated], { title: 'one', lead: ['a'], answers: [] }],
    meanRougeL: [['a'], [['a']], { stemming: true }],
    rougeL: ['a', ['a'], { stemming: true }],
    createModel: [config, { device, seed: 1, trainable: false, dtype: 'f32', defaults: { vocabSize: 300 } }],
    exampleConfig: ['gpt2'],
    inspectCheckpoint: [store, { device, onProgress: ignore, signal, hub }],
    loadModel: [
      store,
      {
        ...{ device, trainable: true, lora: { rank: 2, targetModules: ['c_fc'] }, dtype: 'f32' },
        ...{ onProgress: ignore, signal, hub },
      },
    ],
    numParameters: [student],
    saveModel: [student, api.memoryStore(), { dtype: 'f32', merge: false, files: { 'a.txt': 'a' } }],
    createRng: [3],
    checkTokenizer: [tokenizer, teacher, { own: tokenizer, called: 'the teacher' }],
    eosDifference: [tokenizer, tokenizer],
    plotRuns: [[makeRun('one')], { charts: ['trainingLoss'] }],
    readRunLog: [log, 'one'],
    reportRuns: [[makeRun('one')], { title: 'one', lead: ['a'], charts: ['trainingLoss'], tables: [], answers: [] }],
    hasRougeWords: ['a'],
    loadTokenizer: [store, { onProgress: ignore, signal, hub }],
    tokenizerTrainer: [{ vocabSize: 300, model: 'unigram', specialTokens: { eos: 'e!' } }],
    trainTokenizer: [['a b'], { vocabSize: 258, model: 'bpe', specialTokens: { eos: 'e!' } }],
  };
});

/** Runs a call to its end; a run of training only to the end of its checks. */
async function called(name: string, given: readonly unknown[]): Promise<void> {
  const result: unknown = await (Object(all)[name] as (...given: readonly unknown[]) => unknown)(...given);
  if (['generateBatches', 'readRecords', 'streamTokens', 'streamText'].includes(name))
    for await (const _ of result as AsyncIterable<unknown>);
  if (name === 'openDevice') await (result as api.Device).dispose();
  if (name === 'startProfile') await (result as api.Profile).stop();
  if (name === 'createModel' || name === 'loadModel') (result as api.LanguageModel).dispose();
}

const refusal = (name: string, given: readonly unknown[]) =>
  called(name, given).then(
    () => undefined,
    (error: unknown) => error,
  );

/** Of every kind that JavaScript has. None is a path that exists. */
const others: readonly unknown[] = [
  ...[undefined, null, 42, Number.NaN, -1, 'nowhere/at/all', '', true, 7n, Symbol('s'), () => 1],
  ...[{}, [], [null], { text: 1 }, new Map(), new Float32Array(2), Promise.resolve(), new Date(0)],
];

/** Options or fields: no device, model or store, which are objects with methods. */
const holdsData = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isPlainObject(value) &&
  Object.values(value).every((inside) => typeof inside !== 'function' || inside === fetch || inside === ignore);

/** The arguments with one value replaced, for each value in them. */
function* replaced(given: readonly unknown[], by: unknown): Generator<[place: string, given: unknown[]]> {
  for (const [index, value] of given.entries()) {
    const whole = (instead: unknown) => given.map((each, i) => (i === index ? instead : each));
    yield [`argument ${index}`, whole(by)];
    if (!holdsData(value)) continue;
    for (const [option, inside] of Object.entries(value)) {
      yield [`argument ${index}.${option}`, whole({ ...value, [option]: by })];
      if (!holdsData(inside)) continue;
      for (const inner of Object.keys(inside)) {
        yield [`argument ${index}.${option}.${inner}`, whole({ ...value, [option]: { ...inside, [inner]: by } })];
      }
    }
  }
}

const functions = Object.entries(all)
  .filter(([, value]) => typeof value === 'function' && !(value.prototype instanceof Error))
  .map(([name]) => name)
  .sort();

it('is asked of every public function', () => expect(Object.keys(calls).sort()).toEqual(functions));

describe.each(functions)('%s', (name) => {
  it('takes what it is made for', async () => {
    if (name !== 'httpStore') await called(name, calls[name]!);
  });

  it('throws nothing but errors of ours, whatever it gets', async () => {
    for (const other of others) {
      for (const [place, given] of replaced(calls[name]!, other)) {
        const error = await refusal(name, given);
        if (error === undefined) continue;
        const words = `${place} as ${typeof other === 'symbol' ? 'a symbol' : String(other)}: ${error}`;
        expect(error instanceof api.DistillmError, words).toBe(true);
        expect((error as api.DistillmError).code, words).toMatch(/^ERR_[A-Z]+$/);
      }
    }
  });
});

describe('an option that there is not', () => {
  /** Each place of the arguments where options stand, with one more that is a slip away from one of them. */
  const slips = (given: readonly unknown[]) =>
    given.flatMap((value, index) => {
      const [first] = holdsData(value) ? Object.keys(value).slice(-1) : [];
      if (first === undefined) return [];
      const slip = `${first}x`;
      return [{ slip, first, given: given.map((each, i) => (i === index ? { ...Object(each), [slip]: 1 } : each)) }];
    });
  /** Objects of the caller's own, which may hold anything: texts, configs, files. */
  const open = [
    'blobStore',
    'memoryStore',
    'createModel',
    'readText',
    'readTokenizerTexts',
    'readInstructions',
    'encodeInstruction',
  ];

  it.each(functions)('is refused by %s, with the one that is meant', async (name) => {
    const given = calls[name]!;
    for (const slipped of slips(given)) {
      if (open.includes(name) && slipped.given.indexOf(given[1]) === 1) continue;
      const error = await refusal(name, slipped.given);
      expect(error).toBeInstanceOf(api.OptionError);
      expect((error as Error).message).toContain(`no option ${slipped.slip}`);
      expect((error as Error).message).toContain(`Did you mean ${slipped.first}?`);
    }
  });
});

describe('what used to pass, or to fail late', () => {
  it.each<[string, () => unknown, string]>([
    [
      'openDevice with a word',
      () => api.openDevice('wsam' as never),
      "openDevice: options is wsam, expected an object of options. Did you mean { kind: 'wasm' }?",
    ],
    [
      'openDevice of a slip',
      () => api.openDevice({ kind: 'wsam' as never }),
      'openDevice: kind is wsam, expected one of auto, webgpu, wasm. Did you mean wasm?',
    ],
    [
      'a loss that is not called',
      () =>
        api.distill({
          ...{ student: made.student, teacher: made.student, data: { train: [] }, steps: 1 },
          loss: api.skewReverseKL as never,
        }),
      'training: loss is a function, expected one of alphaBeta, alphaMixture, forwardKL, jensenShannon, reverseKL, skewKL, skewReverseKL, symmetricKL, taid, totalVariation. Call it: skewReverseKL().',
    ],
    [
      'the name of a loss',
      () =>
        api.distill({
          ...{ student: made.student, teacher: made.student, data: { train: [] }, steps: 1 },
          loss: 'skewReverseKL' as never,
        }),
      "training: loss is the string 'skewReverseKL', expected one of alphaBeta, alphaMixture, forwardKL, jensenShannon, reverseKL, skewKL, skewReverseKL, symmetricKL, taid, totalVariation. Call it: skewReverseKL().",
    ],
    [
      'a number as text',
      () => api.fineTune({ model: made.student, data: { train: [] }, optimizer: { lr: '1e-3' as never }, steps: 1 }),
      "training: optimizer.lr is the string '1e-3', expected a number of at least 0.",
    ],
    [
      'an option of the WASM device outside of its group',
      () => api.openDevice({ threads: 2 } as never),
      'openDevice: there is no option threads, expected one of kind, wasm, webgpu. Did you mean wasm.threads?',
    ],
    [
      'another, with a slip',
      () => api.openDevice({ arithmetics: 'plain' } as never),
      'openDevice: there is no option arithmetics, expected one of kind, wasm, webgpu. Did you mean wasm.arithmetic?',
    ],
    [
      'a size of a config with a slip',
      () =>
        api.createModel(
          { model_type: 'gpt2', vocab_size: 8, n_positions: 8, n_embd: 8, n_embed: 64, n_layer: 1, n_head: 1 },
          { device: made.student.device },
        ),
      'createModel: config has a field n_embed, which gpt2 does not know. Did you mean n_embd?',
    ],
    [
      'texts for prompts',
      () => api.generate(made.student, ['text'] as never, { maxNewTokens: 1 }),
      'generate: prompts[0] is text, expected an Int32Array of ids, as encodePrompt gives it.',
    ],
    [
      'one prompt for a list',
      () => api.generate(made.student, Int32Array.of(1) as never, { maxNewTokens: 1 }),
      'generate: prompts is an Int32Array, expected a list of prompts, each an Int32Array of ids.',
    ],
    [
      'generate without options',
      () => api.generate(made.student, [Int32Array.of(1)], undefined as never),
      'generate: options is undefined, expected an object of options.',
    ],
    [
      'an EOS that the model has not',
      () => api.generate(made.student, [Int32Array.of(1)], { maxNewTokens: 1, eosTokenId: 50256 }),
      "generate: eosTokenId is 50256, expected an id of the model's vocabulary, from 0 to 299. Check that the tokenizer is the model's.",
    ],
    [
      'a temperature that f32 does not hold everywhere',
      () => api.generate(made.student, [Int32Array.of(1)], { maxNewTokens: 1, temperature: 1e-40 }),
      'generate: temperature is 1e-40, expected 0 or a number as f32 holds it (1.2e-38 to 3.4e38).',
    ],
    [
      'null for a model',
      () => api.loadModel(null as never, {} as never),
      'loadModel: source is null, expected a folder',
    ],
    [
      'loadModel without a device',
      () => api.loadModel('x', {} as never),
      'loadModel: device is undefined, expected a device, as openDevice gives it after await.',
    ],
    [
      'a text for texts',
      () => api.trainTokenizer('some text', { vocabSize: 300 }),
      'trainTokenizer: texts is some text, expected a list of texts.',
    ],
    [
      'generateText with samples',
      () => api.generateText(made.student, ['a'], { tokenizer: made.tokenizer, samples: 2 } as never),
      'Give the prompt so often: each answer is drawn by a seed of its own (seeds).',
    ],
    [
      'streamText with raw',
      () => api.streamText(made.student, ['a'], { tokenizer: made.tokenizer, raw: true } as never).next(),
      'Give the prompt as token ids, tokenizer.encode(text): they are continued as they are, without a template.',
    ],
    [
      'generateText with greedy, as the command line has it',
      () => api.generateText(made.student, ['a'], { tokenizer: made.tokenizer, greedy: true } as never),
      'Set temperature: 0.',
    ],
    [
      'streamTokens with samples',
      () => api.streamTokens(made.student, Int32Array.of(1), { maxNewTokens: 1, samples: 2 } as never).next(),
      'Call it so often, each time with another seed.',
    ],
    [
      'generate with one seed',
      () => api.generate(made.student, [Int32Array.of(1)], { maxNewTokens: 1, seed: 2 } as never),
      'Give seeds, one a prompt.',
    ],
    [
      'training with the name of a flag',
      () => api.fineTune({ model: made.student, data: { train: [] }, steps: 1, rougeSamples: 3 } as never),
      'Did you mean validation.rougeL.samples?',
    ],
    [
      'training with out, as the command line has it',
      () => api.fineTune({ model: made.student, data: { train: [] }, steps: 1, out: 'x' } as never),
      'Did you mean checkpoint?',
    ],
    [
      'encode with a slip',
      () => made.tokenizer.encode('a', { addSpecialToken: false } as never),
      'encode: there is no option addSpecialToken, expected one of addSpecialTokens, allowedSpecial. Did you mean addSpecialTokens?',
    ],
    [
      'forward with a slip',
      () => made.student.forward({} as never, { dropoutseed: 1 } as never),
      'forward: there is no option dropoutseed, expected one of dropoutSeed, gradientCheckpointing. Did you mean dropoutSeed?',
    ],
  ])('%s', async (_, call, message) => {
    const error = await Promise.resolve()
      .then(call)
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(error).toBeInstanceOf(api.OptionError);
    expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining(message) });
  });
});

it('an error sent as its fields has its code on the other side', () => {
  const error = new api.LimitError('too much', { found: 3, expected: 2 });
  expect(structuredClone({ ...error, message: error.message })).toEqual({
    ...{ name: 'LimitError', code: 'ERR_LIMIT', message: 'too much', found: 3, expected: 2 },
  });
});
