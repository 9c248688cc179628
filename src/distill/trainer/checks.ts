import type { Sample } from '../../data/batch.js';
import { CompatibilityError, DataError, LimitError, OptionError } from '../../errors.js';
import type { LanguageModel } from '../../models/model.js';
import { checkInteger, optionChecker } from '../../optionChecker.js';
import type { Tokenizer } from '../../text/index.js';
import type { DistillOptions, FineTuneOptions } from './options.js';
import { roomForAnswer } from './plan.js';

const check = optionChecker('training');

/**
 * Everything that can be wrong with a run's options and data, before it starts.
 * @throws OptionError, DataError, CompatibilityError, LimitError
 */
export function checkOptions(options: FineTuneOptions & Partial<DistillOptions>): void {
  checkNumbers(options);
  checkModels(options);
  checkData(options);
  checkGeneration(options);
}

type Options = FineTuneOptions & Partial<DistillOptions>;

function checkNumbers(options: Options): void {
  const { data, epochs, steps, validation, kdRatio, text, schedule, seed } = options;
  const count = (option: string, value: number | undefined, least = 1) => {
    if (value !== undefined) checkInteger(check, option, value, least);
  };
  if ((epochs === undefined) === (steps === undefined)) {
    const found =
      epochs === undefined
        ? 'neither epochs nor steps is given'
        : `epochs (${epochs}) and steps (${steps}) are both given`;
    throw new OptionError(`training: ${found}, expected one of them: the length of the run.`);
  }
  count('epochs', epochs);
  count('steps', steps);
  count('batchSize', options.batchSize);
  count('gradAccumulationSteps', options.gradAccumulationSteps);
  count('warmupSteps', options.warmupSteps, 0);
  count('maxNewTokens', options.maxNewTokens);
  count('validation.rougeL.samples', validation?.rougeL?.samples);
  if (validation?.every !== 'epoch') count('validation.every', validation?.every);
  check('seed', seed, seed === undefined || Number.isSafeInteger(seed), 'an integer');
  check('kdRatio', kdRatio, kdRatio === undefined || (kdRatio >= 0 && kdRatio <= 1), 'between 0 and 1');
  const lmCoef = text?.lmCoef ?? 1;
  check('text.lmCoef', lmCoef, lmCoef > 0 && Number.isFinite(lmCoef), 'a positive number');
  const known = ['constant', 'linear', 'cosine', 'noam'];
  check(
    'schedule',
    schedule,
    schedule === undefined || typeof schedule === 'function' || known.includes(schedule),
    `${known.join(', ')} or a function`,
  );
  if (data.train.length === 0) {
    throw new DataError(
      'training: data.train is empty, expected at least one sample. Check the data file and its split.',
    );
  }
  if (text?.samples.length === 0) {
    throw new DataError(
      'training: text.samples is empty, expected at least one sample. Leave text out for no LM loss.',
    );
  }
  if (validation?.rougeL && !data.validation?.length) {
    throw new OptionError('training: validation.rougeL needs data.validation, which is empty.');
  }
  if (options.resume && !options.checkpoint) {
    throw new OptionError('training: resume needs checkpoint, the folder that the run wrote to.');
  }
}

function checkModels({ student, teacher, tokenizer, teacherTokenizer }: Options): void {
  if (![...student.parameters.values()].some(({ requiresGrad }) => requiresGrad)) {
    throw new OptionError(
      'training: no parameter of the student is trainable. Load it with { trainable: true } or call setTrainable(true).',
    );
  }
  if (tokenizer && tokenizer.vocabSize > student.vocabSize) {
    throw new CompatibilityError(
      `training: the tokenizer has ${tokenizer.vocabSize} tokens, the student's vocabulary is ${student.vocabSize}. ` +
        'Use the tokenizer that the student was made for.',
      { found: tokenizer.vocabSize, expected: student.vocabSize },
    );
  }
  if (!teacher) return;
  if (teacher.device !== student.device) {
    throw new OptionError('distill: teacher and student are on different devices. Load both on the same one.');
  }
  if ([...teacher.parameters.values()].some((parameter) => [...student.parameters.values()].includes(parameter))) {
    throw new OptionError('distill: teacher and student share weights. Load the teacher as a model of its own.');
  }
  const difference = tokenizer && teacherTokenizer && firstDifference(teacherTokenizer, tokenizer);
  if (teacher.vocabSize !== student.vocabSize || difference) {
    throw new CompatibilityError(
      `distill: the teacher's vocabulary has ${teacher.vocabSize} tokens, the student's ${student.vocabSize}` +
        `${difference ? `; ${difference}` : ''}. Both must use the same tokenizer.`,
      { found: teacher.vocabSize, expected: student.vocabSize },
    );
  }
}

