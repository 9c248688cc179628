import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { distillm } from '../cli/workspace.js';

const teacher = fileURLToPath(new URL('../../examples/demo/teacher', import.meta.url));

it("the committed teacher answers README's command line, its folder naming its prompt template", async () => {
  const words = [
    '--greedy',
    '--device',
    'wasm',
    '--input',
    'The red cat looks for the friend.',
    'Translate into German.',
  ];
  const finished = await distillm('generate', { more: ['--model', teacher, ...words] });
  expect(finished).toEqual({ code: 0, out: 'Die rote Katze sucht den Freund.\n', err: '' });
});
