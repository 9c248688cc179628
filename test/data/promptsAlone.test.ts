/** Records without an answer: where they are taken, what becomes of them, and what is held out. */
import { describe, expect, it } from 'vitest';
import { readInstructions, readRecords, surveyData } from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const asked = (i: number) => ({ instruction: `Say ${i}.` });
const answered = (i: number) => ({ ...asked(i), output: `${i}` });
const linesOf = (records: readonly object[]) => ({
  text: records.map((record) => JSON.stringify(record)).join('\n'),
  name: 'd.jsonl',
});
const read = (records: readonly object[], options: object = {}) =>
  readInstructions(linesOf(records), { tokenizer, template: 'compact', answers: 'optional', ...options });

describe('a record without an answer', () => {
  it('is its prompt, as that of a record with one', async () => {
    const { train } = await read([asked(1), answered(1)]);
    const [alone, whole] = train;
    expect([...alone!.ids]).toEqual([...whole!.ids.subarray(0, whole!.promptLength)]);
    expect(alone).toMatchObject({
      promptLength: alone!.ids.length,
      outputs: [],
      references: [],
      prompt: whole!.prompt,
    });
    const prompt = await read([{ prompt: 'Say 1.' }]);
    expect([...prompt.train[0]!.ids]).toEqual([...alone!.ids]);
    const vicuna = await read([{ question_id: 1, turns: ['Say 1.'] }]);
    expect([...vicuna.train[0]!.ids]).toEqual([...alone!.ids]);
    const long = await read([{ instruction: 'x'.repeat(900) }], { maxPromptLength: 40 });
    expect([long.train[0]!.ids.length <= 40, long.cut.prompts]).toEqual([true, 1]);
  });

  it('is refused by default, with line and field', async () => {
    await expect(read([answered(1), asked(2)], { answers: 'required' })).rejects.toThrow(
      /^d\.jsonl: line 2 has no 'output' \(or 'response', 'completion'\): add the answer/,
    );
    await expect(read([{ question_id: 1, turns: ['Say 1.'] }], { answers: 'required' })).rejects.toThrow(
      /no record has an answer: .*learnt from by methods that need prompts alone: onPolicy, .* and gkd \(lambda: 1\);/,
    );
  });

  it('is never held out, for nothing could be compared with it', async () => {
    const mixed = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? asked(i) : answered(i)));
    const { train, validation } = await read(mixed, { validation: 'tenth' });
    expect([train.length, validation.length]).toEqual([38, 2]);
    expect(validation.every(({ outputs }) => outputs.length === 1)).toBe(true);
    // The others stay in order.
    const numbers = train.map(({ instruction }) => Number(/\d+/.exec(instruction)![0]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    const alone = await read([asked(1), asked(2)], { validation: 'tenth' });
    expect([alone.train.length, alone.validation.length]).toEqual([2, 0]);
    await expect(read([asked(1), asked(2), answered(3)], { validation: 2 })).rejects.toThrow(
      /^d\.jsonl: of 3 records 1 have an answer, to which answers can be compared, and 2 are to be held out \(validation: 2\)/,
    );
    // Sources of their own have answers.
    const own = read([asked(1)], { validation: linesOf([asked(2)]) });
    await expect(own).rejects.toThrow(DataError);
    expect((await read([asked(1)], { validation: linesOf([answered(2)]) })).validation).toHaveLength(1);
  });

  it('is a record of data all the same, also of a conversation', async () => {
    const chat = { messages: [{ role: 'user', content: 'Say 1.' }] };
    const records: unknown[] = [];
    for await (const record of readRecords(linesOf([chat, { prompt: chat.messages }]))) records.push(record);
    expect(records).toEqual([
      { messages: chat.messages, outputs: [], at: 'line 1' },
      { messages: chat.messages, outputs: [], at: 'line 2' },
    ]);
    const { files } = await surveyData(
      linesOf([chat, chat, { messages: [...chat.messages, { role: 'assistant', content: '1' }] }]),
    );
    expect(files[0]).toMatchObject({ records: 3, unanswered: 2, repeated: 2 });
  });
});
