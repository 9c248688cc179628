import { expect, it } from 'vitest';
import { promptFieldsOf } from '../../src/data/promptFieldsOf.js';
import { promptTemplates } from '../../src/data/template.js';

const asked = [
  { instruction: 'Name three colours.' },
  { instruction: 'What is it about?', input: 'The cat sat.\n\nThe end (of $1 [a+b]).' },
  { instruction: '### Instruction:\nWhy?\n\nBecause.' },
];

it.each(Object.keys(promptTemplates) as (keyof typeof promptTemplates)[])(
  'gives back what %s was filled with',
  (name) => {
    for (const fields of asked) {
      const prompt = promptTemplates[name].render(fields);
      for (const text of [prompt, `<s>${prompt}`, `<|begin_of_text|>${prompt}`, `<s> ${prompt.trimEnd()}`]) {
        expect(promptFieldsOf(text)).toEqual(fields);
      }
    }
  },
);

it.each(['Name three colours.', 'User: Why?\nAssistant:', 'Q: Instruction: a\nResponse:\n', ''])(
  'knows nothing of %j, of another template',
  (prompt) => expect(promptFieldsOf(prompt)).toBeUndefined(),
);
