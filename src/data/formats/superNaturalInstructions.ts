/**
 * Super-NaturalInstructions: a task file (one object, `Definition` and all its `Instances`), the lines of Tk-Instruct's splits
 * (`Definition` and one `Instance`), and the flat lines of Hugging Face (`definition`, `inputs`, `targets`). An instance may
 * have several outputs, each of them right.
 */

import { isObject } from '../../io/json.js';
import { Problem } from '../jsonLine.js';
import type { Question } from '../question.js';
import { allRead, answersIn, anyText, type Fields, objectsIn, someText, wrongField } from '../recordFields.js';
import type { RecordFormat } from './format.js';

/** By its value too: a vocabulary has the word with a number. */
const isTask = ({ Definition }: Fields) => typeof Definition === 'string' || Array.isArray(Definition);
const isFlat = ({ definition, inputs }: Fields) => typeof definition === 'string' && typeof inputs === 'string';

export const superNaturalInstructions: RecordFormat = {
  inWords: 'a task of Super-NaturalInstructions',
  matches: (record) => isTask(record) || isFlat(record),
  questions(record) {
    if (!isTask(record)) {
      const read = allRead({
        instruction: someText('definition', record.definition),
        input: anyText('inputs', record.inputs),
        outputs: answersIn('targets', record.targets),
      });
      return read instanceof Problem ? read : [read];
    }
    const { Definition, Instance, Instances } = record;
    const parts = allRead({ instruction: definitionIn(Definition), list: instancesIn(Instance, Instances) });
    if (parts instanceof Problem) return parts;
    const { instruction, list } = parts;
    const questions: Question[] = [];
    for (const { place, fields } of list) {
      const read = allRead({
        input: anyText(`${place}.input`, fields.input),
        outputs: answersIn(`${place}.output`, fields.output),
      });
      if (read instanceof Problem) return read;
      questions.push({ instruction, ...read });
    }
    return questions;
  },
};

/** Files have a list of one text. */
function definitionIn(value: unknown): string | Problem {
  if (!Array.isArray(value)) return someText('Definition', value);
  const texts = value.filter((each) => typeof each === 'string');
  if (texts.length < value.length) return wrongField('Definition', value, 'text, or a list of texts');
  return someText('Definition', texts.join('\n'));
}

function instancesIn(one: unknown, several: unknown): readonly { place: string; fields: Fields }[] | Problem {
  if (isObject(one)) return [{ place: 'Instance', fields: one }];
  const list = objectsIn('Instances', several, 'instances, { input, output }');
  return list instanceof Problem ? list : list.map((fields, at) => ({ place: `Instances[${at}]`, fields }));
}
