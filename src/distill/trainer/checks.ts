/**
 * What a schema cannot say about a run: whether models, data and options fit each other. Everything is checked before
 * the run starts.
 */
import { CompatibilityError, counted, DataError, LimitError, OptionError } from '../../errors.js';
import { checkTokenizer, usualPadding } from '../../models/checkTokenizer.js';
import type { LanguageModel } from '../../models/model.js';
import { tokenInWords, vocabularyDifferences } from '../../text/compareTokenizers.js';
import type { Tokenizer } from '../../text/index.js';
import type { BestBy, RunOptions } from '../settings.js';
import { dataOnly, policyFacts } from '../sgo/index.js';
import { requireCache } from '../teacherCache/requireCache.js';
import { calledTeacher, ofTeacher, type Teacher, teachersOf } from '../teachers.js';
import { sequencesOfStep } from './batches.js';
import { checkData, hasAnswer } from './checkData.js';
import { checkMethod } from './checkMethod.js';
import { learnerOf, type Participants } from './options.js';
import { roomForAnswer, writesAnswers } from './plan.js';

/**
 * `run` has passed `checkObjects`, `options` their schema.
 * @throws OptionError, DataError, CompatibilityError, LimitError
 */
export function checkRun(run: Participants, options: RunOptions): void {
  checkLength(options);
  checkModels(run);
  if (run.teacherCache) requireCache(run.teacherCache, { student: run.student, tokenizer: run.tokenizer }, options);
  const scores = options.validation.rougeL.samples > 0;
  checkData(run, { train: writesAnswers(options), validation: scores });
  checkMethod(options);
  checkGeneration(run, options);
}

function checkLength({ epochs, steps }: RunOptions): void {
  if ((epochs === undefined) !== (steps === undefined)) return;
  const found =
    epochs === undefined
      ? 'neither epochs nor steps is given'
      : `epochs (${epochs}) and steps (${steps}) are both given`;
  throw new OptionError(`training: ${found}, expected one of them: the length of the run.`);
}

function checkModels(run: Participants): void {
  const { student, tokenizer } = run;
  if (![...student.parameters.values()].some(({ requiresGrad }) => requiresGrad)) {
    throw new OptionError(
      `training: no parameter of the ${learnerOf(run)} is trainable. Load it with { trainable: true } or call ` +
        'setTrainable(true).',
    );
  }
  if (tokenizer) checkTokenizer(tokenizer, student, { called: `the ${learnerOf(run)}` });
  const trained = new Set(student.parameters.values());
  for (const teacher of teachersOf(run)) {
    const { model } = teacher;
    const called = teacher.name === undefined ? 'teacher' : calledTeacher(teacher);
    if (model.device !== student.device) {
      throw new OptionError(`distill: ${called} and student are on different devices. Load both on the same one.`);
    }
    checkStarts(student, teacher);
    if ([...model.parameters.values()].some((parameter) => trained.has(parameter))) {
      throw new OptionError(`distill: ${called} and student share weights. Load the teacher as a model of its own.`);
    }
    checkVocabularies(run, teacher);
  }
}

/**
 * One tokenizer, in tables that may be padded differently (50,257 and 50,304 rows, 151,936 and 152,064): what both have
 * is compared. @throws CompatibilityError
 */
function checkVocabularies({ student, tokenizer }: Participants, teacher: Teacher): void {
  const [found, expected] = [teacher.model.vocabSize, student.vocabSize];
  const differences = tokenizer && teacher.tokenizer ? firstDifferences(teacher.tokenizer, tokenizer) : '';
  if (Math.abs(found - expected) > usualPadding(Math.min(found, expected)) || differences !== '') {
    throw new CompatibilityError(
      `distill: ${ofTeacher('vocabulary', teacher)} has ${found} tokens, the student's ${expected}${differences}. Both must use the same ` +
        'tokenizer: take a student of the same family, or make one with random weights for the tokenizer of the teacher.',
      { found, expected },
    );
  }
  const read = teacher.tokenizer ?? tokenizer;
  if (read) checkTokenizer(read, teacher.model, { called: calledTeacher(teacher) });
}

