/**
 * Whether the objects of a run are what their types say, for callers without types. Looked at once, before the run: the
 * rest of the trainer relies on it.
 */
import type * as z from 'zod';
import type { Sample } from '../../data/batch.js';
import { OptionError } from '../../errors.js';
import { isPlainObject } from '../../inWords.js';
import { folderOption } from '../../io/fileStore.js';
import { type LanguageModel, modelOption } from '../../models/model.js';
import { refusedOption } from '../../requireOption.js';
import { checkOption, hasMethods, ranges, signalOption, special } from '../../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../../text/index.js';
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
/** Objects by names that are not empty. */
const byName = <T>(words: string, schema: z.ZodType, least: number) =>
  special<Readonly<Record<string, T>>>(words, (value) => {
    const entries = isPlainObject(value) ? Object.entries(value) : undefined;
    const isOne = ([name, each]: readonly [string, unknown]) => name.trim() !== '' && schema.safeParse(each).success;
    return entries !== undefined && entries.length >= least && entries.every(isOne);
  });
const teachersOption = byName<LanguageModel>('an object of models by their names, at least one', modelOption, 1);
const tokenizersOption = byName<Tokenizer>("an object of tokenizers by the teachers' names", tokenizerOption, 0);

/** @throws OptionError for a tokenizer of a teacher that is not given */
function requireOwner(tokenizer: string | undefined, owner: string | undefined): void {
  if (tokenizer === undefined || owner !== undefined) return;
  throw new OptionError(`distill: ${tokenizer} belongs to a teacher that is not given. Give it, or leave it out.`, {
    option: tokenizer,
  });
}

/** @throws OptionError for an object of another kind */
export function checkObjects(where: 'distill' | 'fineTune', run: Participants): void {
  const { student, teacher, teachers, teacherCache, tokenizer, teacherTokenizer, teacherTokenizers } = run;
  const { data, checkpoint, resume, fallbackOut, signal } = run;
  const [first, second] = Object.entries({ teacher, teachers, teacherCache }).flatMap(([name, each]) =>
    each ? [name] : [],
  );
  if (where === 'distill' && first === undefined) {
    throw new OptionError(
      'distill: no teacher is given. Give a teacher, or a teacherCache, or several teachers, or call fineTune to train on the data ' +
        'alone.',
      { option: 'teacher', found: teacher },
    );
  }
  if (second !== undefined) {
    throw new OptionError(`distill: ${first} and ${second} are both given, expected one of them. Leave one out.`, {
      option: second,
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
  checkOption(where, 'teachers', teachers, teachersOption.optional());
  checkOption(where, 'teacherCache', teacherCache, teacherCacheOption.optional());
  checkOption(where, 'tokenizer', tokenizer, tokenizerOption.optional());
  checkOption(where, 'teacherTokenizer', teacherTokenizer, tokenizerOption.optional());
  checkOption(where, 'teacherTokenizers', teacherTokenizers, tokenizersOption.optional());
  requireOwner(teacherTokenizer && 'teacherTokenizer', teacher && 'teacher');
  const nameless = Object.keys(teacherTokenizers ?? {}).find((name) => !Object.hasOwn(teachers ?? {}, name));
  requireOwner(nameless && `teacherTokenizers.${nameless}`, undefined);
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
