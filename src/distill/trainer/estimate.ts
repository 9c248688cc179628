/**
 * What a run would take: steps, tokens, memory and time.
 *
 * Memory is planned, see memory.ts. Time is that of a few steps of the run itself, of a batch of answers that is broken
 * off, and of a batch of validation, each counted as often as the run has them. All of it is done at learning rate 0, so
 * that the student stays as it is.
 */
import type { Sample } from '../../data/batch.js';
import { TrainingError } from '../../errors.js';
import { generate } from '../../generation/index.js';
import { requireMemory } from '../../models/memory.js';
import { randomUniform } from '../../random.js';
import { type BatchSource, offPolicy, policyFacts, startPolicy } from '../sgo/index.js';
import { batchOrder, chunks } from './batches.js';
import { openCheckpoints } from './checkpoint.js';
import type { StepEvent } from './events.js';
import { type MemoryEstimate, planMemory, refuseMeta } from './memory.js';
import { takeStudent } from './oneRun.js';
import type { Plan } from './plan.js';
import { type RunState, startRun } from './runState.js';
import { takeStep } from './step.js';
import { validationLoss } from './validation.js';

/** Time of what is left of a run, in ms. */
export interface TimeEstimate {
  /** All of it. */
  readonly total: number;
  /** Updates of the student, forward and backward passes. */
  readonly updates: number;
  /** Answers of the student that are trained on. */
  readonly answers: number;
  /** Validations: losses, and the answers that are scored. */
  readonly validations: number;
  /** Optimizer steps that were measured. */
  readonly measuredSteps: number;
  /** Time of one of these, the mean. */
  readonly stepMs: number;
  /** Time of one batch of answers of full length; 0 where the student gives none. */
  readonly answersMs: number;
}

/** What a run would take from where it begins, or goes on, to its end. */
export interface RunEstimate {
  /** Optimizer steps that are left. */
  readonly steps: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
  /** Optimizer steps of one pass over the data. */
  readonly stepsPerEpoch: number;
  /**
   * Of the steps that are left, how many would begin with answers of the student while phi stays as it is now: an
   * adaptive policy raises it where the validation loss rises.
   */
  readonly generatingSteps: number;
  /** Tokens of all sequences that are trained on, prompts included, padding and plain text not. */
  readonly tokens: number;
  /** Validations that are left, the one before the first step included. */
  readonly validations: number;
  /** How much memory the run needs. */
  readonly memory: MemoryEstimate;
  /** How long it takes; absent where the memory does not suffice, and nothing was measured. */
  readonly time?: TimeEstimate;
  /** What a run of these settings and data may surprise with, as in its 'start' event. */
  readonly remarks: readonly string[];
}

/**
 * Measures for a few seconds. The student is left as it is, but with `resume` it gets the weights that are stored.
 * @throws LimitError where not even weights, gradients and moments fit the device; CheckpointError as the run itself;
 * TrainingError for a loss that is not finite
 */
export async function estimateRun(plan: Plan): Promise<RunEstimate> {
  const checkpoints = plan.checkpoint === undefined ? undefined : openCheckpoints(plan, plan.checkpoint);
  const giveBack = takeStudent(plan.objective.student, plan.learner);
  let run: RunState | undefined;
  try {
    await checkpoints?.examine();
    refuseMeta(plan);
    const memory = await planMemory(plan);
    const { student, teacher, gradients, moments, other, limit = Number.POSITIVE_INFINITY } = memory;
    // Where a run is stored, its moments are put where they belong.
    if (student + teacher + gradients + moments + other > limit) requireMemory(memory);
    run = await startRun(plan, checkpoints);
    const counts = countSteps(plan, run);
    const time = memory.fits ? await estimateTime(plan, run, counts) : undefined;
    const { steps: totalSteps } = plan.settings;
    return {
      ...{ steps: totalSteps - run.step, totalSteps, stepsPerEpoch: plan.stepsPerEpoch },
      generatingSteps: counts.generate,
      tokens: Math.round(counts.tokens),
      validations: counts.validations,
      memory,
      ...(time && { time }),
      remarks: [...run.remarks, ...plan.remarks],
    };
  } finally {
    run?.dispose();
    giveBack();
  }
}

/** How often the run does what takes time. */
interface Counts extends Readonly<Record<BatchSource, number>> {
  readonly tokens: number;
  readonly validations: number;
}

/** So many decisions of the policy are followed, evenly over the run: the shares of the sources are then known to 0.3%. */
const MOST_DECISIONS = 100_000;

/** Follows the policy to the end of the run, as if no validation changed it. */
function countSteps(plan: Plan, { step: done, sgo, replay }: RunState): Counts {
  const { settings, train } = plan;
  const { steps, seed, batchSize, gradAccumulationSteps, maxNewTokens, validation } = settings;
  const batch = Math.min(batchSize * gradAccumulationSteps, train.length);
  const { capacity } = policyFacts(plan.sgo);
  const counts = { generate: 0, replay: 0, data: 0 };
  let filled = replay?.size ?? 0;
  // Each decision stands for so many steps: for itself, unless the run is very long.
  const stride = Math.max(1, Math.ceil((steps - done) / MOST_DECISIONS));
  for (let step = done + 1; step <= steps; step += stride) {
    const source = sgo.decide({ step, random: randomUniform(seed, 'decision', step), bufferFull: filled >= capacity });
    counts[source] += Math.min(stride, steps - step + 1);
    if (source === 'generate') filled = Math.min(capacity, filled + batch * stride);
  }
  const mean = (of: (sample: Sample) => number) => train.reduce((total, each) => total + of(each), 0) / train.length;
  const ofData = mean(({ ids }) => ids.length);
  const ofAnswers = mean(({ promptLength }) => promptLength) + maxNewTokens;
  const every = Math.floor(steps / validation.every) - Math.floor(done / validation.every);
  const atEnd = steps % validation.every === 0 || done === steps ? 0 : 1;
  return {
    ...counts,
    tokens: batch * (counts.data * ofData + (counts.generate + counts.replay) * ofAnswers),
    validations: plan.validation.length === 0 ? 0 : every + atEnd + (done === 0 ? 1 : 0),
  };
}

