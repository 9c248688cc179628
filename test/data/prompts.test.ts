import { describe, expect, it } from 'vitest';
import { DataError, readPrompts } from '../../src/index.js';

const jsonl = (...records: unknown[]) => ({ text: records.map((record) => JSON.stringify(record)).join('\n') });

describe('readPrompts', () => {
  it('takes a prompt a line, without blank lines and the white space at their ends', async () => {
    expect(await readPrompts({ text: '\ufeffWhy?\r\n\n  - a list \n[1] "x"\n' })).toEqual([
      { instruction: 'Why?', input: '' },
      { instruction: '  - a list', input: '' },
      { instruction: '[1] "x"', input: '' },
    ]);
  });

  it('takes JSON lines under the names of Alpaca, of Dolly and of prompt files, or of the user', async () => {
    const records = jsonl(
      { instruction: 'a', input: 'b', output: 'not read', prompt: 'nor this' },
      { prompt: 'c', context: 'd' },
      { instruction: null, prompt: 'e', input: null },
    );
    expect(await readPrompts(records)).toEqual([
      { instruction: 'a', input: 'b' },
      { instruction: 'c', input: 'd' },
      { instruction: 'e', input: '' },
    ]);
    const fields = { instruction: 'question', input: 'passage' };
    expect(await readPrompts([jsonl({ question: 'a', passage: 'b' }), { text: 'plain' }], { fields })).toEqual([
      { instruction: 'a', input: 'b' },
      { instruction: 'plain', input: '' },
    ]);
    await expect(readPrompts(jsonl({ prompt: 'a' }), { fields })).rejects.toThrow('has none of question, found prompt');
  });

  it.each([
    [{ text: '{"prompt": "a"}\nplain' }, /line 2 is not JSON \(.*\)\. Each line must hold one whole object/],
    [jsonl({ prompt: 'a' }, [1]), /line 2: is \[1\], expected an object with an instruction/],
    [jsonl({ prompt: ' ' }), /line 1: field 'prompt' is .*, expected some text/],
    [jsonl({ prompt: 7 }), /line 1: field 'prompt' is 7, expected some text/],
    [jsonl({ prompt: 'a', input: ['b'] }), /line 1: field 'input' is \["b"\], expected text, or null/],
    [jsonl({}), /line 1 has none of instruction, prompt, found nothing/],
    [{ text: ' \n' }, /the given text has no prompt, expected one a line/],
  ])('refuses %j', async (source, message) => {
    const error = await readPrompts(source).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toMatch(message);
  });

  it('leaves out what cannot be used where that is asked for', async () => {
    const told: number[] = [];
    const skipInvalid = ({ count }: { count: number }) => told.push(count);
    expect(await readPrompts(jsonl({ prompt: 'a' }, 3, { prompt: 'b' }), { skipInvalid })).toHaveLength(2);
    expect(told).toEqual([1]);
  });
});
