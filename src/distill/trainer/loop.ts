/**
 * The loop of every run, and how it ends: finished, aborted by a signal, with numbers that are not finite, or with a
 * device that is lost and cannot be had again.
 */
import { rounded, TrainingError } from '../../errors.js';
import { memoryStore } from '../../io/memoryStore.js';
import { requireMemory } from '../../models/memory.js';
import type { RunSettings } from '../settings.js';
import { batchOrder } from './batches.js';
import { type Checkpoints, openCheckpoints } from './checkpoint.js';
import { type DeviceGuard, guardDevice } from './deviceLoss.js';
import type { StepEvent, TrainingEvent, ValidationEvent } from './events.js';
import { planMemory, refuseMeta } from './memory.js';
import { takeStudent } from './oneRun.js';
import type { Plan } from './plan.js';
import { endRemarks } from './remarks.js';
import { progressOf, type RunState, startRun } from './runState.js';
import { afterSaving, afterStep, afterValidation, mostSkipped } from './soundness.js';
import { stateName } from './stateFolder.js';
import { takeStep } from './step.js';
import { trainingSamples } from './teacherAnswers.js';
import { isBetter, validate } from './validation.js';
import { goOnOnceThereIsRoom, store } from './waiting.js';

/**
 * The loop of every run: validate, step, validate and save now and then, go on after a loss of the device, end.
 * @param isSaveWanted whether a state was asked for since the last call
 */
export async function* trainingLoop(
  plan: Plan,
  isSaveWanted: () => boolean,
): AsyncGenerator<TrainingEvent, void, undefined> {
  const started = performance.now();
  const { settings, stepsPerEpoch } = plan;
  const { steps: totalSteps } = settings;
  const { student } = plan.objective;
  const checkpoints = plan.checkpoint === undefined ? undefined : openCheckpoints(plan, plan.checkpoint);
  const giveBack = takeStudent(student, plan.learner);
  let run: RunState | undefined;
  try {
    refuseMeta(plan);
    const memory = await planMemory(plan);
    requireMemory(memory);
    student.device.reserve(memory.total);
    if (checkpoints && plan.resume) yield* goOnOnceThereIsRoom(checkpoints.open, { plan, step: 0, what: 'folder' });
    else await checkpoints?.open();
    run = await startRun(plan, checkpoints);
    const { step } = run;
    const mend = () => checkpoints?.mend(run as RunState);
    const mended = plan.resume && (yield* goOnOnceThereIsRoom(async () => mend(), { plan, step, what: 'shared' }));
    if (mended) run.best = mended.best;
    // What it learns to answer is what it is to be asked.
    if (plan.template !== undefined) student.promptTemplate = plan.template;
    const trained = [...student.parameters.values()].filter(({ requiresGrad }) => requiresGrad);
    // Whoever reads the first event may take long, and the device be lost meanwhile.
    const guard = await guardDevice(plan, run, checkpoints);
    yield {
      type: 'start',
      step: run.step,
      totalSteps,
      stepsPerEpoch,
      trainSamples: plan.train.length,
      trainedParameters: trained.reduce((total, { size }) => total + size, 0),
      remarks: [...run.remarks, ...(mended ? mended.remarks : []), ...plan.remarks],
    };
    // A run that is finished already asks nobody. Without a folder the answers are in memory, for a device that is lost meanwhile.
    const folder = checkpoints?.folder ?? memoryStore();
    let samples = run.step === totalSteps ? plan.train : undefined;
    const course: Course = { saved: run.step, isSound: true, isFirstJudged: run.step > 0 };
    const isDue = savingTimes(settings.saveEvery);
    for (let isEnded = false; !isEnded; ) {
      try {
        samples ??= (yield* goingOn(plan, () => trainingSamples(plan, { folder, step }))) ?? plan.train;
        const order = batchOrder({ ...plan, train: samples });
        yield* advance(plan, run, { course, order, isDue, isSaveWanted, checkpoints, guard });
        isEnded = true;
      } catch (error) {
        yield await guard.recover(error, run);
        course.saved = run.step;
        course.isSound = true;
      }
    }
    const reason = run.step < totalSteps ? 'aborted' : 'finished';
    yield {
      type: 'end',
      step: run.step,
      reason,
      ...(run.best && { best: run.best }),
      ...(run.initial && { initial: run.initial }),
      ...(run.best && run.initial && { improved: isBetter(run.best, run.initial, settings.validation.bestBy) }),
      skippedSteps: run.soundness.skipped,
      remarks: reason === 'finished' ? endRemarks(plan, run) : [],
      ms: performance.now() - started,
    };
  } finally {
    run?.dispose();
    giveBack();
    await checkpoints?.close();
  }
}

