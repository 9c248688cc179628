/** How good the student is: the loss on held-out responses and, where it is wanted, ROUGE-L of its answers. */
import { markPhase } from '../../backend/profile.js';
import type { LabelledBatch } from '../../data/batch.js';
import { generate } from '../../generation/index.js';
import { rougeL } from '../../metrics/index.js';
import type { LanguageModel } from '../../models/model.js';
import { randomSeed } from '../../random.js';
import { linearCrossEntropy, run as runKernel, Tensor, tidy } from '../../tensor/index.js';
import type { Tokenizer } from '../../text/index.js';
import { chunks } from './batches.js';
import type { ValidationEvent, ValidationExample } from './events.js';
import type { ValidationSample } from './options.js';
import type { Plan } from './plan.js';
import type { RunState } from './runState.js';

/** Loss and, where it is wanted, ROUGE-L of the student; tells the policy, and notes the best so far in `run`. */
export async function validate(plan: Plan, run: RunState): Promise<ValidationEvent> {
  const started = performance.now();
  const { student } = plan.objective;
  const batches = chunks(plan.validationByLength, plan.settings.batchSize).map((chunk) => student.collate(chunk));
  const loss = await validationLoss(student, batches);
  const { tokenizer } = plan;
  const examples =
    tokenizer && plan.settings.validation.rougeL.samples > 0 ? await answerValidation(plan, tokenizer) : undefined;
  const rougeL = examples && examples.reduce((total, { rougeL }) => total + rougeL, 0) / examples.length;
  const result = { step: run.step, loss, ...(rougeL !== undefined && { rougeL }) };
  if (run.step === 0 && Number.isFinite(loss)) run.initial = result;
  const best = run.step > 0 && isBetter(result, run.best);
  if (best) run.best = result;
  return {
    type: 'validation',
    ...result,
    epoch: Math.ceil(run.step / plan.stepsPerEpoch),
    ...(examples && { examples }),
    ...run.sgo.observeValidation(loss),
    best,
    ms: performance.now() - started,
  };
}

/** By ROUGE-L where both measured it; where it is the same or absent, by loss; of equals in both the earlier stays. */
export function isBetter(result: RunState['best'] & object, best: RunState['best']): boolean {
  if (!Number.isFinite(result.loss)) return false;
  if (!best) return true;
  const scored = result.rougeL !== undefined && best.rougeL !== undefined;
  if (scored && result.rougeL !== best.rougeL) return result.rougeL > best.rougeL;
  return result.loss < best.loss;
}

/**
 * Cross-entropy of the batches' labels in nats per token, the mean over all their tokens (the official code averages
 * the means of batches, which weighs tokens of short responses more). Dropout off, no gradients, one read-back. 0 when
 * no label counts.
 */
async function validationLoss(model: LanguageModel, batches: Iterable<LabelledBatch>): Promise<number> {
  const { device } = model;
  const sum = Tensor.zeros(device, [1], 'f32', 'validation.sum');
  let tokens = 0;
  try {
    markPhase(device, 'validation');
    for (const batch of batches) {
      tidy(() => {
        const student = { hidden: model.forward(batch), head: model.head };
        const summed = linearCrossEntropy({ student, labels: batch.labels, gradScale: 1 });
        runKernel(device, 'sum', { x: summed.loss, total: sum }, { slot: 0, accumulate: 1 });
        tokens += summed.tokens;
      });
      device.submit();
    }
    const [total = 0] = await sum.read();
    return tokens === 0 ? 0 : total / tokens;
  } finally {
    sum.dispose();
  }
}

/** The student's answers to the first validation prompts, scored by ROUGE-L. Seeds are the same at each validation. */
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
    seeds: samples.map((_, index) => randomSeed(seed, 'validation', index)),
  });
  return samples.map((sample, index) => {
    const answer = tokenizer.decode(answers[index]!, { skipSpecialTokens: true });
    const { references: given = [] } = sample;
    const references = given.length > 0 ? given : [responseOf(sample, tokenizer)];
    return {
      prompt: tokenizer.decode(prompts[index]!),
      answer,
      references,
      rougeL: 100 * rougeL(answer, references),
    };
  });
}

const promptOf = ({ ids, promptLength }: ValidationSample) => ids.subarray(0, promptLength);
const responseOf = ({ ids, promptLength }: ValidationSample, tokenizer: Tokenizer) =>
  tokenizer.decode(ids.subarray(promptLength), { skipSpecialTokens: true });
