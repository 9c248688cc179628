import { checkOptions } from '../../settings/index.js';
import type { distillOptions, fineTuneOptions, RunSettings } from '../settings.js';
import { checkRun } from './checks.js';
import type { TrainingEvent } from './events.js';
import { trainingLoop } from './loop.js';
import type { Participants } from './options.js';
import { makePlan } from './plan.js';

/** The events of a run, as they happen, and its settings, which are there before it starts. */
export interface TrainingRun extends AsyncGenerator<TrainingEvent, void, undefined> {
  /** Every option with its default filled in, as plain JSON: the options of the same run. */
  readonly settings: RunSettings;
}

/** What `distill` and `fineTune` share: checks everything, then waits to be iterated. */
export function startTraining(
  schema: typeof fineTuneOptions | typeof distillOptions,
  { student, teacher, teacherTokenizer, data, tokenizer, checkpoint, resume, signal, ...given }: Participants & object,
): TrainingRun {
  const options = checkOptions('training', schema, given);
  const participants = {
    student,
    teacher,
    teacherTokenizer,
    data,
    tokenizer,
    checkpoint,
    resume,
    signal,
  } as Participants;
  checkRun(participants, options);
  const plan = makePlan(participants, options);
  return Object.assign(trainingLoop(plan), { settings: plan.settings });
}
