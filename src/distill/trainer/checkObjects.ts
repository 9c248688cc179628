/**
 * Whether the objects of a run are what their types say, for callers without types. Looked at once, before the run: the
 * rest of the trainer relies on it.
 */

import type { Sample } from '../../data/batch.js';
import { OptionError } from '../../errors.js';
import { folderOption } from '../../io/fileStore.js';
import { modelOption } from '../../models/model.js';
import { refusedOption } from '../../requireOption.js';
import { checkOption, hasMethods, ranges, signalOption, special } from '../../settings/index.js';
import { tokenizerOption } from '../../text/index.js';
import { teacherCacheOption } from '../teacherCache/openTeacherCache.js';
import type { Participants, TrainingData } from './options.js';

const dataOption = special<TrainingData>(
  'an object with train, as readInstructions gives it after await',
  (value) => typeof value === 'object' && value !== null && !hasMethods(value, 'then'),
);
/** What is in the list is looked at once, by checkData.ts. */
const samplesOption = special<readonly Sample[]>(
  'an array of samples, as readInstructions gives it after await',
  Array.isArray,
);
const templateName = ranges.text.optional();

/** @throws OptionError for an object of another kind */
export function checkObjects(where: 'distill' | 'fineTune', run: Participants): void {
  const { student, teacher, teacherCache, tokenizer, teacherTokenizer, data, checkpoint, resume, fallbackOut, signal } =
    run;
  if (where === 'distill' && !teacher && !teacherCache) {
    throw new OptionError(
      'distill: no teacher is given. Give a teacher, or a teacherCache, or call fineTune to train on the data alone.',
      { option: 'teacher', found: teacher },
    );
  }
  if (teacher && teacherCache) {
    throw new OptionError('distill: teacher and teacherCache are both given, expected one of them. Leave one out.', {
      option: 'teacherCache',
    });
  }
  const learner = where === 'fineTune' ? 'model' : 'student';
  if (!student) {
    throw new OptionError(`${where}: no ${learner} is given. Give the model that is to be trained.`, {
      option: learner,
      found: student,
    });
  }
  checkOption(where, learner, student, modelOption);
  checkOption(where, 'teacher', teacher, modelOption.optional());
  checkOption(where, 'teacherCache', teacherCache, teacherCacheOption.optional());
  checkOption(where, 'tokenizer', tokenizer, tokenizerOption.optional());
  checkOption(where, 'teacherTokenizer', teacherTokenizer, tokenizerOption.optional());
  checkOption(where, 'checkpoint', checkpoint, folderOption.optional());
  checkOption(where, 'resume', resume, ranges.switched.optional());
  checkOption(where, 'fallbackOut', fallbackOut, folderOption.optional());
  if (fallbackOut !== undefined && (checkpoint === undefined || fallbackOut === checkpoint)) {
    const why = checkpoint === undefined ? 'needs checkpoint, the folder of the run' : 'is checkpoint itself';
    throw new OptionError(`${where}: fallbackOut ${why}. Give both, as two folders on two disks.`, {
      option: 'fallbackOut',
    });
  }
  checkOption(where, 'signal', signal, signalOption.optional());
  if (Array.isArray(data)) {
    throw refusedOption(
      where,
      'data',
      data,
      'an object with train, as readInstructions gives it',
      'Give all that readInstructions gave, or a list of samples as { train }.',
    );
  }
  const { train, validation, text, template } = checkOption(where, 'data', data, dataOption);
  checkOption(where, 'data.train', train, samplesOption);
  checkOption(where, 'data.validation', validation, samplesOption.optional());
  checkOption(where, 'data.text', text, samplesOption.optional());
  checkOption(where, 'data.template', template, templateName);
}
