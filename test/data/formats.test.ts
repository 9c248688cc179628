/** The forms in which data sets are published, each with texts of our own. */
import { describe, expect, it } from 'vitest';
import {
  type ReadRecordsOptions,
  readInstructions,
  readPrompts,
  readRecords,
  recordKind,
} from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const jsonl = (...records: readonly unknown[]) => ({
  text: records.map((record) => JSON.stringify(record)).join('\n'),
  name: 'd.jsonl',
});
type Source = Parameters<typeof readRecords>[0];
const read = async (source: Source, options: ReadRecordsOptions = {}) => {
  const all = [];
  for await (const { at: _, ...record } of readRecords(source, options)) all.push(record);
  return all;
};
const failure = (source: Source, options: ReadRecordsOptions = {}) =>
  read(source, options).then(
    () => expect.unreachable(),
    (error: unknown) => error as DataError,
  );

/** Records as published, what they are, and what is read of them. */
const published: readonly (readonly [name: string, kind: string, record: object, expected: readonly object[]])[] = [
  [
    'Self-Instruct: an instruction with instances',
    'selfInstruct',
    {
      ...{ id: 'task_0', motivation_app: 'Mail', instruction: 'Shorten it.', is_classification: false },
      instances: [
        { input: 'a long text', output: 'a text' },
        { input: '', output: 'nothing' },
      ],
    },
    [
      { instruction: 'Shorten it.', input: 'a long text', outputs: ['a text'] },
      { instruction: 'Shorten it.', input: '', outputs: ['nothing'] },
    ],
  ],
  [
    'Unnatural Instructions: the core',
    'selfInstruct',
    {
      instruction: 'Say the opposite.',
      instances: [{ instruction_with_input: 'x', input: 'big', constraints: 'One word.', output: 'small' }],
    },
    [{ instruction: 'Say the opposite.', input: 'big', outputs: ['small'] }],
  ],
  [
    'the form of MiniLLM, with its prompt and several outputs',
    'instruction',
    { topic: 't', instruction: 'Give a title.', input: 'Some text.', output: ['One', 'Two'], prompt: 'Below is ...' },
    [{ instruction: 'Give a title.', input: 'Some text.', outputs: ['One', 'Two'] }],
  ],
  [
    'a task of Super-NaturalInstructions',
    'superNaturalInstructions',
    {
      ...{ Contributors: ['x'], Definition: ['Answer the question.'], 'Positive Examples': [] },
      Instances: [
        { id: 'task1-a', input: 'Where?', output: ['Here.', 'There.'] },
        { id: 'task1-b', input: 'When?', output: ['Now.'] },
      ],
    },
    [
      { instruction: 'Answer the question.', input: 'Where?', outputs: ['Here.', 'There.'] },
      { instruction: 'Answer the question.', input: 'When?', outputs: ['Now.'] },
    ],
  ],
  [
    'a line of Tk-Instruct',
    'superNaturalInstructions',
    { id: 'task1-a', Definition: ['Answer.'], Instance: { id: 'task1-a', input: 'Where?', output: ['Here.'] } },
    [{ instruction: 'Answer.', input: 'Where?', outputs: ['Here.'] }],
  ],
  [
    'a flat line of Super-NaturalInstructions',
    'superNaturalInstructions',
    { task_name: 'task1', id: 'a', definition: 'Answer.', inputs: 'Where?', targets: 'Here.' },
    [{ instruction: 'Answer.', input: 'Where?', outputs: ['Here.'] }],
  ],
  [
    'SAMSum',
    'summary',
    { id: '1', summary: 'Ann is late.', dialogue: 'Ann: I am late.\r\nBob: Fine.' },
    [
      {
        ...{ instruction: 'Summarize the following dialogue.', input: 'Ann: I am late.\r\nBob: Fine.' },
        ...{ prefix: 'summarize: ', outputs: ['Ann is late.'] },
      },
    ],
  ],
  [
    "DialogSum's test set, of three summaries",
    'summary',
    {
      fname: 'test_0',
      dialogue: '#Person1#: Hi.',
      summary1: 'A.',
      topic1: 'x',
      summary2: 'B.',
      topic2: 'y',
      summary3: 'C.',
    },
    [
      {
        ...{ instruction: 'Summarize the following dialogue.', input: '#Person1#: Hi.' },
        ...{ prefix: 'summarize: ', outputs: ['A.', 'B.', 'C.'] },
      },
    ],
  ],
  [
    'translations of Hugging Face',
    'translation',
    { translation: { en: 'The cat.', de: 'Die Katze.' } },
    [
      {
        ...{ instruction: 'Translate the following text from English to German.', input: 'The cat.' },
        ...{ prefix: 'translate English to German: ', outputs: ['Die Katze.'] },
      },
    ],
  ],
  [
    'translations as fields of the record',
    'translation',
    { id: '7', fr: 'Le chat.', ro: 'Pisica.' },
    [
      {
        ...{ instruction: 'Translate the following text from French to Romanian.', input: 'Le chat.' },
        ...{ prefix: 'translate French to Romanian: ', outputs: ['Pisica.'] },
      },
    ],
  ],
  [
    'questions of Vicuna',
    'question',
    { question_id: 1, category: 'generic', turns: ['How?'] },
    [{ instruction: 'How?', input: '', outputs: [] }],
  ],
  [
    'questions of Vicuna in their first form',
    'question',
    { question_id: 1, text: 'How?', category: 'generic' },
    [{ instruction: 'How?', input: '', outputs: [] }],
  ],
  [
    'questions with references',
    'question',
    { question_id: 1, turns: ['How?'], reference: ['So.'] },
    [{ instruction: 'How?', input: '', outputs: ['So.'] }],
  ],
];

