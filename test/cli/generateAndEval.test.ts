import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createModel,
  generate,
  loadModel,
  loadTokenizer,
  openDevice,
  promptTemplates,
  rougeL,
  type WeightFormat,
} from '../../src/index.js';
import { testTerminal } from './terminal.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
let model: string;
const at = (name: string) => join(folder, name);
const wasm = ['--device', 'wasm', '--threads', '1'];
const run = (words: readonly string[], terminal = testTerminal()) => distillm('', { more: words, terminal });

beforeAll(async () => {
  folder = await makeWorkspace();
  model = at('run/last');
  const data = ['--data', at('train.jsonl'), '--template', 'compact'];
  await run(['tokenizer', ...data, '--vocab-size', '280', '--out', at('tokenizer')]);
  const trained = await run([
    ...['train', '--method', 'sft', '--student-config', at('config.json'), '--tokenizer', at('tokenizer'), ...data],
    ...['--epochs', '3', '--lr', '1e-2', '--out', at('run'), ...wasm],
  ]);
  expect(trained).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

const pictureOf = (control: string) =>
  control === '\u007f' ? '\u2421' : control < ' ' ? String.fromCharCode(0x2400 + control.charCodeAt(0)) : '\ufffd';

/** Several answers as people read them: each below a line that says which it is. */
const numbered = (prompts: readonly string[], answers: readonly string[]): string =>
  answers.map((answer, i) => `[${i + 1}/${answers.length}] ${prompts[i]}\n${answer}\n`).join('\n');

/** What the API says, greedily. */
async function expectedAnswer(prompt: string, maxNewTokens: number, dtype: WeightFormat = 'f32'): Promise<string> {
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const tokenizer = await loadTokenizer(model);
  const { eosTokenId } = tokenizer;
  const loaded = await loadModel(model, { device, dtype });
  const [ids] = await generate(loaded, [tokenizer.encode(prompt)], { maxNewTokens, temperature: 0, eosTokenId });
  await device.dispose();
  return tokenizer.decode(ids as Int32Array, { skipSpecialTokens: true });
}

describe('distillm generate', () => {
  const greedy = () => ['generate', '--model', model, '--greedy', '--max-new-tokens', '6', ...wasm];

  it('continues a raw prompt from the command line or from stdin', async () => {
    const answer = await expectedAnswer('Say red', 6);
    expect(await run([...greedy(), '--raw', 'Say red'])).toMatchObject({ code: 0, out: `${answer}\n`, err: '' });
    expect((await run([...greedy(), '--raw'], testTerminal({ stdin: 'Say red\n' }))).out).toBe(`${answer}\n`);
    const latin = (async function* () {
      yield Uint8Array.of(0x61, 0x0a, 0x63);
      yield Uint8Array.of(0xe9);
    })();
    const refused = await run([...greedy(), '--raw'], { ...testTerminal(), stdin: latin });
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining('the prompt on stdin is not UTF-8, in line 2 or after it'),
    ]);
  });

  it.each(['f16', 'int8', 'int4'] as const)('holds the model in %s', async (dtype) => {
    const answer = await expectedAnswer('Say red', 6, dtype);
    expect(await run([...greedy(), '--dtype', dtype, '--raw', 'Say red'])).toMatchObject({
      code: 0,
      out: `${answer}\n`,
    });
  });

  it('puts prompts into the template that the model was trained with, or another, and answers several', async () => {
    // Alpaca's two sentences alone exceed the 96 positions of this model.
    const alpaca = await run([...greedy(), '--template', 'alpaca', 'Say']);
    expect(alpaca).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /prompt 1 has \d+ tokens, with its template, and the model has 96 positions for it and its answer\. Cut the prompt\.$/m,
      ),
    });
    const prompts = ['Say red cat', 'Say dog'];
    const answers = await Promise.all(
      prompts.map((instruction) => expectedAnswer(promptTemplates.compact.render({ instruction, input: 'x' }), 6)),
    );
    const { out } = await run([...greedy(), '--input', 'x', ...prompts]);
    expect(out).toBe(numbered(prompts, answers));
  });

  it("takes the paper's template where the folder does not say, and refuses one that it does not know", async () => {
    const saved = (content: string) => writeFileSync(at('run/best/distillm.json'), content);
    const words = ['generate', '--model', at('run/best'), '--max-new-tokens', '1', ...wasm];
    saved('{}');
    expect(await run([...words, 'Say'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /prompt 1 has \d+ tokens, with its template, and the model has 96 positions for it and its answer\. Cut the prompt\.$/m,
      ),
    });
    saved('{"promptTemplate": "mine"}');
    const refused = await run([...words, 'Say']);
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("'mine'; here are alpaca and compact") });
    expect(await run([...words, '--raw', 'Say'])).toMatchObject({ code: 0 });
    saved('{"promptTemplate": 3}');
    expect(await run([...words, 'Say'])).toMatchObject({ code: 1, err: expect.stringContaining('expected a name') });
  });

  it('refuses a folder for the tokenizer that holds none', async () => {
    expect(await run(['generate', '--model', model, '--tokenizer', folder, '--raw', ...wasm, 'Say'])).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        `${folder}: there is no tokenizer, expected tokenizer.json, or vocab.json and merges.txt, or tokenizer.model. Name a ` +
          'source that has one by --tokenizer.\n',
      ),
    });
  });

  it('answers the prompts of a file or of stdin, one a line or as JSON lines', async () => {
    const prompts = ['Say red cat', '- Say dog', 'Say'];
    const expected = numbered(prompts, await Promise.all(prompts.map((prompt) => expectedAnswer(prompt, 6))));
    writeFileSync(at('prompts.txt'), `${prompts.join('\n')}\n\n`);
    writeFileSync(at('prompts.jsonl'), prompts.map((prompt) => JSON.stringify({ prompt, id: 7 })).join('\n'));
    for (const name of ['prompts.txt', 'prompts.jsonl']) {
      const { code, out, err } = await run([...greedy(), '--raw', '--prompts', at(name)]);
      expect([code, out, err]).toEqual([0, expected, '']);
    }
    const stdin = () => testTerminal({ stdin: readFileSync(at('prompts.txt'), 'utf8') });
    expect((await run([...greedy(), '--raw', '--prompts', '-'], stdin())).out).toBe(expected);
    // As it is drawn on a terminal, and side by side in batches of other sizes, it is the same.
    const shown = await run([...greedy(), '--raw', '--prompts', at('prompts.txt')], testTerminal({ isTTY: true }));
    expect(shown.out.replaceAll('\u240d', '\r')).toBe(expected.replace(/(?![\n\t\r])\p{Cc}/gu, pictureOf));
    const single = await run([...greedy(), '--raw', '--batch-size', '2', '--prompts', at('prompts.txt')]);
    expect(single.out).toBe(expected);
  });

  it('takes a prompt that begins with a dash after --, and says so before', async () => {
    const { out } = await run([...greedy(), '--raw', '--', '- Say dog']);
    expect(out).toBe(`${await expectedAnswer('- Say dog', 6)}\n`);
    for (const prompt of ['- Say dog', '-5 + 3 = ?', '--say dog']) {
      const { code, err } = await run([...greedy(), '--raw', prompt]);
      expect([code, err]).toEqual([
        2,
        expect.stringContaining(`after --, as in: npx distillm generate ... -- "${prompt}"\n`),
      ]);
    }
  });

  it('prints a line of JSON an answer: what was asked and drawn, why it ended, and the seed that draws it again', async () => {
    writeFileSync(at('asked.jsonl'), '{"instruction": "Say ant 1 times."}\n{"instruction": "Say", "input": "x"}\n');
    const words = ['generate', '--model', model, '--max-new-tokens', '9', ...wasm];
    const { code, out, err } = await run([
      ...[...words, '--prompts', at('asked.jsonl'), '--samples', '2', '--seed', '5', '--json', '--batch-size', '3'],
    ]);
    expect(code, err).toBe(0);
    const records = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ prompt, input, seed }) => [prompt, input, seed])).toEqual([
      ['Say ant 1 times.', undefined, 5],
      ['Say ant 1 times.', undefined, 6],
      ['Say', 'x', 5],
      ['Say', 'x', 6],
    ]);
    for (const { prompt, input, answer, tokens, finishReason, seed } of records) {
      expect(['eos', 'length']).toContain(finishReason);
      if (finishReason === 'length') expect(tokens).toBe(9);
      else expect(tokens).toBeLessThanOrEqual(9);
      const context = input === undefined ? [] : ['--input', input];
      const again = await run([...words, ...context, '--seed', String(seed), prompt]);
      expect(again.out).toBe(`${answer}\n`);
    }
    expect(new Set(records.map(({ answer }) => answer)).size).toBeGreaterThan(1);
    const greedyJson = await run([...words, '--json', '--greedy', '--raw', 'Say']);
    const { answer, finishReason } = JSON.parse(greedyJson.out);
    expect(answer).toBe(await expectedAnswer('Say', 9));
    expect(finishReason).toMatch(/^(eos|length)$/);
  });

  it('says of several answers which is which, with the beginning of a long prompt', async () => {
    const long = `Say ${'a '.repeat(24)}${'\u{1f600}'.repeat(10)}`;
    const words = ['generate', '--model', model, '--max-new-tokens', '2', '--raw', '--samples', '2', ...wasm];
    for (const isTTY of [false, true]) {
      const { code, out, err } = await run([...words, 'Say ant\nand bee', long], testTerminal({ isTTY }));
      expect(code, err).toBe(0);
      const headings = out.match(/^\[\d\/4, seed \d\] .*$/gm);
      expect(headings).toEqual([
        '[1/4, seed 0] Say ant ...',
        '[2/4, seed 1] Say ant ...',
        `[3/4, seed 0] Say ${'a '.repeat(24)}${'\u{1f600}'.repeat(8)} ...`,
        `[4/4, seed 1] Say ${'a '.repeat(24)}${'\u{1f600}'.repeat(8)} ...`,
      ]);
    }
  });

  it('answers as often as it is asked to, one batch at a time, whatever the reader does', async () => {
    // A thousand million answers: what was asked for is never held at once.
    const stop = new Error('enough');
    let answers = 0;
    const terminal = testTerminal();
    const slow = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        answers++;
        setTimeout(() => done(answers < 20 ? undefined : stop), 1);
      },
    });
    const words = ['generate', '--model', model, '--max-new-tokens', '1', '--json', '--raw', '--samples', '1e9'];
    const { code, err } = await run([...words, ...wasm, 'Say'], Object.assign(terminal, { stdout: slow }));
    expect([code, answers]).toEqual([1, 20]);
    expect(err).toContain('enough');
  });

  it('goes on with seed 0 after the largest', async () => {
    const words = ['generate', '--model', model, '--max-new-tokens', '3', '--raw', '--json', ...wasm];
    const { code, out, err } = await run([
      ...words,
      '--seed',
      String(Number.MAX_SAFE_INTEGER),
      '--samples',
      '3',
      'Say',
    ]);
    expect(code, err).toBe(0);
    const records = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ seed }) => seed)).toEqual([Number.MAX_SAFE_INTEGER, 0, 1]);
    const zero = JSON.parse((await run([...words, '--seed', '0', 'Say'])).out);
    expect(records[1].answer).toBe(zero.answer);
    const tooMany = await run([...words, '--batch-size', '1e9', 'Say']);
    expect([tooMany.code, tooMany.err]).toEqual([
      2,
      expect.stringContaining('--batch-size is 1e9, expected an integer from 1 to 65536.'),
    ]);
  });

  it('says what is wrong with prompts', async () => {
    const refused = async (words: readonly string[], code: number, message: string | RegExp) =>
      expect(await run(['generate', '--model', model, ...wasm, ...words])).toMatchObject({
        code,
        err: expect.stringMatching(message),
      });
    writeFileSync(at('bad-prompts.jsonl'), '{"prompt": "a"}\n{"question": "b"}\n{"prompt": 3}\n');
    await refused(['--prompts', at('bad-prompts.jsonl')], 1, /2 of 3 records cannot be used.*--skip-invalid/);
    await refused(
      ['--prompts', at('bad-prompts.jsonl'), 'Say'],
      2,
      /--prompts .* and prompts among the words are both given/,
    );
    writeFileSync(at('empty-prompts.txt'), '\n\n');
    await refused(['--prompts', at('empty-prompts.txt')], 1, /empty-prompts\.txt has no prompt, expected one a line/);
    writeFileSync(at('with-input.jsonl'), '{"prompt": "a", "input": "b"}');
    await refused(['--raw', '--prompts', at('with-input.jsonl')], 2, /--raw leaves the template out/);
    await refused(
      ['--samples', '3', '--greedy', 'Say'],
      2,
      /--samples 3 draws answers, and --greedy gives the same one/,
    );
    await refused(['--samples', '3', '--temperature', '0', 'Say'], 2, /and --temperature 0 gives the same one/);
    const skipped = await run([...greedy(), '--prompts', at('bad-prompts.jsonl'), '--skip-invalid']);
    expect([skipped.code, skipped.out.trimEnd().split('\n').length]).toEqual([0, 1]);
    expect(skipped.err).toMatch(/^Note: 2 records are left out, which cannot be used:$/m);
  });

  it('draws by its seed', async () => {
    const draw = async (seed: string) =>
      (await run(['generate', '--model', model, '--max-new-tokens', '20', '--seed', seed, '--raw', ...wasm, 'Say']))
        .out;
    expect(await draw('1')).toBe(await draw('1'));
    expect(await draw('1')).not.toBe(await draw('2'));
  });

  it('takes every sampling option', async () => {
    const draw = async (...options: string[]) =>
      (await run(['generate', '--model', model, '--max-new-tokens', '40', '--raw', ...options, ...wasm, 'Say'])).out;
    const answers = await Promise.all([
      draw(),
      draw('--temperature', '2'),
      draw('--top-k', '2'),
      draw('--top-p', '0.3'),
      draw('--repetition-penalty', '3'),
      draw('--no-repeat-ngram-size', '1'),
    ]);
    expect(new Set(answers).size).toBe(answers.length);
  });

  it('writes pictures of control characters to a terminal, and the answer as it is to a file', async () => {
    const words = ['generate', '--model', model, '--raw', '--temperature', '100', '--max-new-tokens', '80', ...wasm];
    const toFile = (await run([...words, 'Say'])).out;
    const onTerminal = (await run([...words, 'Say'], testTerminal({ isTTY: true }))).out;
    const controls = /(?![\n\t])\p{Cc}/gu;
    expect(toFile.match(controls)?.length).toBeGreaterThan(2);
    expect(onTerminal).not.toMatch(controls);
    expect(onTerminal.replace(/[\u2400-\u241f\u2421]/gu, '')).toBe(toFile.replace(controls, ''));
  });

  it.each([
    [['--input', 'x', '--raw', 'Say'], 2, '--input goes into a template'],
    [['--top-p', '0', '--raw', 'Say'], 2, 'a number above 0 and at most 1'],
    [['--max-new-tokens', '96', '--raw', 'Say'], 1, '96 positions'],
    [
      ['--tokenizer', 'examples', '--raw', 'Say'],
      1,
      'examples: there is no checkpoint, expected a Hugging Face folder',
    ],
    [[''], 2, 'a prompt is empty'],
    [[], 2, 'a prompt is empty'],
  ])('refuses %j', async (words, code, message) => {
    const outcome = await run(['generate', '--model', model, ...wasm, ...words]);
    expect([outcome.code, outcome.err]).toEqual([code, expect.stringContaining(message)]);
  });
});

