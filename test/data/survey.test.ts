import { describe, expect, it } from 'vitest';
import { hash53 } from '../../src/data/hash53.js';
import { readInstructions, surveyData } from '../../src/data/index.js';
import { DataError, OptionError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const jsonl = (name: string, records: readonly object[]) => ({
  text: records.map((record) => JSON.stringify(record)).join('\n'),
  name,
});
const ask = (instruction: string, output: string | string[] = 'the cat') => ({ instruction, output });

describe('surveyData', () => {
  it('counts records, answers, lengths and what limits cut, as readInstructions would cut it', async () => {
    const records = [
      ask('Say the cat.'),
      ask('Say the mat.', ['the mat', 'a mat', '']),
      ask(`Say ${'the cat sat on the mat '.repeat(40)}`),
      ask('Say all.', 'the cat sat on the mat '.repeat(60)),
    ];
    const limits = { maxPromptLength: 64, maxLength: 128 };
    const how = { tokenizer, template: 'compact', ...limits };
    const { files, shared } = await surveyData(jsonl('d.jsonl', records), how);
    const { train, cut } = await readInstructions(jsonl('d.jsonl', records), how);
    const [file] = files;
    expect(shared).toEqual([]);
    expect(file).toMatchObject({
      ...{ name: 'd.jsonl', kind: 'instruction', records: 4, unanswered: 0, emptyAnswers: 1, severalAnswers: 1 },
      ...{ mostAnswers: 3, unit: 'tokens', repeated: 0, skipped: { count: 0, first: [] } },
      cut: { prompts: cut.prompts, answers: cut.responses },
    });
    expect(file?.cut).toEqual({ prompts: 1, answers: 1 });
    const exact = await readInstructions(jsonl('d.jsonl', records), {
      tokenizer,
      template: 'compact',
      maxPromptLength: 5000,
    });
    const lengths = exact.train.map(({ promptLength }) => promptLength).sort((a, b) => a - b);
    const total = lengths.reduce((sum, each) => sum + each, 0);
    expect(file?.lengths.prompts).toEqual({
      ...{ count: 4, total, least: lengths[0], median: lengths[1], p90: lengths[3], p99: lengths[3], most: lengths[3] },
    });
    const answers = exact.train.map(({ ids, promptLength }) => ids.length - promptLength - 1);
    expect(file?.lengths.answers?.total).toBe(answers.reduce((sum, each) => sum + each, 0));
    expect(file?.samples).toEqual([
      { prompt: train[0]?.prompt, answer: 'the cat', references: ['the cat'], example: train[0] },
    ]);
  });

  it('counts characters without a tokenizer, and shows as many samples as are asked for', async () => {
    const { files } = await surveyData(jsonl('d.jsonl', [ask('Say a.'), ask('Say b.', 'b')]), {
      template: 'compact',
      samples: 5,
    });
    expect(files[0]).toMatchObject({
      unit: 'characters',
      lengths: { prompts: { count: 2, least: 'Instruction: Say a.\nResponse:\n'.length }, answers: { total: 8 } },
      samples: [
        { prompt: 'Instruction: Say a.\nResponse:\n', answer: 'the cat' },
        { prompt: 'Instruction: Say b.\nResponse:\n', answer: 'b' },
      ],
    });
    expect(files[0]).not.toHaveProperty('cut');
    expect(files[0]?.samples[0]).not.toHaveProperty('example');
  });

  it('tells which records cannot be used, and reads the others', async () => {
    const { files } = await surveyData(
      jsonl('d.jsonl', [ask('a'), { instruction: 3 }, ask('b'), { instruction: 'c', output: 7 }]),
    );
    expect(files[0]).toMatchObject({
      records: 2,
      skipped: {
        count: 2,
        first: [
          expect.stringMatching(/line 2: field 'instruction' is 3/),
          expect.stringMatching(/line 4: field 'output' is 7/),
        ],
      },
    });
  });

  it('finds questions that come twice, in one file and in two, word for word and nearly', async () => {
    const train = jsonl('train.jsonl', [
      ask('Name a bird.'),
      ask('Name a fish.'),
      ask('Name a bird.', 'a hen'),
      ask('Add 1 and 2.'),
    ]);
    const test = jsonl('test.jsonl', [
      ...[ask('What?'), ask('Name a fish.'), ask('name a BIRD!'), { ...ask('Name a fish.'), input: 'In Latin.' }],
      ...[ask('Add 1 and 3.'), ask('Name a fish.')],
    ]);
    const { files, shared } = await surveyData([train, test]);
    expect(files.map(({ repeated }) => repeated)).toEqual([1, 1]);
    expect(shared).toEqual([
      {
        ...{ files: ['train.jsonl', 'test.jsonl'], same: 2, alike: 1 },
        first: [
          { at: ['line 2', 'line 2'], text: 'Name a fish.' },
          { at: ['line 1', 'line 3'], text: 'name a BIRD!' },
          { at: ['line 2', 'line 6'], text: 'Name a fish.' },
        ],
      },
    ]);
    const given = await surveyData([[ask('a')], [ask('b'), ask('a')]]);
    expect(given.shared).toMatchObject([{ same: 1, first: [{ at: ['record 1', 'record 2'] }] }]);
  });

  it('reads plain text, conversations, questions alone and translations', async () => {
    const text = { text: 'One cat.\n\nTwo cats.\n\nOne cat.', name: 'c.txt' };
    const documents = [{ text: 'One cat.' }, { text: 'Two cats.' }];
    const chat = {
      messages: [
        { role: 'user', content: 'Hi?' },
        { role: 'assistant', content: 'Ho.' },
      ],
    };
    const { files, shared } = await surveyData([
      ...[text, jsonl('d.jsonl', documents), jsonl('m.jsonl', [chat])],
      ...[jsonl('q.jsonl', [{ question_id: 1, turns: ['How?'] }]), jsonl('t', [{ en: 'a', de: 'b' }])],
    ]);
    expect(files.map(({ kind, records, repeated }) => [kind, records, repeated])).toEqual([
      ['text', 3, 1],
      ['text', 2, 0],
      ['conversation', 1, 0],
      ['question', 1, 0],
      ['translation', 1, 0],
    ]);
    expect(files[0]?.lengths).toEqual({
      documents: { count: 3, total: 25, least: 8, median: 8, p90: 9, p99: 9, most: 9 },
    });
    expect(files[3]).toMatchObject({ unanswered: 1, lengths: { prompts: { count: 1 } } });
    expect(files[3]?.lengths).not.toHaveProperty('answers');
    expect(shared.map(({ files: [one, other], same, alike }) => [one, other, same, alike])).toEqual([
      ['c.txt', 'd.jsonl', 2, 0],
    ]);
  });

  it('refuses what readInstructions refuses', async () => {
    await expect(surveyData(jsonl('d.jsonl', [{ question: 'a', answer: 'b' }]))).rejects.toThrow(DataError);
    await expect(surveyData({ text: 'a' }, { maxPromptLength: 600, maxLength: 512 })).rejects.toThrow(
      /surveyData: maxLength is 512, expected more than maxPromptLength \(600\)/,
    );
    await expect(surveyData({ text: 'a' }, { samples: -1 })).rejects.toThrow(OptionError);
  });
});

describe('hash53', () => {
  it('tells 300,000 texts apart, neighbours and permutations among them', () => {
    const texts = new Set<string>();
    for (let i = 0; i < 100_000; i++)
      for (const text of [`${i}`, `text ${i} of many`, `${i} ${99_999 - i}`]) texts.add(text);
    const hashes = new Set(Array.from(texts, hash53));
    expect(hashes.size).toBe(texts.size);
    for (const hash of hashes) if (!Number.isSafeInteger(hash) || hash < 0) expect.unreachable();
    // Each bit is set about half of the time.
    for (let bit = 0; bit < 53; bit++) {
      let set = 0;
      for (const hash of hashes) if (Math.floor(hash / 2 ** bit) % 2 === 1) set++;
      expect(Math.abs(set / hashes.size - 0.5), `bit ${bit}`).toBeLessThan(0.01);
    }
  });
});
