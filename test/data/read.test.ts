import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInstructions, readText, readTokenizerTexts } from '../../src/data/index.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const lines = Array.from({ length: 5 }, (_, i) => JSON.stringify({ instruction: `Say ${i}.`, response: `${i}` }));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-data-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('readInstructions', () => {
  it('reads plain and gzipped files and holds the first records back', async () => {
    await writeFile(join(folder, 'd.jsonl'), `\ufeff${lines.join('\n')}`);
    await writeFile(join(folder, 'd.jsonl.gz'), gzipSync(lines.join('\n')));
    for (const name of ['d.jsonl', 'd.jsonl.gz']) {
      const data = await readInstructions(join(folder, name), { tokenizer, validation: 2 });
      expect(data.validation.map(({ instruction }) => instruction)).toEqual(['Say 0.', 'Say 1.']);
      expect(data.train.map(({ references }) => references)).toEqual([['2'], ['3'], ['4']]);
      expect(data.cut).toEqual({ prompts: 0, responses: 0 });
    }
  });

  it('counts what the limits cut', async () => {
    const text = `${lines[0]}\n${JSON.stringify({ instruction: 'x'.repeat(900), output: 'y'.repeat(900) })}`;
    expect((await readInstructions({ text }, { tokenizer })).cut).toEqual({ prompts: 1, responses: 1 });
  });

  it.each([
    [{ text: '\n \n', name: 'e.jsonl' }, {}, /e\.jsonl holds no instruction/],
    [{ text: lines.join('\n') }, { validation: 5 }, /all 5 records go to the validation set/],
    [
      { text: lines.join('\n') },
      { maxPromptLength: 600, maxLength: 512 },
      /readInstructions: maxLength is 512, expected more than maxPromptLength \(600\)/,
    ],
    ['missing/d.jsonl', {}, /d\.jsonl/],
  ])('refuses %j', async (source, options, message) => {
    await expect(readInstructions(source, { tokenizer, ...options })).rejects.toThrow(message);
  });

  it('takes a default length from the one that is given: the template fits into half of it', async () => {
    const text = JSON.stringify({ instruction: 'x'.repeat(900), output: 'y'.repeat(900) });
    const lengths = async (options: object) => {
      const [example] = (await readInstructions({ text }, { tokenizer, ...options })).train;
      return [example!.promptLength, example!.ids.length];
    };
    expect(await lengths({})).toEqual([256, 512]);
    expect(await lengths({ maxLength: 200 })).toEqual([100, 200]);
    expect(await lengths({ maxPromptLength: 600 })).toEqual([600, 1200]);
    expect(await lengths({ maxPromptLength: 90 })).toEqual([90, 512]);
    expect(await lengths({ maxPromptLength: 90, maxLength: 100 })).toEqual([90, 100]);
  });

  it('says that a file is not UTF-8', async () => {
    await writeFile(join(folder, 'latin.jsonl'), Buffer.from([0x7b, 0xe9, 0x7d]));
    await expect(readInstructions(join(folder, 'latin.jsonl'), { tokenizer })).rejects.toThrow(/not UTF-8 text/);
  });
});

describe('readText', () => {
  it('joins documents by EOS and cuts them to one length', async () => {
    const samples = await readText({ text: 'the cat\n\nthe mat sat on\n' }, { tokenizer, length: 3 });
    const stream = samples.flatMap(({ ids }) => [...ids]);
    const eos = tokenizer.eosTokenId as number;
    expect(stream).toEqual([...tokenizer.encode('the cat'), eos, ...tokenizer.encode('the mat sat on\n'), eos]);
    expect(samples.slice(0, -1).every(({ ids, promptLength }) => ids.length === 3 && promptLength === 1)).toBe(true);
  });

  it('reads the text field of JSONL and names a bad line', async () => {
    const [sample] = await readText({ text: '{"text": "the cat"}', name: 'c.jsonl' }, { tokenizer });
    expect(tokenizer.decode((sample as { ids: Int32Array }).ids.subarray(0, -1))).toBe('the cat');
    await expect(readText({ text: '{"txt": 1}', name: 'c.jsonl' }, { tokenizer })).rejects.toThrow(
      /line 1 has no 'text'/,
    );
    await expect(readText({ text: '\nnull', name: 'c.jsonl' }, { tokenizer })).rejects.toThrow(
      "c.jsonl: line 2 has no 'text' that is a string.",
    );
    await expect(readText({ text: '\n{"text" 1}', name: 'c.jsonl' }, { tokenizer })).rejects.toThrow(
      /line 2 is not JSON \((?!.*\bline \d).*Each line must hold one whole object/,
    );
    await expect(readText({ text: ' \n ' }, { tokenizer })).rejects.toThrow(/holds no text/);
  });
});

describe('readTokenizerTexts', () => {
  it('renders instructions with their first answers, and leaves other text as it is', async () => {
    const text = lines.slice(0, 2).join('\n');
    const rendered = (template?: string) => readTokenizerTexts({ text, name: 'd.jsonl' }, { template });
    expect(await rendered('compact')).toEqual([
      'Instruction: Say 0.\nResponse:\n0',
      'Instruction: Say 1.\nResponse:\n1',
    ]);
    expect((await rendered())[1]).toMatch(/^Below is an instruction[\s\S]*Say 1\.\n\n### Response:\n1$/);
    expect(await readTokenizerTexts({ text })).toEqual([text]);
    await expect(rendered('mine')).rejects.toThrow('template is mine');
    await expect(readTokenizerTexts({ text: '{"instruction": 1}', name: 'd.jsonl' })).rejects.toThrow(
      'd.jsonl: line 1',
    );
  });
});
