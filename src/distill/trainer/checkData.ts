/** Whether models can be trained on the samples of a run. Each sample is looked at once, before the run starts. */
import type { Sample } from '../../data/batch.js';
import { CompatibilityError, counted, DataError, LimitError, whole } from '../../errors.js';
import { quoted } from '../../inWords.js';
import { checkSample, idOutside } from '../../models/checkSample.js';
import type { LanguageModel } from '../../models/model.js';
import { type Teacher, teachersOf } from '../teachers.js';
import { learnerOf, type Participants } from './options.js';

/** What a set of samples must have beyond its type. */
interface Demands {
  /** Models that read the samples, by what messages call them. */
  readonly readers: ReadonlyMap<string, LanguageModel>;
  /** Teachers of which each sample names one that reads it as well. */
  readonly teachers?: readonly Teacher[];
  /** In which the prompts are, where the data say. */
  readonly template?: string | undefined;
  /** The student answers their prompts, so that each needs one. */
  readonly answered: boolean;
}

/** Whether a token of the sample counts for the loss. The first token of all is predicted from nothing. */
export const hasAnswer = ({ ids, promptLength, lossMask }: Sample): boolean =>
  lossMask ? lossMask.includes(1, 1) : ids.length > Math.max(1, promptLength);

/**
 * @param answered the sets whose prompts the student answers
 * @throws DataError, CompatibilityError, LimitError naming the first sample that is wrong
 */
export function checkData(
  run: Participants,
  answered: { readonly train: boolean; readonly validation: boolean },
): void {
  const { student, data } = run;
  const { train, validation, text } = data;
  if (train.length === 0) {
    throw new DataError(
      'training: data.train is empty, expected at least one sample. Check the data file and its split.',
    );
  }
  if (text?.length === 0) {
    throw new DataError('training: data.text is empty, expected at least one sample. Leave it out for no LM loss.');
  }
  const readers = new Map<string, LanguageModel>([[learnerOf(run), student]]);
  const { teacher, teachers } = run;
  if (!teachers && learnerOf(run) === 'student') refuseNamedTeachers('train', train);
  checkSamples('train', train, {
    readers: new Map(teacher ? [...readers, ['teacher', teacher]] : readers),
    ...(teachers && { teachers: teachersOf(run) }),
    template: data.template,
    answered: answered.train,
  });
  checkSamples('validation', validation, { readers, template: data.template, answered: answered.validation });
  checkSamples('text', text, { readers, answered: false });
  // A student that answers the prompts itself learns from its own answers, and plain text teaches without any.
  if (!answered.train && !text) checkAnswers('train', train);
  if (text) checkAnswers('text', text);
}

/** @throws DataError when the whole set would be trained on with a loss over no tokens */
function checkAnswers(set: string, samples: readonly Sample[]): void {
  if (samples.some(hasAnswer)) return;
  throw new DataError(
    `data.${set}: of its ${counted(samples.length, 'sample')} none has a token of an answer, so there is nothing to learn from them. ` +
      'Give samples whose ids go on after promptLength.',
    { found: 0 },
  );
}

/**
 * Whether a model can read the samples of a set.
 * @throws DataError, CompatibilityError, LimitError naming the first sample that is wrong
 */
export function requireSamples(set: string, samples: readonly Sample[], readers: Demands['readers']): void {
  if (samples.length === 0) {
    throw new DataError(`data.${set} is empty, expected at least one sample. Check the data file and its split.`);
  }
  checkSamples(set, samples, { readers, answered: false });
}

/**
 * Samples of several teachers, where there is one.
 * @throws DataError naming the first
 */
export function refuseNamedTeachers(set: string, samples: readonly Sample[]): void {
  const at = samples.findIndex((sample) => Object(sample).teacher !== undefined);
  if (at < 0) return;
  const { teacher } = samples[at] as Sample;
  throw new DataError(
    `data.${set}[${at}]: its teacher is ${quoted(teacher)}, and the one that is given teaches all samples. Give several as teachers, ` +
      'by their names, or read the data without the option teachers.',
    { found: teacher },
  );
}

/** The teacher that a sample names. @throws DataError */
function namedBy({ teacher }: Sample, where: string, teachers: readonly Teacher[]): Teacher {
  const found = teachers.find(({ name }) => name === teacher);
  if (found) return found;
  const names = teachers.map(({ name }) => name as string);
  const what = teacher === undefined ? 'names no teacher' : `its teacher is ${quoted(teacher)}`;
  throw new DataError(
    `${where}: ${what}, expected one of ${names.map(quoted).join(', ')}. Read the data with teachers, the field that names it and ` +
      'these names.',
    { found: teacher, expected: names },
  );
}

/** A likely reason of a sample that is too long: a template that is made for longer models. */
const longTemplate = (who: string, { promptTemplate: own }: LanguageModel, template: string | undefined): string =>
  own === undefined || template === undefined || own === template
    ? ''
    : `, and in the template '${own}', with which the ${who} was trained: the prompts are in '${template}'`;

function checkSamples(
  set: string,
  samples: readonly Sample[] = [],
  { readers: ofAll, teachers, template, answered }: Demands,
): void {
  const [learner] = ofAll.keys();
  // A teacher's may be padded less or more than the student's.
  const withLeast = (readers: Demands['readers']) => {
    const [least] = [...readers].sort(([, a], [, b]) => a.vocabSize - b.vocabSize);
    return { readers, least: least as [string, LanguageModel] };
  };
  const reading = withLeast(ofAll);
  const readingWith = new Map(
    teachers?.map((each) => [each, withLeast(new Map([...ofAll, [`teacher '${each.name}'`, each.model]]))]),
  );
  // An index at a time: forEach leaves out the holes of an array.
  for (let index = 0; index < samples.length; index++) {
    const where = `data.${set}[${index}]`;
    const sample = checkSample(where, samples[index]);
    const { ids, promptLength } = sample;
    const teacher = teachers && namedBy(sample, where, teachers);
    const { readers, least } = (teacher && readingWith.get(teacher)) ?? reading;
    const [reader, { vocabSize }] = least;
    const outside = idOutside(ids, vocabSize);
    if (outside !== undefined) {
      throw new CompatibilityError(
        `${where}: token id ${ids[outside]} at position ${outside} is outside the ${reader}'s vocabulary of ` +
          `${whole(vocabSize)} tokens. Tokenize the data with the ${reader}'s tokenizer.`,
        { found: ids[outside], expected: vocabSize },
      );
    }
    for (const [who, model] of readers) {
      const most = promptLength + model.room(promptLength);
      if (ids.length <= most) continue;
      throw new LimitError(
        `${where}: ${counted(ids.length, 'token')}, the ${who} takes ${whole(most)}. Read the data with a maxLength of at most ${most}` +
          `${longTemplate(who, model, template)}.`,
        { found: ids.length, expected: most },
      );
    }
    if (answered && promptLength < 1) {
      throw new DataError(`${where}: has no prompt, and the ${learner} cannot answer one.`, { found: 0, expected: 1 });
    }
  }
}
