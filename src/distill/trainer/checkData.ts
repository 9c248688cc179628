/** Whether models can be trained on the samples of a run. Each sample is looked at once, before the run starts. */
import type { Sample } from '../../data/batch.js';
import { CompatibilityError, counted, DataError, LimitError, whole } from '../../errors.js';
import { checkSample, idOutside } from '../../models/checkSample.js';
import type { LanguageModel } from '../../models/model.js';
import { learnerOf, type Participants } from './options.js';

/** What a set of samples must have beyond its type. */
interface Demands {
  /** Models that read the samples. */
  readonly readers: ReadonlyMap<string, LanguageModel>;
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
  const { student, teacher, data } = run;
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
  const all = new Map(teacher ? [...readers, ['teacher', teacher]] : readers);
  checkSamples('train', train, { readers: all, answered: answered.train });
  checkSamples('validation', validation, { readers, answered: answered.validation });
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

function checkSamples(set: string, samples: readonly Sample[] = [], { readers, answered }: Demands): void {
  // A teacher's may be padded less or more than the student's.
  const [[reader, { vocabSize }]] = [...readers].sort(([, a], [, b]) => a.vocabSize - b.vocabSize) as [
    [string, LanguageModel],
  ];
  const [learner] = readers.keys();
  // An index at a time: forEach leaves out the holes of an array.
  for (let index = 0; index < samples.length; index++) {
    const where = `data.${set}[${index}]`;
    const { ids, promptLength } = checkSample(where, samples[index]);
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
        `${where}: ${counted(ids.length, 'token')}, the ${who} takes ${whole(most)}. Read the data with a maxLength of at most ${most}.`,
        { found: ids.length, expected: most },
      );
    }
    if (answered && promptLength < 1) {
      throw new DataError(`${where}: has no prompt, and the ${learner} cannot answer one.`, { found: 0, expected: 1 });
    }
  }
}