describe('a model whose vocabulary is padded beyond its tokenizer', () => {
  const padded = () => at('padded/last');

  it('is trained, evaluated and answers without a word about ids that name no token', async () => {
    const config = { ...JSON.parse(readFileSync(at('config.json'), 'utf8')), vocab_size: 400, initializer_range: 1 };
    writeFileSync(at('padded.json'), JSON.stringify(config));
    const trained = await run([
      ...['train', '--method', 'sft', '--student-config', at('padded.json'), '--tokenizer', at('tokenizer')],
      ...['--data', at('train.jsonl'), '--template', 'compact', '--steps', '1', '--lr', '0', '--rouge-samples', '2'],
      ...['--rouge-temperature', '1', '--max-new-tokens', '40', '--out', at('padded'), ...wasm],
    ]);
    expect(trained, trained.err).toMatchObject({ code: 0 });
    expect(trained.err).toMatch(/validation after step 1 .*exact matches 0\.0%/);
    const answered = await run(['generate', '--model', padded(), '--max-new-tokens', '60', '--raw', ...wasm, 'Say']);
    expect(answered, answered.err).toMatchObject({ code: 0 });
    const line = ['eval', '--model', padded(), '--data', at('train.jsonl'), '--max-new-tokens', '20', '--seeds', '1'];
    expect(await run([...line, ...wasm])).toMatchObject({ code: 0 });
  });

  it('is refused where it is of another tokenizer: one far larger, or one whose tokens are others', async () => {
    const far = { ...JSON.parse(readFileSync(at('config.json'), 'utf8')), vocab_size: 70_000 };
    writeFileSync(at('far.json'), JSON.stringify(far));
    const words = ['train', '--method', 'sft', '--student-config', at('far.json'), '--tokenizer', at('tokenizer')];
    const refused = await run([...words, '--data', at('train.jsonl'), '--steps', '1', '--out', at('far'), ...wasm]);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(
        /The tokenizer has 280 tokens, the vocabulary of the new model of .*far\.json has 70,000\..*vocab_size in its config/,
      ),
    ]);
    await run(['tokenizer', '--data', at('held-out.jsonl'), '--vocab-size', '275', '--out', at('other')]);
    for (const command of [
      ['generate', '--model', model, '--raw', 'Say'],
      ['eval', '--model', model, '--data', at('train.jsonl')],
    ]) {
      const other = await run([...command, '--tokenizer', at('other'), ...wasm]);
      expect([other.code, other.out]).toEqual([1, '']);
      expect(other.err).toMatch(
        /of another vocabulary than that of the model in .*run\/last: id \d+ is ".*", and the model in .*last was trained with ".*"/,
      );
      expect(await run([...command, '--tokenizer', at('tokenizer'), '--max-new-tokens', '2', ...wasm])).toMatchObject({
        code: 0,
      });
    }
  });
});