function firstDifference(teacher: Tokenizer, student: Tokenizer): string | undefined {
  const token = (tokenizer: Tokenizer, id: number) => {
    const text = tokenizer.idToToken(id);
    return text === undefined ? 'no token' : JSON.stringify(text);
  };
  for (let id = 0; id < Math.max(teacher.vocabSize, student.vocabSize); id++) {
    const [theirs, ours] = [token(teacher, id), token(student, id)];
    if (theirs !== ours)
      return `the first token that differs is id ${id}: ${theirs} for the teacher, ${ours} for the student`;
  }
  return undefined;
}

function checkGeneration(options: Options): void {
  const { sgo, tokenizer, data, validation, batchSize = 8, gradAccumulationSteps = 1 } = options;
  const needsText = sgo?.generates || validation?.rougeL;
  if (needsText && tokenizer?.eosTokenId === undefined) {
    const who = sgo?.generates ? `sgo '${sgo.name}'` : 'validation.rougeL';
    throw new OptionError(`training: ${who} generates answers and needs a tokenizer with an EOS token.`);
  }
  if (sgo?.usesValidation && !data.validation?.length) {
    throw new OptionError(
      `distill: sgo '${sgo.name}' follows the validation loss, but data.validation is empty. Hold some samples out.`,
    );
  }
  const batch = Math.min(batchSize * gradAccumulationSteps, data.train.length);
  if (sgo && sgo.capacity > 0 && sgo.capacity < batch) {
    throw new OptionError(
      `distill: the replay buffer's capacity is ${sgo.capacity}, expected at least the ${batch} samples of a batch.`,
      { found: sgo.capacity, expected: batch },
    );
  }
  if (!needsText) return;
  const wanted = options.maxNewTokens ?? 1;
  const room = roomForAnswer(options);
  if (wanted > room) {
    throw new LimitError(
      `training: answers of ${wanted} new tokens do not fit: the longest prompt leaves ${room} of the models' positions. ` +
        'Lower maxNewTokens, or read the data with shorter prompts.',
      { found: wanted, expected: room },
    );
  }
  const set = sgo?.generates ? 'data.train' : 'data.validation';
  const empty = (sgo?.generates ? data.train : (data.validation ?? [])).findIndex(
    ({ promptLength }) => promptLength < 1,
  );
  if (empty >= 0) throw new DataError(`${set}[${empty}]: has no prompt, and the student cannot answer one.`);
}

function checkData({ student, teacher, data, text }: Options): void {
  const sets: [string, readonly Sample[] | undefined][] = [
    ['data.train', data.train],
    ['data.validation', data.validation],
    ['text.samples', text?.samples],
  ];
  for (const [set, samples] of sets) {
    samples?.forEach(({ ids, promptLength }, index) => {
      const where = `${set}[${index}]`;
      if (ids.length < 1 || !(promptLength >= 0 && promptLength <= ids.length)) {
        throw new DataError(
          `${where}: ${ids.length} tokens with a prompt of ${promptLength}, expected 1 or more, prompt included.`,
        );
      }
      const outside = ids.findIndex((id) => id < 0 || id >= student.vocabSize);
      if (outside >= 0) {
        throw new CompatibilityError(
          `${where}: token id ${ids[outside]} at position ${outside} is outside the student's vocabulary of ${student.vocabSize}. ` +
            "Tokenize the data with the student's tokenizer.",
          { found: ids[outside], expected: student.vocabSize },
        );
      }
      checkLength(where, ids.length, student, 'student');
      if (teacher && set === 'data.train') checkLength(where, ids.length, teacher, 'teacher');
    });
  }
}

function checkLength(where: string, tokens: number, { maxPositions }: LanguageModel, who: string): void {
  if (tokens <= maxPositions) return;
  throw new LimitError(
    `${where}: ${tokens} tokens, the ${who} takes ${maxPositions}. Read the data with a maxLength of at most ${maxPositions}.`,
    { found: tokens, expected: maxPositions },
  );
}
