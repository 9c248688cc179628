/** Files of models and programs that are taken for data: they are known by what they hold, and named. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readInstructions, readPrompts, recordKind, surveyData } from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const letters = Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((letter, id) => [letter, id]));
/** As those of GPT-2: words of English are tokens, among them names of fields. */
const words = [
  'Definition',
  'definition',
  'inputs',
  'instruction',
  'dialogue',
  'text',
  'question_id',
  'messages',
  'prompt',
];
const vocabulary = { ...letters, ...Object.fromEntries(words.map((word, i) => [word, 100 + i])) };

const others: readonly (readonly [name: string, content: object, words: string])[] = [
  ['vocab.json', vocabulary, "a tokenizer's vocabulary (vocab.json)"],
  ['renamed.jsonl', vocabulary, "a tokenizer's vocabulary (vocab.json)"],
  [
    'tokenizer.json',
    { version: '1.0', added_tokens: [], model: { type: 'BPE', vocab: {} } },
    'a tokenizer (tokenizer.json)',
  ],
  ['tokenizer_config.json', { tokenizer_class: 'T5Tokenizer', model_max_length: 512 }, 'the settings of a tokenizer'],
  ['config.json', { model_type: 'gpt2', n_embd: 8 }, 'the config of a model (config.json)'],
  ['index.json', { metadata: {}, weight_map: { w: 'a.safetensors' } }, 'an index of weights'],
  [
    'generation_config.json',
    { eos_token_id: [1, 2], transformers_version: '4.0' },
    "a model's settings for generation",
  ],
  ['package.json', { name: 'x', version: '1.2.3', type: 'module' }, 'the settings of a package (package.json)'],
];
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => 'nothing is refused',
    (error: unknown) => error,
  );

describe('JSON that is no data', () => {
  it.each(others)('%s is named by whoever reads it, however it is written', async (name, content, what) => {
    for (const text of [JSON.stringify(content), JSON.stringify(content, null, 2)]) {
      const source = { text, name };
      for (const work of [
        readInstructions(source, { tokenizer }),
        readInstructions(source, { tokenizer, skipInvalid: true }),
        readPrompts(source),
        recordKind(source),
        surveyData(source),
      ]) {
        const error = await failure(work);
        expect(error).toBeInstanceOf(DataError);
        expect((error as Error).message).toContain(`${name} is ${what}`);
        expect((error as Error).message).toContain('expected records of data. Leave it out.');
      }
    }
  });

  it('is known among the files of this package', async () => {
    const text = await readFile('package.json', 'utf8');
    expect(await failure(recordKind({ text, name: 'package.json' }))).toMatchObject({
      message: 'package.json is the settings of a package (package.json), expected records of data. Leave it out.',
    });
  });

  it.each([
    { instruction: 'Say a.', output: 'a', model_type: 'gpt2', name: 'x', version: '1.0.0' },
    {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
      tokenizer_class: 'x',
    },
    { Definition: ['Say a.'], Instances: [{ input: 'x', output: ['a'] }], architectures: ['x'] },
    { translation: { en: 'a', de: 'b' }, transformers_version: '4.0' },
    { question_id: 1, turns: ['Say a.'], model_type: 'x' },
  ])('is not what has the fields of a record, whatever else it has: %j', async (record) => {
    expect(await recordKind([record])).toMatch(/instruction|conversation|superNatural|translation|question/);
  });
});