/** Both predict the tokens of one batch, so an answer must begin in the same way for both. @throws CompatibilityError */
function checkStarts(student: LanguageModel, teacher: Teacher): void {
  const [found, expected] = [teacher.model.startTokenId, student.startTokenId];
  if (found === expected) return;
  const kindOf = (start: number | undefined) =>
    start === undefined ? 'decoder-only' : `an encoder-decoder model whose answers begin with the token ${start}`;
  throw new CompatibilityError(
    `distill: ${calledTeacher(teacher)} is ${kindOf(found)}, the student ${kindOf(expected)}. Both must read an answer in the same way: ` +
      'take models of the same kind, with the same decoder_start_token_id in their config.json.',
    { found, expected },
  );
}

/** Differences that are told. */
const told = 3;

function firstDifferences(teacher: Tokenizer, student: Tokenizer): string {
  const differences = vocabularyDifferences(teacher, student, { most: told });
  if (differences.length === 0) return '';
  const list = differences.map(({ id, tokens: [theirs, ours] }) => {
    return `id ${id} is ${tokenInWords(theirs)} for the teacher, ${tokenInWords(ours)} for the student`;
  });
  return `; their tokenizers differ, first in these: ${list.join('; ')}`;
}

function checkGeneration(run: Participants, options: RunOptions): void {
  const { data, tokenizer, checkpoint, resume } = run;
  const { validation, kdRatio, sgo = dataOnly() } = options;
  const { generates, usesValidation, capacity } = policyFacts(sgo);
  const scores = validation.rougeL.samples > 0;
  if (scores && !data.validation?.length) {
    throw new OptionError('training: validation.rougeL needs data.validation, which is empty.');
  }
  const { bestBy } = validation;
  if (!scores && bestBy !== undefined && bestBy !== 'loss') {
    throw new OptionError(
      `training: validation.bestBy '${bestBy}' needs answers that are scored. Set validation.rougeL.samples above 0.`,
    );
  }
  if (generates && kdRatio === 0) {
    throw new OptionError(
      `distill: kdRatio is 0, and sgo '${sgo.kind}' has the student make training data: cross-entropy is not taken on the ` +
        "student's own answers, so nothing would be learnt from them. Raise kdRatio, or take sgo dataOnly().",
      { found: kdRatio },
    );
  }
  if (resume && !checkpoint) {
    throw new OptionError('training: resume needs checkpoint, the folder that the run wrote to.');
  }
  const writes = writesAnswers(options);
  if ((writes || scores) && tokenizer?.eosTokenId === undefined) {
    const who = generates ? `sgo '${sgo.kind}'` : writes ? "answers 'teacher'" : 'validation.rougeL';
    throw new OptionError(`training: ${who} generates answers and needs a tokenizer with an EOS token.`);
  }
  if (usesValidation && !data.validation?.length) {
    throw new OptionError(
      `distill: sgo '${sgo.kind}' follows the validation loss, but data.validation is empty. Hold some samples out.`,
    );
  }
  checkValidationLoss(run, { scores, follows: usesValidation ? sgo.kind : undefined, bestBy });
  const batch = sequencesOfStep(options, data.train);
  if (capacity > 0 && capacity < batch) {
    throw new OptionError(
      `distill: the replay buffer's capacity is ${capacity}, expected at least the ${batch} samples of a batch.`,
      { found: capacity, expected: batch },
    );
  }
  if (!writes && !scores) return;
  const wanted = options.maxNewTokens ?? 1;
  const room = roomForAnswer(run, options);
  if (wanted > room) {
    throw new LimitError(
      `training: answers of ${counted(wanted, 'new token')} do not fit: the longest prompt leaves ${room} of the models' positions. ` +
        'Lower maxNewTokens, or read the data with shorter prompts.',
      { found: wanted, expected: room },
    );
  }
}

/** No value is no value: a loss over no tokens must not steer phi or choose the best. */
function checkValidationLoss(
  { data: { validation = [] } }: Participants,
  { scores, follows, bestBy }: { scores: boolean; follows: string | undefined; bestBy: BestBy | undefined },
): void {
  if (validation.length === 0 || validation.some(hasAnswer)) return;
  if (follows === undefined && scores && bestBy !== 'loss') return;
  const what = follows === undefined ? 'by which to choose the best' : `for sgo '${follows}' to follow`;
  throw new DataError(
    `data.validation: of its ${counted(validation.length, 'sample')} none has a token of an answer, so there is no validation loss ${what}. ` +
      'Give samples whose ids go on after promptLength.',
    { found: 0 },
  );
}
