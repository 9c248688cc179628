import { OptionError } from '../../errors.js';
import { requireFields, unknownOptions } from '../../requireOption.js';
import { checkOptions, optionsInside } from '../../settings/index.js';
import type { distillOptions, fineTuneOptions, RunSettings } from '../settings.js';
import { checkObjects } from './checkObjects.js';
import { checkRun } from './checks.js';
import type { TrainingEvent } from './events.js';
import { trainingLoop } from './loop.js';
import type { Participants } from './options.js';
import { makePlan } from './plan.js';

/** The events of a run, as they happen, and its settings, which are there before it starts. */
export interface TrainingRun<Settings extends RunSettings = RunSettings>
  extends AsyncGenerator<TrainingEvent, void, undefined> {
  /** Every option with its default filled in, as plain JSON: the options of the same run. */
  readonly settings: Settings;
}

/** What the functions take besides settings. Every other name must be a setting. */
const objectsOfBoth = ['data', 'tokenizer', 'checkpoint', 'resume', 'signal'];
const objectsOf = {
  distill: ['student', 'teacher', 'teacherTokenizer', ...objectsOfBoth],
  fineTune: ['model', ...objectsOfBoth],
};

/** What `distill` and `fineTune` share: checks everything, then waits to be iterated. */
export function startTraining(
  where: 'distill' | 'fineTune',
  schema: typeof fineTuneOptions | typeof distillOptions,
  given: object,
): TrainingRun {
  // A caller without types may give anything.
  requireFields(where, given);
  if (where === 'fineTune' && 'student' in given) {
    throw new OptionError('fineTune: there is no option student. Give the model that is trained as model.', {
      option: 'student',
      found: ['student'],
    });
  }
  const names = objectsOf[where];
  const entries = Object.entries(given);
  const objects = Object.fromEntries(entries.filter(([name]) => names.includes(name)));
  const settings = Object.fromEntries(entries.filter(([name]) => !names.includes(name)));
  const known = [...names, ...Object.keys(schema.shape)];
  const unknown = Object.keys(settings).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw unknownOptions(where, unknown, known, '', optionsInside(schema));
  const options = checkOptions('training', schema, settings);
  const { model, ...others } = objects;
  const participants = (where === 'fineTune' ? { ...others, student: model } : others) as unknown as Participants;
  checkObjects(where, participants);
  checkRun(participants, options);
  const plan = makePlan(participants, options);
  return Object.assign(trainingLoop(plan), { settings: plan.settings });
}
