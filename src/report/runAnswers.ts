/** The answers that runs gave at their validations, as cards: what each said before and after training. */
import { promptFieldsOf } from '../data/promptFieldsOf.js';
import type { AnswerCard } from './page/answers.js';
import { examplesOf, type RunLog } from './runLog.js';

/** A template's words would hide what was asked. A template of the user's own stays around it. */
function askedIn(prompt: string): Pick<AnswerCard, 'prompt' | 'input'> {
  const { instruction = prompt, input } = promptFieldsOf(prompt) ?? {};
  return { prompt: instruction, ...(input !== undefined && { input }) };
}

/** A page holds no more at a glance. */
const most = 12;

/** The prompts are those of the first run that has any; other runs are shown where they answered the same. */
export function answersOf(runs: readonly RunLog[]): AnswerCard[] {
  const answered = runs.map((run) => ({ name: run.name, ...examplesOf(run) }));
  const prompts = answered.find(({ after }) => after)?.after?.examples ?? [];
  const before = answered.find((run) => run.before)?.before ?? [];
  return prompts.slice(0, most).map(({ prompt, references }) => ({
    ...askedIn(prompt),
    reference: references[0] ?? '',
    answers: [
      ...before
        .filter((example) => example.prompt === prompt)
        .slice(0, 1)
        .map(({ answer, rougeL }) => ({ by: 'before the first step', text: answer, score: rougeL })),
      ...answered.flatMap(({ name, after }) => {
        const example = after?.examples.find((each) => each.prompt === prompt);
        if (!after || !example) return [];
        const by = `${runs.length > 1 ? `${name}, ` : ''}after step ${after.step.toLocaleString('en')}`;
        return [{ by, text: example.answer, score: example.rougeL }];
      }),
    ],
  }));
}
