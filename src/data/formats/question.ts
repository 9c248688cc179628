/**
 * Questions without answers, as Vicuna's are published for a judge (question.jsonl: `turns`, in its first form `text`), some
 * with a `reference`.
 */
import { Problem } from '../jsonLine.js';
import { allRead, answersIn, has, someText, wrongField } from '../recordFields.js';
import type { RecordFormat } from './format.js';

export const question: RecordFormat = {
  inWords: 'a question without an answer',
  matches: (record) => Array.isArray(record.turns) || (has(record, 'question_id') && has(record, 'text')),
  questions(record) {
    const read = allRead({
      instruction: Array.isArray(record.turns) ? onlyTurn(record.turns) : someText('text', record.text),
      outputs: has(record, 'reference') ? answersIn('reference', record.reference) : [],
    });
    return read instanceof Problem ? read : [{ ...read, input: '' }];
  },
};

/** A second question is about the answer to the first, which is not known. */
const onlyTurn = (turns: readonly unknown[]): string | Problem =>
  turns.length === 1 ? someText('turns[0]', turns[0]) : wrongField('turns', turns, 'one question');
