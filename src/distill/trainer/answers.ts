import { generate } from '../../generation/index.js';
import { rougeL } from '../../metrics/index.js';
import type { Tokenizer } from '../../text/index.js';
import type { ValidationExample } from './events.js';
import type { ValidationSample } from './options.js';
import type { Plan } from './plan.js';
import { randomSeed } from './random.js';

/** The student's answers to the first validation prompts, scored by ROUGE-L. Seeds are the same at each validation. */
export async function answerValidation(plan: Plan, tokenizer: Tokenizer): Promise<ValidationExample[]> {
  const { validation, objective, settings } = plan;
  const { maxNewTokens, seed, batchSize } = settings;
  const wanted = settings.validation.rougeL;
  const samples = validation.slice(0, wanted.samples);
  const prompts = samples.map(promptOf);
  const answers = await generate(objective.student, prompts, {
    maxNewTokens,
    batchSize,
    temperature: wanted.temperature,
    eosTokenId: tokenizer.eosTokenId,
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