describe.each(published)('%s', (_, kind, record, expected) => {
  it('is told by its fields, and read as lines, as an array, over many lines, and as records', async () => {
    const sources = [
      jsonl(record),
      { text: `\ufeff${JSON.stringify(record)}\r\n\r\n${JSON.stringify(record)}\r\n` },
      { text: JSON.stringify([record, record], null, 1), name: 'd.json' },
      { text: JSON.stringify(record, null, 4), name: 'd.json' },
      { text: `\ufeff${JSON.stringify(record, null, 4)}\r\n${JSON.stringify(record, null, 4)}\n` },
      [record],
    ];
    for (const source of sources) {
      expect(await recordKind(source)).toBe(kind);
      const records = await read(source);
      expect(records.slice(0, expected.length)).toEqual(expected);
      expect([expected.length, 2 * expected.length]).toContain(records.length);
    }
  });

  it('is asked without its answers by readPrompts', async () => {
    const asked = expected.map((each) => {
      const { outputs: _, ...prompt } = each as { outputs: unknown };
      return prompt;
    });
    for (const source of [jsonl(record), { text: JSON.stringify([record]) }, [record]]) {
      expect(await readPrompts(source)).toEqual(asked);
    }
  });
});

describe('a record that is not as its format has it', () => {
  it.each<[object, RegExp]>([
    [{ instruction: 'a', instances: [] }, /line 1: field 'instances' is \[\], expected a list of instances/],
    [{ instruction: 'a', instances: ['x'] }, /field 'instances\[0\]' is x, expected an object/],
    [{ instruction: '', instances: [{ output: 'b' }] }, /field 'instruction' is empty, expected some text/],
    [
      { instruction: 'a', instances: [{ input: 'b' }] },
      /field 'instances\[0\]\.output' is undefined, expected the answer/,
    ],
    [
      { instruction: 'a', instances: [{ output: 'b' }, { input: 3, output: 'c' }] },
      /field 'instances\[1\]\.input' is 3/,
    ],
    [
      { Definition: [3], Instances: [{ output: 'b' }] },
      /field 'Definition' is \[3\], expected text, or a list of texts/,
    ],
    [
      { Definition: ['a'], Instances: [{ input: 'x', output: [] }] },
      /field 'Instances\[0\]\.output' is \[\], expected at least/,
    ],
    [{ Definition: ['a'] }, /field 'Instances' is undefined, expected a list of instances/],
    [{ definition: 'a', inputs: 'b' }, /field 'targets' is undefined/],
    [{ dialogue: '', summary: 'a' }, /field 'dialogue' is empty, expected some text/],
    [{ dialogue: 'a', summary: 7 }, /field 'summary' is 7, expected some text/],
    [{ dialogue: 'a', summary1: 'b', summary2: '' }, /field 'summary2' is empty/],
    [{ translation: { en: 'a' } }, /field 'translation' has 'en', expected two languages/],
    [{ translation: { en: 'a', de: '' } }, /field 'translation\.de' is empty/],
    [{ translation: { en: 'a', de: 3 } }, /field 'translation\.de' is 3/],
    [
      { translation: { en: 'a', de: 'b', fr: 'c' } },
      /has 'en', 'de', 'fr', expected two languages, or languages: 'en-de'/,
    ],
    [{ turns: ['a', 'b'] }, /field 'turns' is \["a","b"\], expected one question/],
    [{ turns: [''] }, /field 'turns\[0\]' is empty/],
  ])('is told with its line and field: %j', async (record, message) => {
    const error = await failure(jsonl(record));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/^d\.jsonl: line 1/);
    expect(error.message).toMatch(message);
  });

  it('is one kind of several in a file', async () => {
    const { message } = await failure(jsonl({ dialogue: 'a', summary: 'b' }, { translation: { en: 'a', de: 'b' } }));
    expect(message).toMatch(
      /line 2: is a text with its translation, and those before are a dialogue with its summary: one kind a file/,
    );
  });
});

describe('translations', () => {
  it('go the way that is asked for', async () => {
    const record = { translation: { en: 'The cat.', de: 'Die Katze.', fr: 'Le chat.' } };
    expect(await read(jsonl(record), { languages: 'de-fr' })).toMatchObject([
      { input: 'Die Katze.', prefix: 'translate German to French: ', outputs: ['Le chat.'] },
    ]);
    const { message } = await failure(jsonl(record), { languages: 'en-it' });
    expect(message).toMatch(/line 1 has no 'it', found 'en', 'de', 'fr'/);
    await expect(read(jsonl(record), { languages: 'german' })).rejects.toThrow(
      /languages is german, expected two languages/,
    );
  });
});