/**
 * Steps are measured until there are so many, or this much time has passed: an engine compiles what it runs often once more,
 * and better, so that first steps are slow.
 */
const MOST_STEPS = 30;
const MOST_MS = 3000;
/** A short measurement is repeated until this much time has passed, or so often. */
const REPEAT_MS = 1000;
const REPEATS = 5;
/** New tokens of the answers that are measured. */
const SHORT_ANSWER = 9;

async function estimateTime(plan: Plan, run: RunState, counts: Counts): Promise<TimeEstimate> {
  const { settings, validation, tokenizer } = plan;
  const measured = await measureSteps(plan, run);
  const msPerToken = measured.ms / measured.tokens;
  const { samples } = settings.validation.rougeL;
  const scored = tokenizer ? validation.slice(0, samples) : [];
  const { generates } = policyFacts(plan.sgo);
  const asked = generates ? plan.train : scored;
  const answersMs = asked.length === 0 ? 0 : await measureAnswers(plan, asked.slice(0, settings.batchSize));
  const batches = (number: number) => Math.ceil(number / settings.batchSize);
  const stepBatches = batches(Math.min(settings.batchSize * settings.gradAccumulationSteps, plan.train.length));
  const lossMs = counts.validations === 0 ? 0 : await measureValidation(plan);
  const parts = {
    updates: counts.tokens * msPerToken,
    answers: counts.generate * stepBatches * answersMs,
    validations: counts.validations * (lossMs + batches(scored.length) * answersMs),
  };
  return {
    total: parts.updates + parts.answers + parts.validations,
    ...parts,
    measuredSteps: measured.steps,
    stepMs: measured.steps === 0 ? 0 : measured.ms / measured.steps,
    answersMs,
  };
}

/** A few steps on the data, as the run has them. The later half of them counts, which kernels that were compiled anew are in. */
async function measureSteps(plan: Plan, run: RunState): Promise<{ steps: number; tokens: number; ms: number }> {
  const { steps } = plan.settings;
  const still: Plan = { ...plan, schedule: () => 0 };
  const onData: RunState = { ...run, sgo: startPolicy(offPolicy(), { totalSteps: steps }) };
  const order = batchOrder(plan);
  const events: StepEvent[] = [];
  const started = performance.now();
  // A run that is shorter goes on with the data of further epochs.
  for (let step = run.step + 1; run.step < steps && events.length < MOST_STEPS; step++) {
    const event = await takeStep(still, onData, order, step);
    if (!Number.isFinite(event.loss)) {
      throw new TrainingError(
        `step ${step} of ${steps}: the loss is ${event.loss} before the ${plan.learner} has learnt anything. Check the models' weights.`,
        { found: event.loss },
      );
    }
    events.push(event);
    if (performance.now() - started > MOST_MS) break;
  }
  const counted = events.slice(events.length >> 1);
  const sum = (of: 'tokens' | 'stepMs') => counted.reduce((total, event) => total + event[of], 0);
  return { steps: counted.length, tokens: Math.max(1, sum('tokens')), ms: sum('stepMs') };
}

/** The least of a few times. */
async function shortest(timed: () => Promise<number>): Promise<number> {
  const started = performance.now();
  let least = await timed();
  for (let i = 1; i < REPEATS && performance.now() - started < REPEAT_MS; i++) least = Math.min(least, await timed());
  return least;
}

/** Time of a batch of answers of full length: that of the first token, and of each further one as the next few take it. */
async function measureAnswers(plan: Plan, samples: readonly Sample[]): Promise<number> {
  const { objective, tokenizer, settings } = plan;
  const prompts = samples.map(({ ids, promptLength }) => ids.subarray(0, promptLength));
  const most = settings.maxNewTokens;
  const timed = async (maxNewTokens: number) => {
    const started = performance.now();
    // Without an end token each answer has its full length.
    await generate(objective.student, prompts, {
      ...(settings.generation ?? {}),
      ...{ maxNewTokens, vocabSize: tokenizer?.vocabSize, batchSize: settings.batchSize },
    });
    return performance.now() - started;
  };
  const few = Math.min(SHORT_ANSWER, most);
  const first = await shortest(() => timed(1));
  const each = few === 1 ? 0 : Math.max(0, (await shortest(() => timed(few))) - first) / (few - 1);
  return first + (most - 1) * each;
}

/** Time of a validation loss, from that of a batch of middling length. */
async function measureValidation(plan: Plan): Promise<number> {
  const { objective, validationByLength, settings } = plan;
  const batches = chunks(validationByLength, settings.batchSize);
  const batch = batches[batches.length >> 1] as readonly Sample[];
  const tokens = (samples: readonly Sample[]) => samples.reduce((total, { ids }) => total + ids.length, 0);
  const timed = async () => {
    const started = performance.now();
    await validationLoss(objective, [objective.student.collate(batch)]);
    return performance.now() - started;
  };
  return ((await shortest(timed)) * tokens(validationByLength)) / tokens(batch);
}