/** What the work returns; undefined where the signal came meanwhile. */
async function* goingOn<Event, T>(
  { signal }: Plan,
  work: () => AsyncGenerator<Event, T>,
): AsyncGenerator<Event, T | undefined> {
  try {
    return yield* work();
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return undefined;
    throw error;
  }
}

/** How far a run has come, besides its state. */
interface Course {
  /** Step of the newest state. */
  saved: number;
  /** Weights that give no finite validation loss must not replace good ones. */
  isSound: boolean;
  /** The student was judged before the first step. */
  isFirstJudged: boolean;
}

/** What the loop works with. */
interface Tools {
  readonly course: Course;
  readonly order: ReturnType<typeof batchOrder>;
  readonly isDue: ReturnType<typeof savingTimes>;
  readonly isSaveWanted: () => boolean;
  readonly checkpoints: Checkpoints | undefined;
  readonly guard: DeviceGuard;
}

/** From where the run is to its last step, or to the one in which the signal comes; the last state is written. */
async function* advance(
  plan: Plan,
  run: RunState,
  { course, order, isDue, isSaveWanted, checkpoints, guard }: Tools,
): AsyncGenerator<TrainingEvent, void, undefined> {
  const { settings, signal } = plan;
  const { steps: totalSteps } = settings;
  if (!course.isFirstJudged && plan.validation.length > 0 && !signal?.aborted) {
    const event = await judge(plan, run);
    guard.observed(run);
    course.isFirstJudged = true;
    yield event;
  }

  while (run.step < totalSteps && !signal?.aborted) {
    const event = await attemptStep(plan, run, order);
    if (!event) break;
    run.step = event.step;
    run.soundness = afterStep(run.soundness, event);
    yield event;
    if (run.soundness.inARow === mostSkipped) {
      const what = `the loss is ${rounded(event.loss)}, the gradient norm ${rounded(event.gradNorm)}, for ${mostSkipped} steps in a row`;
      throw diverged(plan, run, run.step, what, { student: asBefore });
    }
    const isJudged = run.step % settings.validation.every === 0 || run.step === totalSteps;
    const validation = isJudged && plan.validation.length > 0 ? await judge(plan, run) : undefined;
    if (validation) {
      yield validation;
      course.isSound = validation.loss === undefined || Number.isFinite(validation.loss);
    }
    const isAsked = isSaveWanted();
    const isWanted = isDue(run.step, isJudged) || isAsked || validation?.best || run.step === totalSteps;
    if (!isWanted || !course.isSound || run.soundness.inARow > 0) continue;
    if (checkpoints) {
      yield* save(plan, checkpoints, run, { course, isValidated: validation !== undefined });
      guard.wrote();
    } else if (run.step < totalSteps) await guard.remember(run);
    course.saved = run.step;
  }

  // No step comes that would find it: a run must not end well with a student that is spoilt.
  if (!course.isSound) throw diverged(plan, run, run.step, 'the validation loss is not finite after it');
  const { inARow } = run.soundness;
  if (inARow > 0 && run.step === totalSteps) {
    const which = inARow === 1 ? 'the last step was skipped' : `the last ${inARow} steps were skipped`;
    const what = `${which}, as the loss or the gradients were not finite`;
    throw diverged(plan, run, run.step, what, { student: asBefore });
  }
  if (checkpoints && course.saved !== run.step && inARow === 0)
    yield* save(plan, checkpoints, run, { course, isValidated: false });
}