describe('questions alone', () => {
  const questions = jsonl({ question_id: 1, turns: ['How?'] }, { question_id: 2, turns: ['Why?'] });

  it('are refused where there is to be an answer, all at once, also where others are left out', async () => {
    for (const skipInvalid of [false, true]) {
      const error = await readInstructions(questions, { tokenizer, skipInvalid }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toMatch(
        /^d\.jsonl: no record has an answer: these are questions alone\. They can be /,
      );
    }
  });

  it('are left out among others', async () => {
    const some = jsonl({ turns: ['How?'] }, { turns: ['Why?'], reference: 'So.' });
    await expect(readInstructions(some, { tokenizer })).rejects.toThrow(
      /^d\.jsonl: line 1 has no answer, expected one/,
    );
    const { train } = await readInstructions(some, { tokenizer, skipInvalid: true });
    expect(train.map(({ references }) => references)).toEqual([['So.']]);
  });

  it('may be instructions without an output', async () => {
    expect(await read(jsonl({ instruction: 'a' }, { instruction: 'b', output: null }))).toEqual([
      { instruction: 'a', input: '', outputs: [] },
      { instruction: 'b', input: '', outputs: [] },
    ]);
    await expect(readInstructions(jsonl({ instruction: 'a' }), { tokenizer })).rejects.toThrow(
      /no record has 'output'/,
    );
  });
});

describe('objects over many lines', () => {
  const task = { Definition: ['a'], Instances: [{ input: '} {', output: ['"\\'] }] };
  const text = JSON.stringify(task, null, 2);

  it('are told to be cut, or to have something beside them', async () => {
    expect((await failure({ text: text.slice(0, -3), name: 't.json' })).message).toMatch(
      /^t\.json: a JSON object does not end: the file is cut, after 0 whole records,/,
    );
    expect((await failure({ text: `${text}\n${text.slice(0, 30)}`, name: 't.json' })).message).toContain(
      'after 1 whole record,',
    );
    expect((await failure({ text: `${text} x`, name: 't.json' })).message).toMatch(
      /^t\.json: something stands after the end of record 1, expected JSON objects/,
    );
    expect((await failure({ text: `${text}\n{"Definition" 3}`, name: 't.json' })).message).toMatch(
      /record 2 is not JSON/,
    );
  });

  it('are read in whatever pieces they come', async () => {
    const bytes = new TextEncoder().encode(`${text}\n\n${text}`);
    for (const size of [1, 3, 50]) {
      // A Blob of small Blobs is read in one piece, so the pieces are made here.
      const { recordTextsOf } = await import('../../src/data/recordTexts.js');
      const pieces = (async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      })();
      const records: unknown[] = [];
      for await (const { place, lines } of recordTextsOf('t.json', pieces)) {
        for (const line of lines) records.push([place, line.number, JSON.parse('text' in line ? line.text : '0')]);
      }
      expect(records).toEqual([
        ['record', 1, task],
        ['record', 2, task],
      ]);
    }
  });
});

describe("T5's template", () => {
  it('puts the prefix before the input, and leaves the instruction out', async () => {
    const prompts = async (record: object) => {
      const { train } = await readInstructions(jsonl(record), { tokenizer, template: 't5' });
      return train.map(({ prompt }) => prompt);
    };
    expect(await prompts({ dialogue: 'Ann: Hi.', summary: 'b' })).toEqual(['summarize: Ann: Hi.']);
    expect(await prompts({ translation: { en: 'The cat.', de: 'b' } })).toEqual([
      'translate English to German: The cat.',
    ]);
    expect(await prompts({ instruction: 'Add.', input: '1 2', output: '3' })).toEqual(['Add.\n\n1 2']);
    expect(await prompts({ instruction: 'Add 1 and 2.', output: '3' })).toEqual(['Add 1 and 2.']);
    expect(await prompts({ instruction: 'Add.', input: '1 2', prefix: 'add: ', output: '3' })).toEqual(['add: 1 2']);
  });

  it('cuts the input, never the prefix, and says where that does not fit', async () => {
    const record = jsonl({ dialogue: 'the cat sat on the mat '.repeat(20), summary: 'b' });
    const { train, cut } = await readInstructions(record, { tokenizer, template: 't5', maxPromptLength: 30 });
    expect(train[0]?.prompt).toMatch(/^summarize: the cat sat/);
    expect([train[0]!.promptLength <= 30, cut.prompts]).toEqual([true, 1]);
    await expect(readInstructions(record, { tokenizer, template: 't5', maxPromptLength: 1 })).resolves.toMatchObject({
      train: [{ promptLength: 1 }],
    });
  });

  it('is that of instructions with other templates', async () => {
    const { train } = await readInstructions(jsonl({ dialogue: 'Ann: Hi.', summary: 'b' }), {
      tokenizer,
      template: 'compact',
    });
    expect(train[0]?.prompt).toBe('Instruction: Summarize the following dialogue.\nInput: Ann: Hi.\nResponse:\n');
  });
});