it('eval says once that ROUGE-L does not know the script of the references', async () => {
  const records = ['привет мир', '你好', 'hello'].map(
    (output) => `${JSON.stringify({ instruction: 'Greet.', output })}\n`,
  );
  writeFileSync(at('scripts.jsonl'), records.join(''));
  const { code, err } = await run([
    ...['eval', '--model', model, '--data', at('scripts.jsonl'), '--max-new-tokens', '2', '--seeds', '1,2', ...wasm],
  ]);
  expect(code).toBe(0);
  expect(err.match(/Note: 2 of 3 records have no reference with a word of a to z or digits/g)).toHaveLength(1);
});

it('train and eval say where all answers are empty', async () => {
  const lines = readFileSync(at('train.jsonl'), 'utf8').trim().split('\n');
  writeFileSync(
    at('silent.jsonl'),
    lines.map((line) => `${JSON.stringify({ ...JSON.parse(line), output: '' })}\n`).join(''),
  );
  const trained = await run([
    ...['train', '--method', 'sft', '--student', model, '--data', at('silent.jsonl'), '--epochs', '10', '--lr', '1e-2'],
    ...['--validation', '4', '--rouge-samples', '2', '--max-new-tokens', '4', '--out', at('silent'), ...wasm],
  ]);
  expect(trained.code, trained.err).toBe(0);
  expect(trained.err).toMatch(
    /^Note: 16 of 16 training samples have an empty answer: there the model is to end at once\./m,
  );
  expect(trained.err).toMatch(
    /^Note: The scored answers of the last validation are all empty \(2\): .*train longer, or lower --lr\.$/m,
  );
  const words = ['eval', '--model', at('silent/last'), '--greedy', '--max-new-tokens', '4', ...wasm];
  const scored = await run([...words, '--data', at('train.jsonl')]);
  expect(scored.err).toMatch(/^Note: of 20 answers none has a word: the model ends each at once\./m);
  expect(scored.err).not.toContain('an empty reference');
  expect(JSON.parse(scored.out).seeds).toMatchObject([{ emptyAnswers: 20, rougeL: 0 }]);
  writeFileSync(at('half-silent.jsonl'), `${JSON.stringify({ instruction: 'Be quiet.', output: '' })}\n${lines[0]}\n`);
  const half = await run([...words, '--data', at('half-silent.jsonl')]);
  expect(half.err).toMatch(/^Note: 1 of 2 records has an empty reference: only an empty answer matches it/m);
  expect(JSON.parse(half.out).exactMatch).toBe(50);
});

