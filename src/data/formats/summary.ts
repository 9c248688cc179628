/** SAMSum and DialogSum: a dialogue with its summary, in DialogSum's test set with three (`summary1` to `summary3`). */
import { Problem } from '../jsonLine.js';
import { has, someText } from '../recordFields.js';
import type { RecordFormat } from './format.js';

export const summary: RecordFormat = {
  inWords: 'a dialogue with its summary',
  matches: (record) => has(record, 'dialogue') && !has(record, 'instruction') && !has(record, 'prompt'),
  questions(record) {
    const input = someText('dialogue', record.dialogue);
    if (input instanceof Problem) return input;
    const outputs: string[] = [];
    for (const field of Object.keys(record).filter((name) => /^summary\d*$/.test(name) && has(record, name))) {
      const text = someText(field, record[field]);
      if (text instanceof Problem) return text;
      outputs.push(text);
    }
    return [{ instruction: 'Summarize the following dialogue.', input, prefix: 'summarize: ', outputs }];
  },
};
