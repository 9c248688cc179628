/**
 * Whether a run that goes on is the run that it was: every setting and every fact of its models must be what the run
 * began with, but for those that leave its steps alone. A run that is finished may be made longer.
 */
import { CheckpointError, rounded, whole } from '../../errors.js';
import type { TensorSource } from '../../io/index.js';
import { schedules } from '../../optim/index.js';
import type { Tensor } from '../../tensor/index.js';
import { changedSettings, type RunSettings } from '../settings.js';
import type { RunIdentity } from './identity.js';
import type { Plan } from './plan.js';

/** What a run is known by. */
export interface Run {
  readonly settings: RunSettings;
  readonly identity: RunIdentity;
}

/**
 * @param folder of the run, for messages
 * @param step of the state from which it goes on
 * @returns what people should know of a run that is made longer
 * @throws CheckpointError naming each setting, and each fact of the models, that is not what the run began with
 */
export function requireSameRun(
  folder: string,
  began: Run,
  goesOn: Run,
  {
    step,
    plan,
  }: { readonly step: number; readonly plan: Pick<Plan, 'schedule' | 'derived' | 'follows' | 'arithmeticGiven'> },
): string[] {
  const isLonger = step === began.settings.steps && goesOn.settings.steps > step;
  const asked = plan.arithmeticGiven && { arithmetic: goesOn.settings.arithmetic };
  const changed = changedSettings(
    { ...began.settings, ...asked, ...(isLonger && { steps: goesOn.settings.steps }), ...began.identity },
    { ...goesOn.settings, ...goesOn.identity },
  );
  if (changed.length === 0) return isLonger ? [longer(began.settings, goesOn.settings, plan)] : [];
  const words = (value: unknown) => (value === undefined ? 'absent' : JSON.stringify(value).replaceAll('"', ''));
  // What follows from a setting that is told says nothing more; neither does what is known of teachers that are others.
  const areOthers = changed.some(({ name }) => name === 'teacherNames');
  const causes = changed.filter(({ name }) => !plan.follows.has(name) && !(areOthers && isOfTeachers(name)));
  const told = causes.length > 0 ? causes : changed;
  const list = told
    .map(({ name, was, is }) => `${plan.derived.get(name) ?? name} was ${words(was)} and is ${words(is)}`)
    .join('; ');
  const other = changed.find(({ name }) => name === 'arithmetic');
  const consent = other ? `, or give arithmetic '${other.is}' to go on with it (last bits then differ)` : '';
  const length = told.some(({ name }) => name === 'steps')
    ? ` The schedule goes by the length of a run: it can be made longer when it is finished, and this one is at step ${step} ` +
      `of ${began.settings.steps}.`
    : '';
  throw new CheckpointError(
    `checkpoint ${folder}: the run began with other settings: ${list}. Resume with the same${consent}, or start anew in another ` +
      `folder.${length}`,
    { found: goesOn, expected: began },
  );
}

/** Whether a fact of a run's identity is one of its teachers' own. */
const isOfTeachers = (name: string): boolean => /^teachers?(?:Formats?|Weights)?(?:\.|$)/.test(name);

/** The learning rate jumps where a schedule that has ended gets another end. */
function longer(began: RunSettings, goesOn: RunSettings, { schedule }: Pick<Plan, 'schedule'>): string {
  const { optimizer, warmupSteps, steps } = began;
  const last = schedules[began.schedule]({ lr: optimizer.lr, warmupSteps, totalSteps: steps })(steps - 1);
  return (
    `The run was finished after ${whole(steps)} steps and is made longer: its ${goesOn.schedule} schedule ended with a learning ` +
    `rate of ${rounded(last)} and now ends at step ${whole(goesOn.steps)}; step ${whole(steps + 1)} takes ` +
    `${rounded(schedule(steps))}.`
  );
}

/** @throws CheckpointError naming the first tensor that the source lacks or has in another shape */
export function requireShapes({ name: where, entries }: TensorSource, targets: Iterable<readonly [string, Tensor]>) {
  for (const [name, { shape }] of targets) {
    const found = entries.get(name)?.shape;
    if (found?.join() === shape.join()) continue;
    throw new CheckpointError(
      `${where}: '${name}' is ${found ? `[${found.join(', ')}]` : 'missing'}, expected [${shape.join(', ')}]. ` +
        'The run trained another model.',
      { found, expected: shape },
    );
  }
}
