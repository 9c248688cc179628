/**
 * Self-Instruct's tasks (seed_tasks.jsonl, user_oriented_instructions.jsonl) and the core of Unnatural Instructions: an
 * instruction with several instances of input and output, each of which is a question.
 */
import { Problem } from '../jsonLine.js';
import type { Question } from '../question.js';
import { allRead, answersIn, anyText, has, objectsIn, someText } from '../recordFields.js';
import type { RecordFormat } from './format.js';

export const selfInstruct: RecordFormat = {
  inWords: 'an instruction with its instances',
  matches: (record) => has(record, 'instruction') && Array.isArray(record.instances),
  questions({ instruction: asked, instances }) {
    const parts = allRead({
      instruction: someText('instruction', asked),
      list: objectsIn('instances', instances, 'instances, { input, output }'),
    });
    if (parts instanceof Problem) return parts;
    const { instruction, list } = parts;
    const questions: Question[] = [];
    for (const [index, { input, output }] of list.entries()) {
      const read = allRead({
        input: anyText(`instances[${index}].input`, input),
        outputs: answersIn(`instances[${index}].output`, output),
      });
      if (read instanceof Problem) return read;
      questions.push({ instruction, ...read });
    }
    return questions;
  },
};