/**
 * When a state is written besides the end and the best validations.
 * @param every steps, minutes ('30min') since the last time, or 'validation'
 */
function savingTimes(every: RunSettings['saveEvery']): (step: number, isJudged: boolean) => boolean {
  if (every === 'validation') return (_, isJudged) => isJudged;
  if (typeof every === 'number') return (step) => step % every === 0;
  const ms = 60_000 * Number.parseFloat(every);
  let last = performance.now();
  return () => {
    const isDue = performance.now() - last >= ms;
    if (isDue) last = performance.now();
    return isDue;
  };
}

/**
 * Saves, once there is room; where weights are not finite, what was saved before stays.
 * @throws TrainingError naming the step; CheckpointError
 */
async function* save(
  plan: Plan,
  checkpoints: Checkpoints,
  run: RunState,
  { course: { saved }, isValidated }: { readonly course: Course; readonly isValidated: boolean },
): AsyncGenerator<TrainingEvent, void, undefined> {
  const soundness = afterSaving(run.soundness, run.step, isValidated);
  yield* store({
    ...{ plan, checkpoints, run, saved },
    write: (into) =>
      explained(plan, run, run.step, () => into({ ...progressOf(run), soundness }, run.optimizer, run.replay)),
  });
  run.soundness = soundness;
}

async function judge(plan: Plan, run: RunState): Promise<ValidationEvent> {
  const event = await explained(plan, run, run.step, () => validate(plan, run));
  const { vocabSize } = plan.objective.student;
  run.soundness = afterValidation(run.soundness, event, { initial: run.initial, vocabSize });
  return event;
}

/** A step; undefined when the signal came while it was generating. @throws TrainingError naming the step */
async function attemptStep(
  plan: Plan,
  run: RunState,
  order: ReturnType<typeof batchOrder>,
): Promise<StepEvent | undefined> {
  const step = run.step + 1;
  const { signal } = plan;
  return explained(plan, run, step, () =>
    takeStep(plan, run, order, step).catch((error: unknown) => {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    }),
  );
}

/** Where training cannot go on, the error says at which step, and what to do. @throws TrainingError */
async function explained<T>(plan: Plan, run: RunState, step: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
    throw diverged(plan, run, step, error.message.replace(/\.$/, ''), { cause: error });
  }
}

/** What skipped steps leave. */
const asBefore = 'as it was before them';

/** @param student how it is in memory */
function diverged(
  plan: Plan,
  run: RunState,
  step: number,
  what: string,
  { student = 'spoilt', cause }: { readonly student?: string; readonly cause?: unknown } = {},
): TrainingError {
  return new TrainingError(
    `step ${step} of ${plan.settings.steps}: ${what}. ${wayBack(plan, run)}; the ${plan.learner} in memory is ${student}. ` +
      `Try a lower learning rate (it was ${rounded(plan.schedule(Math.max(0, step - 1)))}), a warmup, or a smaller ` +
      'clipGradNorm.',
    { found: step, cause },
  );
}

/** Which state to go back to: one from before the loss left its range. */
function wayBack({ checkpoint }: Plan, { best, soundness: { strayedAt, good, shown } }: RunState): string {
  const folder = typeof checkpoint === 'string' ? checkpoint : checkpoint?.name;
  if (folder === undefined) return 'There is no checkpoint to go back to';
  if (good === undefined) {
    // The best validation has a state, good or not.
    return best && strayedAt !== undefined
      ? `No checkpoint in ${folder} is good: the validation loss has been out of its range since step ${strayedAt}`
      : 'There is no checkpoint to go back to';
  }
  const strayed =
    strayedAt === undefined ? '' : `, from before the validation loss left its range at step ${strayedAt}`;
  const unproven =
    shown === undefined || shown === good
      ? ''
      : ` (the last that was validated is ${stateName(shown)}: remove those after it to go back so far)`;
  return `The last good checkpoint is ${folder}/${stateName(good)} (step ${good})${strayed}: resume from it${unproven}`;
}
