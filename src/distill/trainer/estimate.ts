/**
 * What a run would take: steps, tokens, memory and time.
 *
 * Memory is planned, see memory.ts. Time is measured, see measure.ts.
 */
import type { Sample } from '../../data/batch.js';
import { requireMemory } from '../../models/memory.js';
import { randomUniform } from '../../random.js';
import { policyFacts } from '../sgo/index.js';
import { sequencesOfStep } from './batches.js';
import { openCheckpoints } from './checkpoint.js';
import { type Counts, measureTime, type TimeEstimate } from './measure.js';
import { type MemoryEstimate, planMemory, refuseMeta } from './memory.js';
import { takeStudent } from './oneRun.js';
import type { Plan } from './plan.js';
import { type RunState, startRun } from './runState.js';

/** What a run would take from where it begins, or goes on, to its end. */
export interface RunEstimate {
  /** Optimizer steps that are left. */
  readonly steps: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
  /** Optimizer steps of one pass over the data. */
  readonly stepsPerEpoch: number;
  /** Sequences of each: batchSize times gradAccumulationSteps, or all of the data where these are fewer. */
  readonly sequencesPerStep: number;
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
 * Measures for a few seconds, of large models for half a minute. The student is left as it is, but with `resume` it gets
 * the weights that are stored.
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
    const time = memory.fits ? await measureTime(plan, run, counts) : undefined;
    const { steps: totalSteps } = plan.settings;
    return {
      ...{ steps: totalSteps - run.step, totalSteps, stepsPerEpoch: plan.stepsPerEpoch },
      sequencesPerStep: sequencesOfStep(plan.settings, plan.train),
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

/** So many decisions of the policy are followed, evenly over the run: the shares of the sources are then known to 0.3%. */
const MOST_DECISIONS = 100_000;

/** Follows the policy to the end of the run, as if no validation changed it. */
function countSteps(plan: Plan, { step: done, sgo, replay }: RunState): Counts {
  const { settings, train } = plan;
  const { steps, seed, maxNewTokens, validation, pairs, answers } = settings;
  const batch = sequencesOfStep(settings, train);
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
  const ofAnswers = mean(({ promptLength }) => promptLength) + maxNewTokens;
  const ofData = answers === 'teacher' ? ofAnswers : mean(({ ids }) => ids.length);
  const every = Math.floor(steps / validation.every) - Math.floor(done / validation.every);
  const atEnd = steps % validation.every === 0 || done === steps ? 0 : 1;
  return {
    ...counts,
    tokens: batch * (counts.data * ofData + (counts.generate + counts.replay) * (ofAnswers + (pairs ? ofData : 0))),
    validations: plan.validation.length === 0 ? 0 : every + atEnd + (done === 0 ? 1 : 0),
  };
}
