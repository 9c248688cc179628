import { OptionError } from '../../errors.js';
import { requireFields, unknownOptions } from '../../requireOption.js';
import { adviceInstead, checkOptions, optionsInside } from '../../settings/index.js';
import type { distillOptions, fineTuneOptions, RunSettings } from '../settings.js';
import { checkObjects } from './checkObjects.js';
import { checkRun } from './checks.js';
import { estimateRun, type RunEstimate } from './estimate.js';
import type { TrainingEvent } from './events.js';
import { trainingLoop } from './loop.js';
import { type MemoryEstimate, planMemory } from './memory.js';
import type { Participants } from './options.js';
import { makePlan } from './plan.js';

/** The events of a run, as they happen, and its settings, which are there before it starts. */
export interface TrainingRun<Settings extends RunSettings = RunSettings>
  extends AsyncGenerator<TrainingEvent, void, undefined> {
  /** Every option with its default filled in, as plain JSON: the options of the same run. */
  readonly settings: Settings;
  /**
   * What the run would take, in steps, tokens, memory and time, measured in a few seconds before it is iterated. Nothing
   * is written, and the student stays as it is; with `resume` it gets the weights that are stored.
   * @example
   * const { memory, time } = await distill({ teacher, student, data, tokenizer, epochs: 20, loss: skewKL() }).estimate();
   * @throws OptionError once the run is iterated; LimitError where not even weights, gradients and moments fit the device,
   * and others as the run itself
   */
  estimate(): Promise<RunEstimate>;
  /**
   * How much memory the run takes at most, summed up without computing anything: the run itself looks at it first, and
   * is refused where it does not fit. The models may be on a meta device (`Device.meta`), where their weights have not
   * been read.
   * @example
   * const sized = await loadModel('./student', { device: device.meta(), trainable: true });
   * const { total, fits, fitting } = await fineTune({ model: sized, data, epochs: 3 }).memory();
   */
  memory(): Promise<MemoryEstimate>;
  /**
   * Asks for a state after the step in progress, whatever `saveEvery` says: because the page is about to go, say. Without
   * `checkpoint`, and once the run has ended, nothing comes of it.
   */
  requestSave(): void;
}

/** What the functions take besides settings. Every other name must be a setting. */
const objectsOfBoth = ['data', 'tokenizer', 'checkpoint', 'resume', 'fallbackOut', 'signal'];
const objectsOf = {
  distill: [
    ...['student', 'teacher', 'teachers', 'teacherCache', 'teacherTokenizer', 'teacherTokenizers'],
    ...objectsOfBoth,
  ],
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
  if (unknown.length > 0) {
    const more = { inside: optionsInside(schema), instead: adviceInstead(schema, unknown[0]) };
    throw unknownOptions(where, unknown, known, '', more);
  }
  const options = checkOptions('training', schema, settings);
  const { model, ...others } = objects;
  const participants = (where === 'fineTune' ? { ...others, student: model } : others) as unknown as Participants;
  checkObjects(where, participants);
  checkRun(participants, options);
  const plan = makePlan(participants, options);
  let begun = false;
  let isSaveWanted = false;
  const takeRequest = () => {
    const wasWanted = isSaveWanted;
    isSaveWanted = false;
    return wasWanted;
  };
  async function* events(): AsyncGenerator<TrainingEvent, void, undefined> {
    begun = true;
    yield* trainingLoop(plan, takeRequest);
  }
  const estimate = async () => {
    if (!begun) return estimateRun(plan);
    throw new OptionError(
      `${where}: the run has begun, and estimate would disturb it. Call it before the run is iterated.`,
    );
  };
  const requestSave = () => {
    isSaveWanted = true;
  };
  return Object.assign(events(), { settings: plan.settings, estimate, memory: () => planMemory(plan), requestSave });
}
