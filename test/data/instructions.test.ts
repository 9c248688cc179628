import { describe, expect, it } from 'vitest';
import { type ReadRecordsOptions, readInstructionRecords } from '../../src/data/instructions.js';
import { recordTextsOf } from '../../src/data/recordTexts.js';
import { DataError } from '../../src/errors.js';

async function parse(text: string, options: ReadRecordsOptions = {}) {
  const records = [];
  for await (const record of readInstructionRecords({ text, name: 'd.jsonl' }, options, (each) => each))
    records.push(record);
  return records;
}
const failure = (text: string, options: ReadRecordsOptions = {}) =>
  parse(text, options).then(
    () => expect.unreachable(),
    (error: unknown) => error as DataError,
  );
const fine = '{"instruction": "fine", "output": "fine"}';

describe('instruction records', () => {
  it("take Alpaca's and Dolly's field names, strings and lists", async () => {
    const lines = [
      '{"instruction": "Add.", "input": "1 2", "output": "3"}',
      '{"instruction": "Name one.", "context": "", "response": ["red", "blue"], "category": "open_qa"}',
      '{"instruction": "Say hi.", "output": ""}',
    ];
    expect(await parse(`${lines.join('\r\n')}\n\n`)).toEqual([
      { instruction: 'Add.', input: '1 2', outputs: ['3'] },
      { instruction: 'Name one.', input: '', outputs: ['red', 'blue'] },
      { instruction: 'Say hi.', input: '', outputs: [''] },
    ]);
  });

  it('take null for an empty cell, so that the other name counts', async () => {
    const text = '{"instruction": "a", "input": null, "context": "c", "output": null, "response": "b"}';
    expect(await parse(text)).toEqual([{ instruction: 'a', input: 'c', outputs: ['b'] }]);
  });

  it.each([
    ['{"instruction": "x", "output": ', /^d\.jsonl: line 2 is not JSON/],
    ['{"output": "x"}', /line 2: field 'instruction' is missing, found 'output'\. Correct/],
    [
      '{"conversations": [], "id": 1}',
      /line 2: field 'instruction' is missing, .*The record is a chat \('conversations'\)/,
    ],
    ['{"instruction": "x"}', /line 2 has no 'output' \(or 'response', 'completion'\): add the answer/],
    ['{"instruction": "x", "output": null}', /line 2 has no 'output' \(or 'response', 'completion'\): add the answer/],
    ['{"instruction": "x", "output": []}', /line 2: field 'output' is \[\], expected at least one answer/],
    ['{"instruction": "x", "output": 42}', /line 2: field 'output' is 42, expected the answer, a string or a list/],
    ['{"instruction": "x", "output": ["a", 3]}', /line 2: field 'output\[1\]' is 3, expected a string/],
    ['{"instruction": "x", "output": {"text": "a"}}', /line 2: field 'output' is \{"text":"a"\}, expected the answer/],
    ['{"instruction": "x", "input": 3.5, "output": "a"}', /line 2: field 'input' is 3.5, expected text, or null/],
    ['{"instruction": 7, "output": "a"}', /line 2: field 'instruction' is 7, expected some text/],
    ['{"instruction": "", "output": "a"}', /line 2: field 'instruction' is empty, expected some text/],
    ['["instruction"]', /line 2: is \["instruction"\], expected an object/],
    ['{"instruction": "a", "output": NaN}', /line 2 is not JSON \(.*N/],
  ])('name the line of %s', async (line, message) => {
    const error = await failure(`${fine}\n${line}`);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/\. Correct it, or leave it out with skipInvalid\.$/);
  });

  it('give the column of an error, and no line but that of the file', async () => {
    // Node 20 and later say where.
    const { message } = await failure(`${fine}\n{"instruction": 1 2}`);
    expect(message).toMatch(/line 2 is not JSON \((?!.*\bline \d).*column 19/);
  });

  it('are counted where they cannot be used, and the first ten told; or left out', async () => {
    const bad = Array.from({ length: 12 }, (_, i) => `{"instruction": "x", "output": ${i}}`);
    const text = [fine, ...bad.slice(0, 6), fine, ...bad.slice(6), fine].join('\n');
    const error = await failure(text);
    expect(error.found).toBe(12);
    const [head, ...told] = error.message.split('\n');
    expect(head).toBe(
      '12 of 15 records cannot be used. Correct them, or leave them out with skipInvalid. The first 10:',
    );
    expect(told).toHaveLength(10);
    expect(told[9]).toMatch(/^ {2}d\.jsonl: line 12: field 'output' is 9, expected/);
    const skipped: unknown[] = [];
    expect(await parse(text, { skipInvalid: (records) => skipped.push(records) })).toHaveLength(3);
    expect(skipped).toEqual([{ count: 12, first: told.map((line) => line.trim()) }]);
    expect(await parse(text, { skipInvalid: true })).toHaveLength(3);
  });

  it('that begin with a hundred bad ones are no such file', async () => {
    const words = 'a line of a novel\n'.repeat(300);
    for (const skipInvalid of [false, true]) {
      const error = await failure(words, { skipInvalid });
      expect(error.message).toMatch(/^none of the first 100 records can be used\. Check that it is the right file/);
    }
    expect((await failure('[\n{"instruction": "a"')).message).toMatch(
      /^d\.jsonl: the JSON array does not end: the file is cut, after 0 whole records,/,
    );
    expect((await failure('[{"instruction": "a", "output": "b"},\n{"instruction": "a"')).message).toContain(
      'the file is cut, after 1 whole record, or',
    );
  });

  it('may be one array, as Alpaca has them, in whatever pieces it comes', async () => {
    const records = ['a', 'é "]}, [{"', '\\', 'c\n'].map((output) => ({ instruction: 'x', input: '', output }));
    const expected = records.map(({ instruction, output }) => ({ instruction, input: '', outputs: [output] }));
    const texts = [JSON.stringify(records), JSON.stringify(records, null, 2), ` \n\ufeff[]`.replace(' \n', '')];
    expect(await parse(texts[0]!)).toEqual(expected);
    expect(await parse(`\n  ${texts[1]}\n`)).toEqual(expected);
    expect(await parse(texts[2]!)).toEqual([]);
    const bytes = new TextEncoder().encode(texts[1]);
    for (const size of [1, 7]) {
      const pieces = (async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      })();
      const read: unknown[] = [];
      for await (const { place, lines } of recordTextsOf('d.json', pieces)) {
        for (const line of lines) read.push([place, line.number, JSON.parse('text' in line ? line.text : '0')]);
      }
      expect(read).toEqual(records.map((record, at) => ['record', at + 1, record]));
    }
    const bad = '[{"instruction": "a", "output": "b"}, {"instruction": 3}, 7, {"instruction": "a" "b"}]';
    const { message } = await failure(bad);
    expect(message).toMatch(/^3 of 4 records cannot be used/);
    expect(message.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^ {2}d\.jsonl: record 2: field 'instruction' is 3/),
      expect.stringMatching(/^ {2}d\.jsonl: record 3: is 7, expected an object/),
      expect.stringMatching(/^ {2}d\.jsonl: record 4 is not JSON/),
    ]);
    expect((await failure(`${texts[0]} {}`)).message).toMatch(/something stands after the end of the JSON array/);
    expect((await failure('[{"instruction": "a", "output": "b"},]')).message).toMatch(
      /record 2: there is nothing between two commas/,
    );
  });

  it('may be prompts with completions, and one kind a file', async () => {
    const pair = '{"prompt": "p", "completion": "c"}';
    expect(await parse(`${pair}\n${pair}`)).toEqual(new Array(2).fill({ instruction: 'p', input: '', outputs: ['c'] }));
    const mixed = await failure(`${pair}\n${fine}`);
    expect(mixed.message).toMatch(
      /^d\.jsonl: line 2: is an instruction with its output, and those before are a prompt with its completion: one kind a file\./,
    );
    const chat = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}';
    expect((await failure(`${fine}\n${chat}`)).message).toMatch(
      /line 2: is a conversation, and those before are an instruction with its output/,
    );
  });

  it('have names of their own', async () => {
    const text = '{"question": "q", "hint": "h", "answer": "a", "output": 7}\n{"question": "r", "answer": "b"}';
    const fields = { instruction: 'question', input: 'hint', output: 'answer' };
    expect(await parse(text, { fields })).toEqual([
      { instruction: 'q', input: 'h', outputs: ['a'] },
      { instruction: 'r', input: '', outputs: ['b'] },
    ]);
  });

  const question = '{"question": "q", "passage": "p", "answer": "a"}';
  const own = { instruction: 'question', input: 'passage', output: 'answer' };
  const have = 'the records have question, passage, answer.';
  it.each<[string, ReadRecordsOptions['fields'], string]>([
    ['an input', { ...own, input: 'pasage' }, `no record has 'pasage'; ${have} Did you mean passage?`],
    ['an output', { ...own, output: 'anwser' }, `no record has 'anwser'; ${have} Did you mean answer?`],
    [
      'two of them',
      { ...own, instruction: 'qestion', output: 'x' },
      `no record has 'qestion', nor 'x'; ${have} Did you mean question?`,
    ],
    [
      'an output that was not named',
      { instruction: 'question', input: 'passage' },
      `no record has 'output' or 'response' or 'completion'; ${have} Check that it is the right file, or say which of them holds what, as in ` +
        "fields: { instruction: 'question', output: 'answer' }. Questions alone can be answered (readPrompts reads them, and generate " +
        '--prompts), and learnt from by methods that need prompts alone: onPolicy, imitkd, minillm, seqkd, distillm2, and gkd (lambda: 1).',
    ],
    [
      'an input that nothing resembles',
      { ...own, input: 'context' },
      `no record has 'context'; ${have} Check that it is the right file, or say which of them holds what, as in ` +
        "fields: { instruction: 'question', input: 'passage', output: 'answer' }.",
    ],
    [
      'all',
      undefined,
      `no record has 'instruction' or 'prompt', nor 'output' or 'response' or 'completion'; ${have} Check that it is the right file, or say which of them holds what, as in ` +
        "fields: { instruction: 'question', output: 'answer' }.",
    ],
  ])('that lack %s under its name are refused with the names that they have', async (_, fields, expected) => {
    const words = 'none of it JSON';
    for (const skipInvalid of [false, true, () => expect.unreachable()]) {
      for (const text of [
        question,
        `${question}\n`.repeat(3),
        `${question}\n`.repeat(150),
        `${question}\n${question}\n${words}`,
      ]) {
        const error = await failure(text, { fields, skipInvalid });
        expect(error).toBeInstanceOf(DataError);
        expect([error.message, error.found]).toEqual([`d.jsonl: ${expected}`, ['question', 'passage', 'answer']]);
      }
    }
  });

  it('that are all chats are told to be', async () => {
    const { message } = await failure('{"conversations": [{"from": "human"}]}\n'.repeat(3));
    expect(message).toBe(
      "d.jsonl: no record has 'instruction' or 'prompt', nor 'output' or 'response' or 'completion'; the records have conversations. " +
        "They are chats ('conversations'): write them as messages, a list of { role, content }.",
    );
  });

  it('may go without an input, one by one and all, where none is named; a null and one of many are there', async () => {
    const without = '{"question": "r", "answer": "b"}';
    expect(await parse(without, { fields: { instruction: 'question', output: 'answer' } })).toHaveLength(1);
    const null_ = '{"question": "q", "passage": null, "answer": "a"}';
    for (const text of [`${without}\n${question}`, `${without}\n`.repeat(150) + question, null_]) {
      expect(await parse(text, { fields: own })).toHaveLength(text.split('\n').length);
    }
    expect(await parse('', { fields: own })).toEqual([]);
  });
});
