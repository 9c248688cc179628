/** How good the student is: the loss on held-out responses and, where they are wanted, scores of its answers. */
import { markPhase } from '../../backend/profile.js';
import type { LabelledBatch } from '../../data/batch.js';
import { generate } from '../../generation/index.js';
import { exactMatch, rougeL } from '../../metrics/index.js';
import { randomSeed } from '../../random.js';
import { linearCrossEntropy, run as runKernel, Tensor, tidy } from '../../tensor/index.js';
import type { Tokenizer } from '../../text/index.js';
import type { BestBy } from '../settings.js';
import { chunks } from './batches.js';
import type { BestValidation, ValidationEvent, ValidationExample } from './events.js';
import { withLogitsRoom } from './logitsRoom.js';
import type { ValidationSample } from './options.js';
import type { Plan } from './plan.js';
import { noAnswers, type RunState, withAnswers } from './runState.js';
import type { Objective } from './update.js';

/** Loss and, where they are wanted, scores of the student; tells the policy, and notes the best so far in `run`. */
export async function validate(plan: Plan, run: RunState): Promise<ValidationEvent> {
  const started = performance.now();
  const { objective } = plan;
  const { student } = objective;
  const batches = chunks(plan.validationByLength, plan.settings.batchSize).map((chunk) => student.collate(chunk));
  const loss = await validationLoss(objective, batches);
  const { tokenizer } = plan;
  const examples =
    tokenizer && plan.settings.validation.rougeL.samples > 0 ? await answerValidation(plan, tokenizer) : undefined;
  run.said.validation = withAnswers(noAnswers, examples?.map(({ answer }) => answer) ?? []);
  const result = { step: run.step, ...(loss !== undefined && { loss }), ...(examples && scoresOf(examples)) };
  if (run.step === 0 && !isSpoilt(result)) run.initial = result;
  // In the middle of skipped steps nothing is stored: a best of which there is no state could not be taken.
  const isStored = run.step > 0 && run.soundness.inARow === 0;
  const best = isStored && isBetter(result, run.best, plan.settings.validation.bestBy);
  if (best) run.best = result;
  return {
    type: 'validation',
    ...result,
    epoch: Math.ceil(run.step / plan.stepsPerEpoch),
    ...(examples && { examples }),
    // A policy that follows the loss has one: `checkRun` sees to it.
    ...(loss === undefined ? { phi: run.sgo.phi, raised: false } : run.sgo.observeValidation(loss)),
    best,
    ms: performance.now() - started,
  };
}

/**
 * The best so far by a measure: the lowest loss, or the highest score and, of equal scores, the lowest loss. Of equals
 * the earlier stays. Weights without a finite loss are never the best; no value is no value, not 0.
 */
export function isBetter(result: BestValidation, best: BestValidation | undefined, by: BestBy): boolean {
  const { loss } = result;
  if (isSpoilt(result) || result[by] === undefined) return false;
  if (!best) return true;
  if (by !== 'loss' && result[by] !== best[by]) return result[by] > (best[by] ?? Number.NEGATIVE_INFINITY);
  return loss !== undefined && loss < (best.loss ?? Number.POSITIVE_INFINITY);
}

const isSpoilt = ({ loss }: BestValidation): boolean => loss !== undefined && !Number.isFinite(loss);

/** Means over the answers, 0 to 100. */
function scoresOf(examples: readonly ValidationExample[]): { rougeL: number; exactMatch: number } {
  const mean = (of: (example: ValidationExample) => number) =>
    examples.reduce((total, example) => total + of(example), 0) / examples.length;
  return { rougeL: mean(({ rougeL }) => rougeL), exactMatch: mean((example) => (example.exactMatch ? 100 : 0)) };
}

/**
 * Cross-entropy of the batches' labels in nats per token, the mean over all their tokens (the official code averages
 * the means of batches, which weighs tokens of short responses more). Dropout off, no gradients, one read-back.
 * undefined when no label counts.
 */
export async function validationLoss(
  { student: model, vocabSize }: Pick<Objective, 'student' | 'vocabSize'>,
  batches: readonly LabelledBatch[],
): Promise<number | undefined> {
  const { device } = model;
  return withLogitsRoom(device, async (chunkBytes) => {
    const sum = Tensor.zeros(device, [1], 'f32', 'validation.sum');
    let tokens = 0;
    try {
      markPhase(device, 'validation');
      for (const batch of batches) {
        tidy(() => {
          const student = { hidden: model.forward(batch), head: model.head };
          const summed = linearCrossEntropy({ student, labels: batch.labels, gradScale: 1, chunkBytes, vocabSize });
          runKernel(device, 'sum', { x: summed.loss, total: sum }, { slot: 0, accumulate: 1 });
          tokens += summed.tokens;
        });
        await device.drain();
      }
      const [total = 0] = await sum.read();
      return tokens === 0 ? undefined : total / tokens;
    } finally {
      sum.dispose();
    }
  });
}

/** The student's answers to the first validation prompts, scored. Seeds are the same at each validation. */
async function answerValidation(plan: Plan, tokenizer: Tokenizer): Promise<ValidationExample[]> {
  const { validation, objective, settings } = plan;
  const { maxNewTokens, seed, batchSize } = settings;
  const wanted = settings.validation.rougeL;
  const samples = validation.slice(0, wanted.samples);
  const prompts = samples.map(promptOf);
  const answers = await generate(objective.student, prompts, {
    maxNewTokens,
    batchSize,
    temperature: wanted.temperature,
    eosTokenId: tokenizer.eosTokenIds,
    vocabSize: tokenizer.vocabSize,
    seeds: samples.map((_, index) => randomSeed(seed, 'validation', index)),
  });
  return samples.map((sample, index) => {
    const answer = tokenizer.decode(answers[index]!, { skipSpecialTokens: true });
    const references = referencesOf(sample, tokenizer);
    return {
      prompt: tokenizer.decode(prompts[index]!),
      answer,
      references,
      rougeL: rougeL(answer, references),
      exactMatch: exactMatch(answer, references),
    };
  });
}

/** What answers to a sample are compared with. */
export function referencesOf(sample: ValidationSample, tokenizer: Tokenizer): readonly string[] {
  const { references = [] } = sample;
  return references.length > 0 ? references : [responseOf(sample, tokenizer)];
}

const promptOf = ({ ids, promptLength }: ValidationSample) => ids.subarray(0, promptLength);
const responseOf = ({ ids, promptLength }: ValidationSample, tokenizer: Tokenizer) =>
  tokenizer.decode(ids.subarray(promptLength), { skipSpecialTokens: true });
