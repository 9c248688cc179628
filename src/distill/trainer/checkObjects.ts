/**
 * Whether the objects of a run are what their types say, for callers without types. Looked at once, before the run: the
 * rest of the trainer relies on it.
 */
import { DataError, OptionError } from '../../errors.js';
import { inWords } from '../../inWords.js';
import { requireOption } from '../../requireOption.js';
import type { Participants, TrainingData } from './options.js';

/** @throws OptionError for an object of another kind, DataError for samples that are none */
export function checkObjects(where: 'distill' | 'fineTune', run: Participants): void {
  const { student, teacher, tokenizer, teacherTokenizer, data, checkpoint, resume, signal } = run;
  if (where === 'distill' && !teacher) {
    throw new OptionError(
      'distill: no teacher is given. Give a teacher, or call fineTune to train on the data alone.',
      {
        found: teacher,
      },
    );
  }
  if (!student) throw new OptionError("training: no model to train, expected fineTune's model or distill's student.");
  const require = (name: string, found: unknown, ok: boolean, expected: string) =>
    requireOption(where, name, found, ok, expected);
  const model = 'a model, as loadModel gives it after await';
  require(where === 'fineTune' ? 'model' : 'student', student, isModel(student), model);
  if (teacher) require('teacher', teacher, isModel(teacher), model);
  for (const [name, found] of Object.entries({ tokenizer, teacherTokenizer })) {
    require(name, found, found === undefined ||
      has(found, 'idToToken'), 'a tokenizer, as loadTokenizer gives it after await');
  }
  const isFolder = typeof checkpoint === 'string' || has(checkpoint, 'write');
  require('checkpoint', checkpoint, checkpoint === undefined || isFolder, "a folder's path or a FileStore");
  require('resume', resume, resume === undefined || typeof resume === 'boolean', 'true or false');
  require('signal', signal, signal === undefined || has(signal, 'addEventListener'), 'an AbortSignal');
  require('data', data, typeof data === 'object' &&
    data !== null, 'an object with train, as readInstructions gives it');
  checkSamples(where, data);
}

const has = (value: unknown, method: string): boolean => typeof Object(value)[method] === 'function';
const isModel = (value: unknown): boolean => has(value, 'collate') && Object(value).parameters instanceof Map;

function checkSamples(where: string, { train, validation, text }: TrainingData): void {
  for (const [name, samples] of Object.entries({ train, validation, text })) {
    if (samples === undefined && name !== 'train') continue;
    requireOption(where, `data.${name}`, samples, Array.isArray(samples), 'an array of samples');
    // An index at a time: forEach leaves out the holes of an array.
    for (let index = 0; index < samples!.length; index++) {
      checkSample(`data.${name}[${index}]`, samples![index]);
    }
  }
}

function checkSample(where: string, sample: unknown): void {
  const refuse = (what: string, found: unknown, expected: string) =>
    new DataError(`${where}${what} is ${inWords(found)}, expected ${expected}.`, { found, expected });
  if (typeof sample !== 'object' || sample === null) throw refuse('', sample, 'a sample, { ids, promptLength }');
  const { ids, promptLength } = sample as { ids?: unknown; promptLength?: unknown };
  if (!(ids instanceof Int32Array)) throw refuse('.ids', ids, 'an Int32Array');
  if (!Number.isInteger(promptLength)) throw refuse('.promptLength', promptLength, 'an integer');
}
