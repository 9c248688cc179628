import { expect, it } from 'vitest';
import { promptFieldsOf } from '../../src/data/promptFieldsOf.js';
import { promptTemplates } from '../../src/data/template.js';

const asked = [
  { instruction: 'Name three colours.' },
  { instruction: 'What is it about?', input: 'The cat sat.\n\nThe end (of $1 [a+b]).' },
  { instruction: '### Instruction:\nWhy?\n\nBecause.' },
];

it.each(['alpaca', 'compact'] as const)('gives back what %s was filled with', (name) => {
  for (const fields of asked) {
    const prompt = promptTemplates[name].render(fields);
    for (const text of [prompt, `<s>${prompt}`, `<|begin_of_text|>${prompt}`, `<s> ${prompt.trimEnd()}`]) {
      expect(promptFieldsOf(text)).toEqual(fields);
    }
  }
});

it("leaves T5's prompts as they are: nothing tells what was around the question", () => {
  for (const fields of asked) expect(promptFieldsOf(promptTemplates.t5.render(fields))).toBeUndefined();
  const task = { instruction: 'Summarize.', input: 'Ann: Hi.', prefix: 'summarize: ' };
  expect(promptFieldsOf(promptTemplates.t5.render(task))).toBeUndefined();
});

it.each(['Name three colours.', 'User: Why?\nAssistant:', 'Q: Instruction: a\nResponse:\n', ''])(
  'knows nothing of %j, of another template',
  (prompt) => expect(promptFieldsOf(prompt)).toBeUndefined(),
);
