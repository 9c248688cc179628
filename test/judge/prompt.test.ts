import { expect, it } from 'vitest';
import { messagesFor, scoresIn } from '../../src/judge/prompt.js';

it('asks for two scores from 1 to 10 before the reasons, with the instruction, its input and both answers', () => {
  const [system, user] = messagesFor({ instruction: 'Add.', input: '2 and 3', answers: ['5', 'six'] });
  expect(system?.role).toBe('system');
  expect(user?.content).toMatch(
    /^\[Instruction\]\nAdd\.\n\n\[Input\]\n2 and 3\n\n\[The Start of Assistant 1's Answer\]\n5\n\n\[The End of Assistant 1's Answer\]\n\n\[The Start of Assistant 2's Answer\]\nsix\n\n\[The End of Assistant 2's Answer\]\n\n\[System\]\nWe would like to request your feedback/,
  );
  expect(user?.content).toContain('on a scale of 1 to 10, where a higher score indicates better overall performance.');
  expect(user?.content).toContain(
    'a single line containing only two values indicating the scores for Assistant 1 and 2',
  );
  const [, alone] = messagesFor({ instruction: 'Add.', input: '', answers: ['5', 'six'] });
  expect(alone?.content).not.toContain('[Input]');
});

it.each([
  ['8 7\nThe first is better.', [8, 7]],
  ['\n\n 10 1 ', [10, 1]],
  ['7.5, 8', [7.5, 8]],
  ['**9 3**\nreasons 1 2', [9, 3]],
  ['8/10 7/10', [8, 7]],
  ['8,7', [8, 7]],
  ['<think>3 4 or 5 6?</think>\n\n6 5', [6, 5]],
  ['8\r\n7', undefined],
  ['8', undefined],
  ['8 7 6', undefined],
  ['0 5', undefined],
  ['11 5', undefined],
  ['-1 5', undefined],
  ['Assistant 1: 8, Assistant 2: 7', undefined],
  ['I think 8 7', undefined],
  ['87', undefined],
  ['', undefined],
  ['<think>8 7', undefined],
])('reads the scores of %j', (reply, scores) => expect(scoresIn(reply)).toEqual(scores));
