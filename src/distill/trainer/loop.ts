/** The loop of every run, and how it ends: finished, aborted by a signal, or with numbers that are not finite. */
import { TrainingError } from '../../errors.js';
import type { RunSettings } from '../settings.js';
import { batchOrder } from './batches.js';
import { type Checkpoints, openCheckpoints } from './checkpoint.js';
import type { CheckpointEvent, StepEvent, TrainingEvent } from './events.js';
import { takeStudent } from './oneRun.js';
import type { Plan } from './plan.js';
import { endRemarks } from './remarks.js';
import { progressOf, type RunState, startRun } from './runState.js';
import { stateName } from './stateFolder.js';
import { takeStep } from './step.js';
import { isBetter, validate } from './validation.js';

/** The loop of every run: validate, step, validate and save now and then, end. */
export async function* trainingLoop(plan: Plan): AsyncGenerator<TrainingEvent, void, undefined> {
  const started = performance.now();
  const { settings, stepsPerEpoch, signal } = plan;
  const { steps: totalSteps } = settings;
  const { student } = plan.objective;
  const checkpoints = plan.checkpoint === undefined ? undefined : openCheckpoints(plan, plan.checkpoint);
  const giveBack = takeStudent(student);
  let run: RunState | undefined;
  try {
    await checkpoints?.open();
    run = await startRun(plan, checkpoints);
    const order = batchOrder(plan);
    const trained = [...student.parameters.values()].filter(({ requiresGrad }) => requiresGrad);
    yield {
      type: 'start',
      step: run.step,
      totalSteps,
      stepsPerEpoch,
      trainSamples: plan.train.length,
      trainedParameters: trained.reduce((total, { size }) => total + size, 0),
      remarks: [...run.remarks, ...plan.remarks],
    };
    let saved = run.step;
    const isDue = savingTimes(settings.saveEvery);
    // Weights that give no finite validation loss must not replace good ones.
    let sound = true;
    if (run.step === 0 && plan.validation.length > 0 && !signal?.aborted) yield await validate(plan, run);

    while (run.step < totalSteps && !signal?.aborted) {
      const event = await finiteStep(plan, run, order, saved);
      if (!event) break;
      run.step = event.step;
      yield event;
      const isJudged = run.step % settings.validation.every === 0 || run.step === totalSteps;
      const validation = isJudged && plan.validation.length > 0 ? await validate(plan, run) : undefined;
      if (validation) {
        yield validation;
        sound = validation.loss === undefined || Number.isFinite(validation.loss);
      }
      if (!checkpoints || !sound || !(isDue(run.step, isJudged) || validation?.best || run.step === totalSteps)) continue;
      yield* await save(plan, checkpoints, run, saved);
      saved = run.step;
    }

    // No step comes that would find it: a run must not end well with a student that is spoilt.
    if (!sound) throw diverged(plan, run.step, saved, 'the validation loss is not finite after it');
    if (checkpoints && saved !== run.step) {
      yield* await save(plan, checkpoints, run, saved);
    }
    const reason = run.step < totalSteps ? 'aborted' : 'finished';
    yield {
      type: 'end',
      step: run.step,
      reason,
      ...(run.best && { best: run.best }),
      ...(run.initial && { initial: run.initial }),
      ...(run.best && run.initial && { improved: isBetter(run.best, run.initial, settings.validation.bestBy) }),
      remarks: reason === 'finished' ? endRemarks(plan, run) : [],
      ms: performance.now() - started,
    };
  } finally {
    run?.dispose();
    giveBack();
    await checkpoints?.close();
  }
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

/** Saves; where weights are not finite, what was saved before stays. @throws TrainingError naming the step */
async function save(plan: Plan, checkpoints: Checkpoints, run: RunState, saved: number): Promise<CheckpointEvent[]> {
  try {
    return await checkpoints.save(progressOf(run), run.optimizer, run.replay);
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
    throw diverged(plan, run.step, saved, error.message.replace(/\.$/, ''), error);
  }
}

/** A step whose numbers are finite; undefined when the signal came while it was generating. @throws TrainingError */
async function finiteStep(
  plan: Plan,
  run: RunState,
  order: ReturnType<typeof batchOrder>,
  saved: number,
): Promise<StepEvent | undefined> {
  const step = run.step + 1;
  let event: StepEvent;
  try {
    event = await takeStep(plan, run, order, step);
  } catch (error) {
    if (plan.signal?.aborted && error === plan.signal.reason) return undefined;
    if (!(error instanceof TrainingError)) throw error;
    throw diverged(plan, step, saved, error.message, error);
  }
  if (Number.isFinite(event.loss) && Number.isFinite(event.gradNorm)) return event;
  throw diverged(plan, step, saved, `the loss is ${event.loss}, the gradient norm ${event.gradNorm}`);
}

function diverged(plan: Plan, step: number, saved: number, what: string, cause?: unknown): TrainingError {
  const folder = typeof plan.checkpoint === 'string' ? plan.checkpoint : plan.checkpoint?.name;
  const good =
    folder === undefined || saved === 0
      ? 'There is no checkpoint to go back to'
      : `The last good checkpoint is ${folder}/${stateName(saved)} (step ${saved}): resume from it`;
  return new TrainingError(
    `step ${step} of ${plan.settings.steps}: ${what}. ${good}; the student in memory is spoilt. ` +
      `Try a lower learning rate (it was ${plan.schedule(step - 1)}), a warmup, or a smaller clipGradNorm.`,
    { found: step, cause },
  );
}
