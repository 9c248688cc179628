/** `distillm data`: what it says, what it writes, what it refuses. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readInstructions, trainTokenizer } from '../../src/index.js';
import { testTerminal } from './terminal.js';
import { distillm } from './workspace.js';

let folder: string;
const path = (name: string) => join(folder, name);
const jsonl = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const dialogues = Array.from({ length: 12 }, (_, i) => ({
  id: `${i}`,
  dialogue: `Ann: ${i} cats?`,
  summary: `Ann has ${i} cats.`,
}));
const tokenizer = trainTokenizer(['Summarize the following dialogue. Instruction: Input: Response: Ann has cats.'], {
  ...{ vocabSize: 280, specialTokens: { eos: '<|endoftext|>' } },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-data-command-'));
  await writeFile(path('train.jsonl'), jsonl(dialogues));
  await writeFile(
    path('test.jsonl'),
    jsonl([
      { dialogue: 'Ann: 3 cats?', summary1: 'a', summary2: 'b' },
      { dialogue: 'Bob: x', summary1: 'c' },
    ]),
  );
  await writeFile(path('bad.jsonl'), jsonl([...dialogues, { dialogue: 'a', summary: 3 }]));
  await writeFile(path('corpus.txt'), 'The cat.\n\nThe dog.\n\n'.repeat(200));
  await writeFile(path('questions.jsonl'), jsonl([{ question_id: 1, turns: ['How?'] }]));
  for (const [name, content] of Object.entries(tokenizer.save())) await writeFile(path(name), content);
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

describe('distillm data', () => {
  it('knows a packed file as its own', async () => {
    const line = `data ${path('train.jsonl')} --show 0 --out ${path('twice.jsonl.gz')}`;
    expect((await distillm(line)).code).toBe(0);
    const { code, err } = await distillm(line);
    expect([code, err]).toEqual([2, expect.stringContaining('holds records of distillm data already')]);
    await writeFile(path('other.jsonl.gz'), gzipSync('{"a":1}\n'));
    expect((await distillm(line.replace('twice', 'other'))).err).toContain('holds something else than records');
    await writeFile(path('torn.jsonl.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 1]));
    expect((await distillm(line.replace('twice', 'torn'))).err).toContain('holds something else than records');
  });

  it.each([
    ['empty.jsonl', '', 'instruction'],
    ['blank.jsonl', '\n\n', 'instruction'],
    ['packed.jsonl.gz', gzipSync(''), 'instruction'],
    ['list.json', '[]', 'instruction'],
    ['empty.txt', '', ''],
  ])('names %s, which holds nothing, alone and beside others', async (name, content, what) => {
    await writeFile(path(name), content);
    for (const files of [path(name), `${path('train.jsonl')} ${path(name)}`, `${path(name)} --skip-invalid`]) {
      const { code, err } = await distillm(`data ${files}`);
      expect([code, err]).toEqual([
        1,
        expect.stringMatching(
          new RegExp(`${name} holds no ${what || '(text|instruction)'}\\. Check that it is the right file`),
        ),
      ]);
    }
  });

  it('says what files hold, draws the mask, and finds what they share', async () => {
    const { code, out, err } = await distillm(`data ${path('train.jsonl')} ${path('test.jsonl')} --template t5`);
    expect(code, err).toBe(0);
    expect(err).toBe('');
    expect(out.replaceAll(`${folder}/`, '')).toBe(
      `train.jsonl: 12 dialogues with their summaries
  characters  least  median  90%  99%  most  in all
  prompts        23      23   24   24    24     278
  answers        15      15   16   16    16     182
  --tokenizer <source> counts tokens, and says what the limits would cut.

The first sample, in the template t5; what is learnt is between \u27e6 and \u27e7:

  summarize: Ann: 0 cats?\u27e6Ann has 0 cats.\u27e7

test.jsonl: 2 dialogues with their summaries
  characters  least  median  90%  99%  most  in all
  prompts        17      17   23   23    23      40
  answers         1       1    1    1     1       2
  --tokenizer <source> counts tokens, and says what the limits would cut.
  1 of 2 records has several answers that count as right, up to 2.

The first sample, in the template t5; what is learnt is between \u27e6 and \u27e7:

  summarize: Ann: 3 cats?\u27e6a\u27e7
  or: b

In two files
  1 record of test.jsonl has a question of train.jsonl:
    line 1 = line 4: Summarize the following dialogue.\\n\\nAnn: 3 cats?
`,
    );
  });

  it('counts tokens by a tokenizer, and what limits would cut', async () => {
    const limits = '--max-prompt-length 20 --max-length 40 --template compact --show 0';
    const { code, out, err } = await distillm(`data ${path('train.jsonl')} --tokenizer ${folder} ${limits}`);
    expect(code, err).toBe(0);
    const { cut } = await readInstructions(path('train.jsonl'), {
      tokenizer,
      template: 'compact',
      maxPromptLength: 20,
      maxLength: 40,
    });
    expect(cut.prompts).toBe(12);
    expect(out).toMatch(/^ {2}tokens +least +median/m);
    expect(out).toContain(
      `  12 of 12 prompts are longer than 20 tokens, to be cut inside; ${cut.responses} of 12 answers would lose the end beyond 40.`,
    );
    const all = await distillm(`data ${path('train.jsonl')} --tokenizer ${folder} --show 2`);
    expect(all.out).toContain('  All fit: prompts into 256 tokens, with their answers into 512.');
    expect(all.out).toContain('The first 2 samples, in the template alpaca');
    expect(all.out).toMatch(/### Response:\n {2}\u27e6Ann has 0 cats\.<\|endoftext\|>\u27e7\n/);
  });

  it('colours on a terminal, unless NO_COLOR, and never in a pipe', async () => {
    const shown = async (isTTY: boolean) => {
      const terminal = testTerminal({ isTTY });
      await distillm(`data ${path('train.jsonl')} --template t5`, { terminal });
      return terminal.out();
    };
    vi.stubEnv('TERM', 'xterm');
    vi.stubEnv('NO_COLOR', '');
    expect(await shown(true)).toContain('\u001b[32m\u27e6Ann has 0 cats.\u27e7\u001b[39m');
    expect(await shown(false)).not.toContain('\u001b');
    vi.stubEnv('NO_COLOR', '1');
    expect(await shown(true)).not.toContain('\u001b');
  });

  it('tells records that cannot be used and fails, or leaves them out', async () => {
    const bad = await distillm(`data ${path('bad.jsonl')}`);
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(
      / {2}1 record cannot be used:\n {4}.*bad\.jsonl: line 13: field 'summary' is 3, expected some text\n/,
    );
    expect((await distillm(`data ${path('bad.jsonl')} --skip-invalid`)).code).toBe(0);
  });

  it('prints one line of JSON', async () => {
    const { code, out } = await distillm(
      `data ${path('train.jsonl')} ${path('questions.jsonl')} --json --tokenizer ${folder}`,
    );
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toMatchObject({
      files: [
        {
          kind: 'summary',
          records: 12,
          unit: 'tokens',
          samples: [{ answer: 'Ann has 0 cats.', tokens: expect.any(Number) }],
        },
        { kind: 'question', unanswered: 1, samples: [{ prompt: expect.stringContaining('How?') }] },
      ],
      shared: [],
    });
  });

  it('reads plain text', async () => {
    const { code, out, err } = await distillm(`data ${path('corpus.txt')}`);
    expect(code, err).toBe(0);
    expect(out).toMatch(/corpus\.txt: 400 documents of plain text\n/);
    expect(out).toMatch(/398 of 400 documents have the text of an earlier one\./);
    expect(out).toMatch(/The first sample, as far as it is shown here:\n\n {2}The cat\.\n/);
  });
});

describe('distillm data --out', () => {
  const samples = async (name: string) => {
    const { train } = await readInstructions(path(name), { tokenizer, template: 't5' });
    return train.map(({ prompt, references }) => [prompt, ...references]);
  };

  it('writes what reads as the files did, packed or not, several answers and prefixes kept', async () => {
    for (const name of ['all.jsonl', 'all.jsonl.gz']) {
      const { code, err } = await distillm(`data ${path('train.jsonl')} ${path('test.jsonl')} --out ${path(name)}`);
      expect(code, err).toBe(0);
      expect(err).toBe(`Wrote ${path(name)}: 14 records.\n`);
      expect(await samples(name)).toEqual([...(await samples('train.jsonl')), ...(await samples('test.jsonl'))]);
    }
    const packed = gunzipSync(readFileSync(path('all.jsonl.gz'))).toString('utf8');
    expect(packed).toBe(readFileSync(path('all.jsonl'), 'utf8'));
    expect(JSON.parse(packed.split('\n')[12] as string)).toEqual({
      ...{
        instruction: 'Summarize the following dialogue.',
        input: 'Ann: 3 cats?',
        prefix: 'summarize: ',
        output: ['a', 'b'],
      },
    });
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('holds out what train would hold out', async () => {
    const { code, err } = await distillm(
      `data ${path('train.jsonl')} --out ${path('rest.jsonl')} --validation 4 --held-out ${path('held.jsonl')}`,
    );
    expect(code, err).toBe(0);
    expect(err).toBe(`Wrote ${path('rest.jsonl')}: 8 records.\nWrote ${path('held.jsonl')}: 4 records.\n`);
    const { train, validation } = await readInstructions(path('train.jsonl'), {
      tokenizer,
      template: 't5',
      validation: 4,
    });
    expect(await samples('rest.jsonl')).toEqual(train.map(({ prompt, references }) => [prompt, ...references]));
    const held = validation.map(({ prompt, references }) => [prompt, ...references]);
    expect((await samples('held.jsonl')).toSorted()).toEqual(held.toSorted());
  });

  it.each<[string, number, string]>([
    [
      'bad.jsonl --out new.jsonl',
      1,
      '1 record cannot be used, so --out new.jsonl was not written. Correct them, or leave them out by --skip-invalid.',
    ],
    [
      'corpus.txt --out new.jsonl',
      2,
      '--out writes records of questions and answers, and corpus.txt is plain text. Leave it out.',
    ],
    ['train.jsonl --out train.jsonl', 2, '--out train.jsonl is train.jsonl, which is read: it would be overwritten.'],
    ['train.jsonl --out corpus.txt', 2, '--out corpus.txt holds something else than records of distillm data'],
    ['train.jsonl --out new.jsonl --held-out new.jsonl --validation 2', 2, 'new.jsonl'],
    [
      'train.jsonl --out new.jsonl --held-out held2.jsonl --validation 12',
      2,
      '--validation is 12, and the files have 12 records: none would be left.',
    ],
    [
      'train.jsonl --out new.jsonl --validation 2',
      2,
      '--validation holds records out, which go into --held-out <file>.',
    ],
    [
      'train.jsonl --out new.jsonl --held-out held2.jsonl',
      2,
      '--held-out gets the records that --validation <number> holds out.',
    ],
    [
      'train.jsonl --validation 2 --held-out held2.jsonl',
      2,
      '--held-out gets some of the records, and the others go into --out <file>.',
    ],
    ['train.jsonl --max-length 100', 2, '--max-length counts tokens: give --tokenizer <source> too.'],
    [
      'train.jsonl --max-prompt-length 100 --max-length 100 --tokenizer .',
      2,
      '--max-length is 100, expected more than --max-prompt-length (100).',
    ],
    ['train.jsonl --template chat', 2, '--template chat is that of a tokenizer: give --tokenizer <source> too.'],
    ['train.jsonl --languages german', 2, '--languages is german, expected two languages, as in en-de.'],
    ['missing.jsonl', 1, 'missing.jsonl cannot be read'],
    ['.', 1, '. is a folder, expected a file.'],
    ['', 2, 'data needs <files>'],
  ])('refuses %s', async (line, expected, message) => {
    const home = process.cwd();
    process.chdir(folder);
    try {
      const { code, err } = await distillm(`data ${line}`);
      expect(err).toContain(message);
      expect(code).toBe(expected);
      for (const name of ['new.jsonl', 'held2.jsonl']) expect(existsSync(name), name).toBe(false);
    } finally {
      process.chdir(home);
    }
  });

  it('says what is wrong with a file, in one line', async () => {
    for (const [name, content, message] of [
      ['page.jsonl', '<!DOCTYPE html><html>', /page\.jsonl is an HTML page, expected JSON lines/],
      [
        'cut.jsonl.gz',
        gzipSync(jsonl(dialogues)).subarray(0, -12),
        /cut\.jsonl\.gz: the gzip archive is cut or damaged after \d+ bytes/,
      ],
      [
        'cut.json',
        JSON.stringify(dialogues).slice(0, -5),
        /cut\.json: the JSON array does not end: the file is cut, after 11 whole records/,
      ],
      [
        'other.jsonl',
        jsonl([{ question: 'a', answer: 'b' }]),
        /no record has 'instruction' or 'prompt'; the records have question, answer\. .* --fields instruction=question,output=answer/,
      ],
    ] as const) {
      await writeFile(path(name), content);
      const { code, err, out } = await distillm(`data ${path(name)}`);
      expect([code, out], name).toEqual([1, '']);
      expect(err).toMatch(message);
      expect(err.trim().split('\n')).toHaveLength(1);
    }
  });
});
