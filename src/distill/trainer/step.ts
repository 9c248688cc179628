/** One optimizer step from the policy's decision to the event: choose samples, collate them, update the student. */
import type { Sample } from '../../data/batch.js';
import { randomSeed, randomUniform } from '../../random.js';
import type { Tokenizer } from '../../text/index.js';
import { updatesOf } from '../settings.js';
import type { TermBatch } from '../terms/index.js';
import { type BatchOrder, chunks, microBatches } from './batches.js';
import type { StepEvent } from './events.js';
import { objectiveAt } from './objective.js';
import type { Plan } from './plan.js';
import type { RunState } from './runState.js';
import { chooseSamples } from './sampling.js';
import { type UpdateResult, updateStudent } from './update.js';

/**
 * Optimizer step `step` (from 1): chooses what to train on, generates where that is wanted, and updates the student.
 */
export async function takeStep(plan: Plan, run: RunState, order: BatchOrder, step: number): Promise<StepEvent> {
  const { settings, stepsPerEpoch } = plan;
  const { seed, batchSize, gradientCheckpointing, noDropout, steps: totalSteps, compareEvery = 0 } = settings;
  const { student } = plan.objective;
  const started = performance.now();
  const source = run.sgo.decide({
    step,
    random: randomUniform(seed, 'decision', step),
    bufferFull: run.replay?.full ?? true,
  });
  const chosen = await chooseSamples(plan, run, order.data(step), source, step);
  const { samples } = chosen;

  const lr = plan.schedule(step - 1);
  const stepSeed = randomSeed(seed, 'dropout', step);
  const batchOf = (samples: readonly Sample[]): TermBatch => ({ ...student.collate(samples), samples });
  const batches = microBatches(plan, samples).map(batchOf);
  const place = { batches, progress: step / totalSteps, memory: run.memory };
  const objective = await objectiveAt(plan.objective, place);
  const textBatches = chunks(order.text(step), batchSize).map(batchOf);
  const results: UpdateResult[] = [];
  for (let update = 0; update < updatesOf(settings); update++) {
    // Each update has masks of its own.
    const updateSeed = update === 0 ? stepSeed : randomSeed(stepSeed, 'update', update);
    const dropoutSeed = (pass: number) => (noDropout ? undefined : randomSeed(updateSeed, 'dropout', pass));
    const facts = {
      ...(run.loss && { divergence: run.loss.spec }),
      compares: compareEvery > 0 && step % compareEvery === 0,
    };
    const input = { batches, textBatches, lr, gradientCheckpointing, dropoutSeed, facts };
    results.push(await updateStudent(objective, run.optimizer, input));
  }
  const { measures, ...losses } = meanOf(results);
  const answers = source === 'data' ? {} : answersOf(samples, plan.tokenizer);
  const told = { ...measures, ...run.loss?.told, ...answers };
  run.loss?.observe({ step, divergence: losses.terms.divergence, crossEntropy: measures.crossEntropy });

  const stepMs = performance.now() - started;
  const tokens = samples.reduce((total, { ids }) => total + ids.length, 0);
  return {
    type: 'step',
    step,
    totalSteps,
    epoch: Math.ceil(step / stepsPerEpoch),
    source,
    ...losses,
    ...(Object.keys(told).length > 0 && { measures: told }),
    lr,
    phi: run.sgo.phi,
    bufferSize: run.replay?.size ?? 0,
    tokens,
    stepMs,
    generationMs: chosen.generationMs,
    tokensPerSecond: (1000 * tokens) / stepMs,
  };
}

/** What the updates of a step come to: means, and a step is skipped where any of its updates was. */
function meanOf(results: readonly UpdateResult[]): UpdateResult {
  const [first] = results as [UpdateResult];
  if (results.length === 1) return first;
  const mean = (of: (result: UpdateResult) => number) =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length;
  const meansOf = (values: 'terms' | 'measures') =>
    Object.fromEntries(Object.keys(first[values]).map((name) => [name, mean((each) => each[values][name] as number)]));
  return {
    loss: mean(({ loss }) => loss),
    terms: meansOf('terms'),
    measures: meansOf('measures'),
    gradNorm: mean(({ gradNorm }) => gradNorm),
    lossTokens: first.lossTokens,
    skipped: results.some(({ skipped }) => skipped),
  };
}

/** Tokens of the student's answers, the one that ends them included, and the share of those that no such token ends. */
function answersOf(samples: readonly Sample[], tokenizer: Tokenizer | undefined) {
  const ends = new Set(tokenizer?.eosTokenIds);
  const own = samples.filter(({ origin }) => origin === 'student');
  const tokens = own.reduce((sum, { ids, promptLength }) => sum + ids.length - promptLength, 0);
  const cut = own.filter(({ ids }) => !ends.has(ids.at(-1) as number)).length;
  const each = Math.max(1, own.length);
  return { answerLength: tokens / each, cutAnswers: cut / each };
}