it('train goes on with the template of its student', async () => {
  const words = ['train', '--method', 'sft', '--student', model, '--data', at('train.jsonl'), '--steps', '1', ...wasm];
  expect((await run([...words, '--out', at('more')])).err).toContain('2 for validation, template compact');
});

/** The folder of a model whose file has a header and a hole in place of its weights. */
async function sparseModel(name: string, fields: Readonly<Record<string, number | boolean>>): Promise<string> {
  const config = { model_type: 'gpt2', vocab_size: 280, n_positions: 1024, ...fields };
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const sized = await createModel(config, { device: device.meta() });
  await device.dispose();
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const [tensor, { shape, size }] of sized.parameters) {
    header[tensor] = { dtype: 'F32', shape, data_offsets: [end, end + 4 * size] };
    end += 4 * size;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const folder = at(name);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'model.safetensors');
  await writeFile(file, Buffer.concat([length, text]));
  await truncate(file, 8 + text.length + end);
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await cp(at('tokenizer'), folder, { recursive: true });
  return folder;
}

describe('a model that is larger than the memory', () => {
  // The size of GPT-2 XL but for its vocabulary: 5.9 GB in f32, of which WebAssembly can address 4 GiB.
  const xl = { n_embd: 1600, n_layer: 48, n_head: 25 };
  /** Weights that are read would be zeros: nothing else would say that they were. */
  const quick = async (words: readonly string[]) => {
    const started = performance.now();
    const finished = await run(words);
    return { ...finished, seconds: (performance.now() - started) / 1000 };
  };

  it('is refused at once by every command, with the sum and what would fit', async () => {
    const model = await sparseModel('xl', xl);
    const answered = await quick(['generate', '--model', model, '--max-new-tokens', '8', ...wasm, 'Say red']);
    const scored = await quick([
      ...['eval', '--model', model, '--data', at('train.jsonl'), '--max-new-tokens', '8', ...wasm],
    ]);
    const trained = await quick([
      ...['train', '--method', 'sft', '--student', model, '--data', at('train.jsonl'), '--steps', '1', ...wasm],
      ...['--out', at('xl-run')],
    ]);
    for (const { code, err, out, seconds } of [answered, scored, trained]) {
      expect([code, out]).toEqual([1, '']);
      expect(err).toMatch(/^distillm: memory: [\d.]+ GiB are needed, the device has 4\.0 GiB\.$/m);
      expect(err).toMatch(/^ {2}in all, at most +[\d.]+ GiB$/m);
      // Opening the device is in it, and whatever else this machine is doing.
      expect(seconds).toBeLessThan(5);
    }
    for (const { err } of [answered, scored])
      expect(err).toMatch(/^What would fit: .*give --dtype f16 \([\d.]+ GiB\)/m);
    expect(trained.err).toMatch(/^No smaller batch or length is enough: take a smaller model\.$/m);
    expect(existsSync(at('xl-run'))).toBe(false);
  });

  it('as a teacher is refused before data are read, with what would fit with batches of the size that is asked for', async () => {
    const teacher = await sparseModel('xl', xl);
    const words = [
      'train',
      '--method',
      'kd',
      '--teacher',
      teacher,
      '--student',
      model,
      '--data',
      at('train.jsonl'),
      ...wasm,
    ];
    const line = [...words, '--steps', '1', '--max-length', '96', '--out', at('xl-taught')];
    const asked = async (...more: string[]) => {
      const { code, err, seconds } = await quick([...line, ...more]);
      expect([code, err]).toEqual([1, expect.stringMatching(/^ {2}teacher's weights +5\.\d GiB$/m)]);
      expect(err).not.toContain('Data:');
      expect(seconds).toBeLessThan(5);
      const [, dtype, size] = /^What would fit: .*--teacher-dtype (\w+) \(([\d.]+) GiB\)/m.exec(err) ?? [];
      return { dtype, size: Number(size) };
    };
    const [small, large] = [await asked('--batch-size', '1'), await asked('--batch-size', '128')];
    // With the larger batch f16 would not fit.
    expect([small.dtype, large.dtype]).toEqual(['f16', 'int8']);
    for (const { size } of [small, large]) expect(size).toBeLessThan(4);
    expect(existsSync(at('xl-taught'))).toBe(false);
  });
});

describe('distillm eval', () => {
  const line = () => ['eval', '--model', model, '--data', at('train.jsonl'), '--max-new-tokens', '6', ...wasm];

  it('prints the mean over seeds, and writes every answer', async () => {
    const { code, out, err } = await run([
      ...line(),
      ...['--seeds', '1,2', '--limit', '7', '--batch-size', '3', '--answers', at('answers.jsonl')],
    ]);
    expect(code).toBe(0);
    const result = JSON.parse(out);
    const [head, ...answers] = readFileSync(at('answers.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(head).toMatchObject({
      type: 'model',
      model,
      records: 7,
      settings: { maxNewTokens: 6, template: 'compact' },
    });
    expect(answers).toHaveLength(14);
    const scores = answers.map(({ answer, references }) => rougeL(answer, references));
    expect(answers.map((record) => record.rougeL)).toEqual(scores);
    expect(result.rougeL).toBeCloseTo(scores.reduce((total, score) => total + score, 0) / 14, 9);
    expect(result.seeds.map(({ seed }: { seed: number }) => seed)).toEqual([1, 2]);
    expect(answers[0].instruction).toBe('Say ant 1 times.');
    for (const { type, tokens, finishReason } of answers) {
      expect([type, ['eos', 'length'].includes(finishReason), tokens <= 6]).toEqual(['answer', true, true]);
    }
    const tokensOf = (all: typeof answers) => all.reduce((sum, { tokens }) => sum + tokens, 0) / all.length;
    expect(result.answerTokens).toBeCloseTo(tokensOf(answers), 9);
    const cut = answers.filter(({ finishReason }) => finishReason === 'length').length;
    expect(result.cutShare).toBeCloseTo((100 * cut) / 14, 9);
    const [low, high] = result.interval.rougeL;
    expect(low <= result.rougeL && result.rougeL <= high).toBe(true);
    expect(result.settings).toMatchObject({ temperature: 1, topP: 1, noRepeatNgramSize: 6, maxNewTokens: 6 });
    expect(err).toContain('ROUGE-L');
  });

  it('writes the result last, below what it says to people', async () => {
    let resultCame = false;
    const terminal = testTerminal({
      wrote: (_, self) => {
        resultCame ||= self.out() !== '';
      },
    });
    const words = ['eval', '--model', model, '--data', at('train.jsonl'), '--limit', '1', '--greedy', ...wasm];
    expect((await run([...words, '--max-new-tokens', '2'], terminal)).code).toBe(0);
    expect(terminal.err()).toMatch(/^ROUGE-L +[\d.]+ /m);
    expect(JSON.parse(terminal.out())).toMatchObject({ examples: 1 });
    expect(resultCame).toBe(false);
  });

  it('gives the same answers whatever the batch size', async () => {
    const answersBy = async (size: string) => {
      await run([...line(), '--seeds', '3', '--limit', '7', '--batch-size', size, '--answers', at(`by${size}.jsonl`)]);
      return readFileSync(at(`by${size}.jsonl`), 'utf8');
    };
    expect(await answersBy('2')).toBe(await answersBy('7'));
  });

  it('runs one seed where all are the same', async () => {
    const { out } = await run([...line(), '--greedy', '--limit', '3']);
    expect(JSON.parse(out).seeds).toHaveLength(1);
  });

  it('names the line of a malformed file', async () => {
    writeFileSync(at('bad.jsonl'), '{"instruction": "a", "output": "b"}\n{"instruction": 3}\n');
    const outcome = await run(['eval', '--model', model, '--data', at('bad.jsonl'), ...wasm]);
    expect([outcome.code, outcome.err]).toEqual([1, expect.stringContaining('bad.jsonl: line 2')]);
  });
});
