/** Records that name a teacher by one of their fields. */
import { describe, expect, it } from 'vitest';
import { readInstructions } from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const teachers = { field: 'subject', names: ['math', 'code'] };
const named = (subject: unknown, more: object = { instruction: 'Say a.', output: 'a' }) => ({ subject, ...more });
const linesOf = (records: readonly object[]) => ({
  text: records.map((record) => JSON.stringify(record)).join('\n'),
  name: 'd.jsonl',
});
const read = (records: readonly object[], options: object = {}) =>
  readInstructions(linesOf(records), { tokenizer, template: 'compact', teachers, ...options });
const messageOf = (records: readonly object[], options: object = {}) =>
  read(records, options).then(
    () => 'nothing is refused',
    (error: Error) => (error instanceof DataError ? error.message : `no DataError: ${error.message}`),
  );

describe('a field that names the teacher', () => {
  it('goes with the sample, of every form of data', async () => {
    const { train, validation } = await read(
      [named('math'), named('code', { instruction: 'Say b.', response: ['b', 'B'] })],
      { validation: 1, validationOrder: 'first' },
    );
    expect([...validation, ...train].map(({ teacher }) => teacher)).toEqual(['math', 'code']);
    const instances = await read([
      named('math', { instruction: 'Say c.', instances: [{ input: 'x', output: 'c' }, { output: 'd' }] }),
    ]);
    expect(instances.train.map(({ teacher, references }) => [teacher, references[0]])).toEqual([
      ['math', 'c'],
      ['math', 'd'],
    ]);
    const plain = await readInstructions(linesOf([named('math')]), { tokenizer, template: 'compact' });
    expect('teacher' in plain.train[0]!).toBe(false);
  });

  it.each<[string, readonly object[], RegExp]>([
    [
      'is missing',
      [named('math'), { instruction: 'Say a.', output: 'a' }],
      /^d\.jsonl: line 2: field 'subject' is missing, expected one of the teachers "math", "code"; found "instruction", "output"\. Correct it/,
    ],
    [
      'names none of the teachers',
      [named('math'), named('physics')],
      /^d\.jsonl: line 2: field 'subject' is physics, expected one of the teachers "math", "code"\./,
    ],
    [
      'is no text',
      [named(3)],
      /^d\.jsonl: line 1: field 'subject' is 3, expected one of the teachers "math", "code"\./,
    ],
    ['is null', [named(null)], /^d\.jsonl: line 1: field 'subject' is missing/],
  ])('that %s is told with file, line and field', async (_, records, message) => {
    expect(await messageOf(records)).toMatch(message);
  });

  it('is a reason to leave a record out, where those that cannot be used are', async () => {
    const { train } = await read([named('math'), named('physics'), named('code')], { skipInvalid: true });
    expect(train.map(({ teacher }) => teacher)).toEqual(['math', 'code']);
  });

  it('is not asked of sources for validation, which no teacher looks at', async () => {
    const validation = linesOf([{ instruction: 'Say a.', output: 'a' }]);
    const data = await read([named('math')], { validation });
    expect(data.validation[0]!.teacher).toBe(undefined);
  });
});
