/** One optimizer step from the policy's decision to the event: choose samples, collate them, update the student. */
import type { Sample } from '../../data/batch.js';
import { randomSeed, randomUniform } from '../../random.js';
import type { TermBatch } from '../terms/index.js';
import { type BatchOrder, chunks } from './batches.js';
import type { StepEvent } from './events.js';
import type { Plan } from './plan.js';
import type { RunState } from './runState.js';
import { chooseSamples } from './sampling.js';
import { updateStudent } from './update.js';

/**
 * Optimizer step `step` (from 1): chooses what to train on, generates where that is wanted, and updates the student.
 */
export async function takeStep(plan: Plan, run: RunState, order: BatchOrder, step: number): Promise<StepEvent> {
  const { settings, stepsPerEpoch } = plan;
  const { seed, batchSize, gradientCheckpointing, steps: totalSteps } = settings;
  const { student } = plan.objective;
  const started = performance.now();
  const source = run.sgo.decide({
    step,
    random: randomUniform(seed, 'decision', step),
    bufferFull: run.replay?.full ?? true,
  });
  const samples = await chooseSamples(plan, run, order.data(step), source, step);
  const generationMs = source === 'generate' ? performance.now() - started : 0;

  const lr = plan.schedule(step - 1);
  const stepSeed = randomSeed(seed, 'dropout', step);
  const batchOf = (samples: readonly Sample[]): TermBatch => ({ ...student.collate(samples), samples });
  const losses = await updateStudent(plan.objective, run.optimizer, {
    batches: chunks(samples, batchSize).map(batchOf),
    textBatches: chunks(order.text(step), batchSize).map(batchOf),
    lr,
    gradientCheckpointing,
    dropoutSeed: (pass) => randomSeed(stepSeed, 'dropout', pass),
  });

  const stepMs = performance.now() - started;
  const tokens = samples.reduce((total, { ids }) => total + ids.length, 0);
  return {
    type: 'step',
    step,
    totalSteps,
    epoch: Math.ceil(step / stepsPerEpoch),
    source,
    ...losses,
    lr,
    phi: run.sgo.phi,
    bufferSize: run.replay?.size ?? 0,
    tokens,
    stepMs,
    generationMs,
    tokensPerSecond: (1000 * tokens) / stepMs,
  };
}
